"use strict";
// The film viewer: zoom, pan, grey window, full screen. All of it happens here; only a film's detail is asked for.
const viewer = (() => {
  const KEPT = 1.25; // a step of the keyboard and of the buttons
  const CLOSEST = 16; // screen pixels to a film pixel
  const root = document.documentElement;
  const fresh = () => ({ token: null, scale: 1, x: 0, y: 0, fitted: true, level: 0.5, width: 1, inverted: false });
  let host = null; // Gradio's component, whose content it replaces with every film
  let ask = () => {}; // ask the server for a film's detail
  let view = fresh();
  let detail = { token: null, url: null };
  let stopped = null;

  const find = (selector) => host?.querySelector(selector);
  const all = (selector) => [...(host?.querySelectorAll(selector) ?? [])];
  const box = () => find(".viewer[data-film]");
  const side = () => host.closest(".film-side");
  const film = () => ({ width: +box().dataset.width, height: +box().dataset.height });
  const room = () => {
    const one = find(".view.one");
    return { width: one.clientWidth, height: one.clientHeight };
  };
  const fitting = () => Math.min(room().width / film().width, room().height / film().height);
  const actual = () => 1 / window.devicePixelRatio;
  const between = (least, value, most) => Math.min(Math.max(value, least), most);

  // A film may be moved until its edge is in the middle: closer limits would shift it from under the pointer.
  function within(place, length, space) {
    return view.fitted ? (space - length) / 2 : between(space / 2 - length, place, space / 2);
  }

  function draw() {
    if (!box() || !room().width) return;
    const { width, height } = film();
    if (view.fitted) view.scale = fitting();
    view.x = within(view.x, width * view.scale, room().width);
    view.y = within(view.y, height * view.scale, room().height);
    const density = view.scale * window.devicePixelRatio;
    for (const frame of all(".frame")) {
      frame.style.width = `${width * view.scale}px`;
      frame.style.height = `${height * view.scale}px`;
      frame.style.transform = `translate(${view.x}px, ${view.y}px)`;
      frame.classList.toggle("pixels", density >= 3);
    }
    find(".film").classList.toggle("zoomed", !view.fitted);
    const shown = Math.round(density * 100);
    find(".zoom").textContent = [shown, "%"].join(" ");
    const drawn = picture().naturalWidth; // 0 until it is decoded
    if (box().dataset.detail === "1" && drawn && width * density > drawn * 1.05) fetchDetail();
  }

  const picture = () => find("img.picture");

  function fetchDetail() {
    const { token } = view;
    if (detail.token === token) return;
    forgetDetail();
    detail.token = token;
    tell("detail");
    ask(token);
  }

  function forgetDetail() {
    if (detail.url) URL.revokeObjectURL(detail.url);
    detail = { token: null, url: null };
  }

  async function take(sent) {
    if (!sent || sent.token !== view.token || detail.token !== sent.token || detail.url) return;
    if (!sent.jpeg) return tell("no_detail");
    const bytes = Uint8Array.from(atob(sent.jpeg), (letter) => letter.charCodeAt(0));
    detail.url = URL.createObjectURL(new Blob([bytes], { type: "image/jpeg" }));
    await showDetail();
  }

  async function showDetail() {
    const { url, token } = detail;
    const whole = new Image();
    whole.src = url;
    try {
      await whole.decode(); // beside the page: a film of 50 megapixels takes most of a second
    } catch {
      if (token === view.token) tell("no_detail");
      return;
    }
    if (token !== view.token || url !== detail.url) return; // another film came meanwhile
    for (const each of all("img.picture")) each.src = url;
    tell("");
  }

  function tell(key) {
    const place = find(".detail");
    if (place) place.textContent = key ? opening.words()[key] : "";
  }

  function zoom(factor, at = { x: room().width / 2, y: room().height / 2 }) {
    const scale = between(Math.min(fitting(), actual()), view.scale * factor, Math.max(CLOSEST, fitting()));
    view.x = at.x - ((at.x - view.x) * scale) / view.scale;
    view.y = at.y - ((at.y - view.y) * scale) / view.scale;
    view.scale = scale;
    view.fitted = Math.abs(scale / fitting() - 1) < 0.01;
    draw();
  }

  function pan(x, y) {
    view.x += x;
    view.y += y;
    draw();
  }

  function fit() {
    view.fitted = true;
    draw();
  }

  function oneToOne(at) {
    zoom(actual() / view.scale, at);
  }

  // The grey window as a line from grey to grey, which is exact and undone by taking it away.
  function grey() {
    const low = view.level - view.width / 2;
    let [slope, intercept] = [1 / view.width, -low / view.width];
    if (view.inverted) [slope, intercept] = [-slope, 1 - intercept];
    const changed = view.inverted || view.level !== 0.5 || view.width !== 1;
    for (const one of filter().querySelectorAll("[slope]")) {
      one.setAttribute("slope", slope);
      one.setAttribute("intercept", intercept);
    }
    find(".film").classList.toggle("windowed", changed);
    find(".display-only").hidden = !changed;
    find(".viewer-window p").style.visibility = changed ? "hidden" : ""; // it says the same, and keeps its place
    press("invert", view.inverted);
    for (const slider of all("[data-grey]")) slider.value = Math.round(view[slider.dataset.grey] * 100);
  }

  function filter() {
    const found = document.getElementById("grey-window");
    if (found) return found;
    const make = (name, attributes, inside = []) => {
      const made = document.createElementNS("http://www.w3.org/2000/svg", name);
      for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
      made.append(...inside);
      return made;
    };
    const lines = ["R", "G", "B"].map((colour) => make(`feFunc${colour}`, { type: "linear", slope: 1, intercept: 0 }));
    const area = { x: 0, y: 0, width: 1, height: 1, "color-interpolation-filters": "sRGB" };
    const made = make("filter", { id: "grey-window", ...area }, [make("feComponentTransfer", {}, lines)]);
    const holder = make("svg", { width: 0, height: 0, "aria-hidden": true }, [made]);
    holder.style.position = "absolute";
    document.body.append(holder);
    return made;
  }

  function press(action, state) {
    find(`[data-do=${action}]`)?.setAttribute("aria-pressed", state);
  }

  const isFull = () => document.fullscreenElement === side() || side().classList.contains("full");

  async function full() {
    const whole = side();
    if (isFull()) {
      whole.classList.remove("full");
      if (document.fullscreenElement) await document.exitFullscreen();
    } else if (whole.requestFullscreen) {
      // Where the browser will not, as inside a frame, the film takes the window.
      await whole.requestFullscreen().catch(() => whole.classList.add("full"));
    } else whole.classList.add("full");
    changedSize();
  }

  function changedSize() {
    if (!box()) return;
    press("full", isFull());
    draw();
  }

  const acts = {
    in: () => zoom(KEPT),
    out: () => zoom(1 / KEPT),
    fit,
    actual: () => oneToOne(),
    invert() {
      view.inverted = !view.inverted;
      grey();
    },
    window() {
      const panel = find(".viewer-window");
      panel.hidden = !panel.hidden;
      find("[data-do=window]").setAttribute("aria-expanded", !panel.hidden);
    },
    reset() {
      Object.assign(view, { level: 0.5, width: 1, inverted: false });
      grey();
    },
    full,
    previous: () => opening.step(-1),
    next: () => opening.step(1),
    back: () => opening.back(),
  };

  function key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input")) return;
    const turned = root.dir === "rtl" ? -1 : 1;
    const step = 60;
    const moves = { ArrowLeft: [step, 0], ArrowRight: [-step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] };
    const letters = { "+": "in", "=": "in", "-": "out", 0: "fit", 1: "actual", KeyF: "full", KeyI: "invert" };
    // Letters by where they are, whatever language the keyboard is in.
    const act = letters[event.key] ?? letters[event.code];
    if (act) acts[act]();
    else if (event.key === "ArrowLeft" && !event.shiftKey) opening.step(-turned);
    else if (event.key === "ArrowRight" && !event.shiftKey) opening.step(turned);
    else if (moves[event.key] && !view.fitted) pan(...moves[event.key]);
    else if (/^Esc/.test(event.key) && side().classList.contains("full")) full();
    else return;
    event.preventDefault();
  }

  // Where in a viewport something happens: both of A | B move together, so either will do.
  function place(event) {
    const view = (event.target.closest?.(".view") ?? find(".view.one")).getBoundingClientRect();
    return { x: event.clientX - view.left, y: event.clientY - view.top };
  }

  const fingers = new Map(); // pointers that are down: where each was last
  function down(event) {
    if (!box() || event.button > 0) return;
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    // An example, a button: not under the film. What is dragged out of the film still belongs to it.
    find(".film").setPointerCapture(event.pointerId);
  }

  function move(event) {
    const was = fingers.get(event.pointerId);
    if (!was || !box()) return;
    const now = { x: event.clientX, y: event.clientY };
    const others = [...fingers].filter(([id]) => id !== event.pointerId);
    if (others.length) {
      const other = others[0][1];
      const apart = (one) => Math.max(Math.hypot(one.x - other.x, one.y - other.y), 1);
      const middle = { clientX: (now.x + other.x) / 2, clientY: (now.y + other.y) / 2, target: stopped };
      pan((now.x - was.x) / 2, (now.y - was.y) / 2);
      zoom(apart(now) / apart(was), place(middle));
    } else if (event.altKey) {
      view.level = between(0, view.level - (now.y - was.y) / 400, 1);
      view.width = between(0.01, view.width + (now.x - was.x) / 400, 2);
      grey();
    } else if (!view.fitted) pan(now.x - was.x, now.y - was.y);
    fingers.set(event.pointerId, now);
  }

  function up(event) {
    fingers.delete(event.pointerId);
  }

  function wheel(event) {
    if (!box()) return;
    // Farther out than the whole film there is nothing: the page scrolls on.
    if (view.fitted && event.deltaY > 0 && fitting() <= actual()) return;
    event.preventDefault();
    const lines = event.deltaMode === 1 ? 16 : 1;
    zoom(Math.exp(-between(-120, event.deltaY * lines, 120) / 400), place(event));
  }

  function twice(event) {
    if (!box()) return;
    if (view.fitted) zoom(Math.max(actual() / view.scale, 2), place(event));
    else fit();
  }

  // A second viewport where the evidence of A and of B is wanted side by side.
  function arrange() {
    const place = box() && find(".film");
    if (!place) return;
    const two = place.querySelector(".view.two");
    const wanted = root.dataset.layer === "ab";
    if (wanted && !two) {
      const copy = find(".view.one").cloneNode(true);
      copy.classList.replace("one", "two");
      copy.setAttribute("aria-hidden", "true"); // the same film once more
      place.append(copy);
    } else if (!wanted) two?.remove();
    draw();
  }

  // What Gradio has put into its component: another film, the same one in another language, or none.
  function renew() {
    fingers.clear();
    const token = box()?.dataset.film ?? null;
    if (token !== view.token) {
      view = { ...fresh(), token };
      forgetDetail();
    }
    opening.renewed(token);
    if (!token) return;
    arrange();
    grey();
    press("full", isFull());
    picture().addEventListener("load", draw, { once: true });
    if (detail.url) showDetail();
  }

  function listen() {
    const on = (name, act, options) =>
      host.addEventListener(name, (event) => event.target.closest?.(".viewer[data-film] .film") && act(event), options);
    on("wheel", wheel, { passive: false });
    on("pointerdown", (event) => {
      stopped = event.target;
      down(event);
    });
    on("pointermove", move);
    for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) host.addEventListener(end, up);
    on("dblclick", twice);
    // Two fingers are ours even where one scrolls the page.
    on("touchstart", (event) => event.touches.length > 1 && event.preventDefault(), { passive: false });
    host.addEventListener("keydown", (event) => box()?.contains(event.target) && key(event));
    host.addEventListener("click", (event) => {
      const button = event.target.closest("[data-do]");
      if (button && box()) acts[button.dataset.do]();
    });
    host.addEventListener("input", (event) => {
      if (!event.target.dataset.grey || !box()) return;
      view[event.target.dataset.grey] = event.target.value / 100;
      grey();
    });
    new ResizeObserver(changedSize).observe(host);
    new MutationObserver(arrange).observe(root, { attributes: true, attributeFilter: ["data-layer"] });
    document.addEventListener("fullscreenchange", changedSize);
  }

  return {
    attach(element, request) {
      host = element;
      ask = request;
      opening.voice();
      listen();
      renew();
    },
    renew,
    take,
    focus: () => find(".film")?.focus({ preventScroll: true }),
    host: () => host,
    find,
  };
})();
