"use strict";
// Evaluation without the server: thresholds, prevalence and costs move figures, matrices and plots in the browser.
pneumoscope.evaluation = (() => {
  const DIGITS = 3; // of a threshold's slider
  let data = null; // what the server sent: scores, thresholds, figures and words of one split in one language
  let point = null; // the operating point, shared with Compare
  const thresholds = {}; // network → { value, point }, point null where the visitor chose the value
  let prevalence = null; // the visitor's own, 0..1; null as in the films
  let ratio = 4; // false alarms that one missed pneumonia costs

  const panel = () => document.querySelector(".evaluation");
  const all = (selector) => [...(panel()?.querySelectorAll(selector) ?? [])];
  const one = (selector) => panel()?.querySelector(selector);

  const { fixed, whole, counted, signed, unpacked, called, counts, figures, benefit, netBenefit } = pneumoscope.figures;
  const filled = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
  const percent = (share) => (Number.isNaN(share) ? "–" : filled(data.words.percent, { number: fixed(100 * share, 1) }));
  const cost = (scores, films, ill) => pneumoscope.figures.cost(scores, films, ill, ratio);
  const cheapest = (scores, ill) => pneumoscope.figures.cheapest(scores, ill, ratio);

  // What the strategies of the decision curve bring at a threshold.
  function brings(name, threshold, ill) {
    if (name === "none") return 0;
    if (name === "all") return benefit(1, 1, ill, threshold / (1 - threshold));
    return netBenefit(name === "average" ? data.average : data.networks[name].scores, threshold, ill);
  }

  const cohorts = () => {
    const [first] = Object.values(data.networks);
    return first ? first.scores.ill / first.scores.films : 0.5;
  };
  const illShare = () => prevalence ?? cohorts();
  const implied = () => 1 / (1 + ratio);

  // -- what is written ------------------------------------------------------------------------------------------

  function write(element, text) {
    if (element && element.textContent !== text) element.textContent = text;
  }

  function drawTable(name) {
    const section = one(`.network[data-network="${name}"]`);
    if (!section) return;
    const network = data.networks[name];
    const at = thresholds[name];
    const ill = illShare();
    const found = figures(network.scores, at.value, ill);
    const place = { threshold: fixed(at.value, DIGITS), point: data.words.points[at.point] };
    write(section.querySelector(".at"), filled(at.point ? data.words.at_point : data.words.at_own, place));
    for (const button of section.querySelectorAll("[data-cell]")) {
      write(button.querySelector(".count"), counted(found[button.dataset.cell]));
    }
    for (const name of ["sensitivity", "specificity", "f1", "accuracy", "ppv", "npv"]) {
      const row = section.querySelector(`tr.${name}`);
      const known = at.point && (prevalence === null || !["ppv", "npv"].includes(name));
      write(row.querySelector("td"), percent(found[name]));
      write(row.querySelector(".interval"), known ? network.intervals[at.point][name] : "–");
    }
    write(section.querySelector(".group"), filled(data.words.at_prevalence, { prevalence: percent(ill) }));
    const illFilms = whole(1000 * ill);
    const words = {
      prevalence: percent(ill),
      found: whole(illFilms * found.sensitivity),
      ill: illFilms,
      alarms: whole((1000 - illFilms) * (1 - found.specificity)),
      well: 1000 - illFilms,
    };
    write(section.querySelector(".thousand"), filled(data.words.of_thousand, words));
  }

  function drawBar() {
    for (const [name, at] of Object.entries(thresholds)) {
      const slider = one(`[data-threshold="${name}"]`);
      if (!slider) continue;
      const value = fixed(at.value, DIGITS);
      if (Number(slider.value) !== Number(value)) slider.value = value;
      write(slider.parentElement.querySelector("output"), value);
    }
    const slider = one("[data-prevalence]");
    if (slider) {
      const value = fixed(100 * illShare(), 1);
      if (Number(slider.value) !== Number(value)) slider.value = value;
      write(slider.parentElement.querySelector("output"), percent(illShare()));
    }
    const moved = Object.values(thresholds).some((at) => at.point !== point);
    one("[data-back]")?.toggleAttribute("hidden", !moved);
    one("[data-cohort]")?.toggleAttribute("hidden", prevalence === null);
  }

  function drawCosts() {
    const ill = illShare();
    const at = implied();
    const field = one("[data-ratio]"); // drawn anew with another split or language, with the ratio of the beginning
    if (field && field !== document.activeElement && Number(field.value) !== ratio) field.value = String(ratio);
    write(one("[data-implied]"), filled(data.words.implied, { ratio: String(ratio), threshold: fixed(at, DIGITS) }));
    for (const [name, { scores }] of Object.entries(data.networks)) {
      const rows = { implied: at, cheapest: cheapest(scores, ill).threshold, now: thresholds[name].value };
      for (const [row, threshold] of Object.entries(rows)) {
        const films = called(scores, threshold);
        const { tp, fp } = counts(scores, films);
        const values = {
          threshold: threshold > 1 ? data.words.call_none : fixed(threshold, DIGITS),
          missed: fixed(1000 * ill * (1 - tp / scores.ill), 1),
          alarms: fixed(1000 * (1 - ill) * (fp / (scores.films - scores.ill)), 1),
          cost: fixed(1000 * cost(scores, films, ill), 1),
        };
        for (const [column, text] of Object.entries(values)) write(one(`[data-cost="${name} ${row} ${column}"]`), text);
      }
    }
    for (const cell of all("[data-benefit]")) {
      const name = cell.dataset.benefit; // of networks that were scored on different films there is no average
      write(cell, name === "average" && !data.average ? "–" : signed(brings(name, at, ill)));
    }
  }

  // -- plots ----------------------------------------------------------------------------------------------------

  // Gradio's own code brings the library, and puts it there.
  const library = new Promise((resolve) => {
    if (window.Plotly) resolve(window.Plotly);
    else {
      Object.defineProperty(window, "Plotly", {
        configurable: true,
        get: () => undefined,
        set(value) {
          Object.defineProperty(window, "Plotly", { value, writable: true, configurable: true });
          resolve(value);
        },
      });
    }
  });

  function dot(x, y, colour, axes = ["x", "y"]) {
    const sides = { x0: -8, x1: 8, y0: -8, y1: 8, xsizemode: "pixel", ysizemode: "pixel", xanchor: x, yanchor: y };
    return { type: "circle", xref: axes[0], yref: axes[1], ...sides, line: { color: colour, width: 3 }, layer: "above" };
  }

  function upright(x, colour, dash = "solid") {
    return { type: "line", x0: x, x1: x, y0: 0, y1: 1, yref: "paper", line: { color: colour, width: 3, dash }, layer: "above" };
  }

  // Where the thresholds stand on a plot.
  function marks(name) {
    if (name === "net_benefit") return [upright(implied(), data.ink, "6px,3px")];
    const found = [];
    for (const [network, { scores, colour, dash }] of Object.entries(data.networks)) {
      const at = thresholds[network].value;
      const { tp, fp } = counts(scores, called(scores, at));
      const [recall, alarms] = [tp / scores.ill, fp / (scores.films - scores.ill)];
      if (name === "roc") {
        found.push(dot(alarms, recall, colour));
        const { xaxis2, yaxis2 } = data.figures.roc.layout;
        const inside = xaxis2 && alarms <= xaxis2.range[1] && recall >= yaxis2.range[0];
        if (inside) found.push(dot(alarms, recall, colour, ["x2", "y2"]));
      } else if (name === "pr" && tp + fp) found.push(dot(recall, tp / (tp + fp), colour));
      else if (name === "f1" || name === `histogram_${network}`) found.push(upright(at, colour, dash));
    }
    return found;
  }

  const shapes = (name) => [...(data.figures[name].layout.shapes ?? []), ...marks(name)];
  const places = new Map(); // plot's element → { key, seen, state }: what is drawn there, and whether it is on screen
  let state = 0; // counts what changes plots

  function curves(ill) {
    const drawn = data.figures.net_benefit.data;
    return drawn.map((trace) => trace.x.map((at) => brings(trace.meta, at, ill)));
  }

  // One plot a turn, so that the first is seen before the next is worked on.
  let queue = Promise.resolve();
  const turn = () => new Promise((done) => setTimeout(done));

  function paint(place) {
    const held = places.get(place);
    const name = place.dataset.figure;
    if (!held?.seen || !data.figures[name]) return;
    if (held.key !== data.key) {
      held.key = data.key;
      queue = queue.then(() => paintAnew(place, held)).then(turn);
    } else if (held.state !== state && place.dataset.drawn === data.key) {
      held.state = state;
      if (name !== "net_benefit") window.Plotly.relayout(place, { shapes: shapes(name) });
      else {
        const layout = { shapes: shapes(name), "yaxis.range": [-0.1, illShare() + 0.05] };
        window.Plotly.update(place, { y: curves(illShare()) }, layout);
      }
    }
  }

  async function paintAnew(place, held) {
    const Plotly = await library;
    const name = place.dataset.figure;
    const figure = data.figures[name];
    if (!figure || held.key !== data.key || !place.isConnected) return;
    const [key, at] = [data.key, state];
    const layout = { ...structuredClone(figure.layout), autosize: true, shapes: shapes(name) };
    layout.margin.autoexpand = true;
    const traces = structuredClone(figure.data);
    if (name === "net_benefit") refit(traces, layout);
    await Plotly.react(place, traces, layout, { ...figure.config, responsive: true });
    held.state = at;
    place.dataset.drawn = key;
    if (at !== state) paint(place); // moved meanwhile
  }

  function refit(traces, layout) {
    curves(illShare()).forEach((y, row) => (traces[row].y = y));
    layout.yaxis.range = [-0.1, illShare() + 0.05];
  }

  const watcher = new IntersectionObserver(
    (entries) => {
      for (const entry of entries) {
        const held = places.get(entry.target);
        if (!held) continue;
        held.seen = entry.isIntersecting;
        if (held.seen && data) paint(entry.target);
      }
    },
    { rootMargin: "400px" },
  );

  function watchPlots() {
    for (const place of places.keys()) {
      if (place.isConnected) continue;
      watcher.unobserve(place);
      places.delete(place);
    }
    for (const place of all(".plot[data-figure]")) {
      if (!places.has(place)) {
        places.set(place, { key: null, seen: false, state: -1 });
        watcher.observe(place);
      } else paint(place);
    }
  }

  // -- what moves it --------------------------------------------------------------------------------------------

  function draw() {
    if (!data) return;
    state += 1;
    drawBar();
    Object.keys(data.networks).forEach(drawTable);
    drawCosts();
    places.forEach((held, place) => held.seen && paint(place));
  }

  let waiting = false;
  function redraw() {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      draw();
    });
  }

  // The exact threshold of an operating point where the slider stands within its step.
  function stand(network, value) {
    const own = data.networks[network].thresholds;
    const near = Object.keys(own).filter((name) => fixed(own[name], DIGITS) === fixed(value, DIGITS));
    const name = near.includes(point) ? point : (near[0] ?? null);
    thresholds[network] = { value: name ? own[name] : value, point: name };
  }

  function toPoint() {
    for (const [network, { thresholds: own }] of Object.entries(data.networks)) {
      if (point in own) thresholds[network] = { value: own[point], point };
    }
  }

  function settle() {
    for (const button of all("[data-section]")) {
      const target = document.getElementById(button.dataset.section);
      button.parentElement.hidden = !target?.textContent.trim();
    }
    const bar = one(".evaluation-bar");
    if (bar) panel().style.setProperty("--bar", `${bar.offsetHeight}px`);
  }

  document.addEventListener("input", ({ target }) => {
    if (!data || !target.dataset || !panel()?.contains(target)) return;
    if (target.dataset.threshold) stand(target.dataset.threshold, Number(target.value));
    else if ("prevalence" in target.dataset) {
      prevalence = Number(target.value) === Number(fixed(100 * cohorts(), 1)) ? null : Number(target.value) / 100;
    } else if ("ratio" in target.dataset) {
      const wrong = !target.value || !target.validity.valid;
      target.setAttribute("aria-invalid", String(wrong));
      if (wrong) return;
      ratio = Number(target.value);
    } else return;
    redraw();
  });

  document.addEventListener("click", ({ target }) => {
    const button = target.closest?.(".evaluation button");
    if (!button || !data) return;
    const { section, network, use } = button.dataset;
    if (section) {
      const place = document.getElementById(section);
      place.tabIndex = -1;
      place.scrollIntoView({ block: "start" });
      place.focus({ preventScroll: true });
    } else if (use) {
      const found = use === "implied" ? implied() : cheapest(data.networks[network].scores, illShare()).threshold;
      thresholds[network] = { value: Math.min(found, 1), point: null };
    } else if ("back" in button.dataset) toPoint();
    else if ("cohort" in button.dataset) prevalence = null;
    else return;
    if (!section) redraw();
  });

  return {
    // What the server drew; Gradio has yet to put it on the page.
    show(sent) {
      if (!sent?.key) return;
      sent = JSON.parse(JSON.stringify(sent)); // Gradio hands out a proxy, which nothing can clone
      const networks = Object.fromEntries(
        Object.entries(sent.networks).map(([name, network]) => [name, { ...network, scores: unpacked(network.scores) }]),
      );
      const before = data;
      data = { ...sent, networks, average: sent.average && unpacked(sent.average) };
      point = point ?? sent.point;
      for (const name of Object.keys(networks)) {
        if (!before || !(name in thresholds)) thresholds[name] = { value: networks[name].thresholds[point], point };
      }
      requestAnimationFrame(() => {
        watchPlots();
        draw();
        settle();
      });
    },
    point(chosen) {
      point = chosen;
      if (data) {
        toPoint();
        redraw();
      }
      return chosen;
    },
    cell(button) {
      const network = button.closest("[data-network]").dataset.network;
      return { network, cell: button.dataset.cell, threshold: thresholds[network].value };
    },
    listed() {
      requestAnimationFrame(() => one(".cell-films h3")?.focus());
    },
    // For tests: the figures at a threshold, unrounded.
    fixed,
    figures: (network, threshold, ill) => figures(data.networks[network].scores, threshold, ill ?? cohorts()),
    netBenefit: (name, threshold, ill) => brings(name, threshold, ill ?? cohorts()),
    cheapest: (network, ill) => cheapest(data.networks[network].scores, ill ?? cohorts()),
  };
})();
