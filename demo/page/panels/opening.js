"use strict";
// How films come to the page: chosen, dropped or pasted on any tab, opened from examples or a batch's rows; and how one
// goes from film to film. Files stay where the visitor has them: one that is gone back to is sent and read again.
const opening = (() => {
  const MOST_REMEMBERED = 100;
  const PREVIEWED = /^image\/(jpeg|png|webp|bmp)$/;
  const SECONDS_A_WORD_STANDS = 6;
  const root = document.documentElement;
  let films = []; // of this session, in the order in which they were first opened
  let current = null; // the one on screen
  let coming = null; // the one that is read
  let after = null; // the one to be read then
  let preview = null;

  const panel = () => document.querySelector("#compare-panel");
  const field = (place) => document.querySelector(`${place} input[type=file]`);
  const rows = () => [...document.querySelectorAll("#batch-readings tr:not(.unread) button[data-film]")];
  const isRow = (film, button) => +button.dataset.film === film?.row && button.textContent === film.name;
  const rowOf = (film) => rows().find((button) => isRow(film, button)); // of a later batch it is another film
  const tab = (name) => document.querySelector(`[role=tab][data-tab-id=${name}]`);
  const isOpen = (name) => tab(name)?.getAttribute("aria-selected") === "true";
  const isArchive = (file) => /\.zip$/i.test(file.name) || file.type === "application/zip";
  const hands = (event) => event.dataTransfer?.types.some((type) => /^Files$/.test(type));
  const words = () => JSON.parse(viewer.find(".viewer")?.dataset.words ?? "{}");
  const filled = (text, values) => Object.entries(values).reduce((all, [key, value]) => all.replace(`{${key}}`, value), text);

  // Made early, for a screen reader hears only a region that it knows; Gradio may empty the page once it draws it.
  function voice() {
    let region = document.getElementById("page-says");
    if (!region) {
      region = document.createElement("div");
      region.id = "page-says";
      region.setAttribute("role", "status");
      document.body.append(region);
    }
    return region;
  }

  // For those who do not see the page change; `shown` also for those who might not look there.
  function say(text, shown = false) {
    const region = voice();
    region.textContent = text;
    region.classList.toggle("shown", shown);
    if (shown) setTimeout(() => region.textContent === text && region.classList.remove("shown"), SECONDS_A_WORD_STANDS * 1000);
  }

  function begin(film) {
    coming = film;
    root.dataset.reading = "";
    panel()?.setAttribute("aria-busy", "true");
    const text = filled(words().reading ?? "", { name: film.name });
    showPreview(film, text);
    say(text);
  }

  function showPreview(film, text) {
    removePreview();
    const host = viewer.host();
    if (!host) return;
    preview = document.createElement("div");
    preview.className = "preview";
    const line = document.createElement("p");
    line.textContent = text;
    line.dir = "auto";
    const isPicture = film.file && PREVIEWED.test(film.file.type);
    const source = isPicture ? URL.createObjectURL(film.file) : film.picture;
    if (source) {
      const picture = new Image();
      picture.alt = "";
      picture.onerror = () => picture.remove();
      picture.src = source;
      preview.append(picture);
      preview.freed = isPicture ? source : null;
    }
    preview.append(line);
    host.closest(".film-holder.block, .block").append(preview);
  }

  function removePreview() {
    if (preview?.freed) URL.revokeObjectURL(preview.freed);
    preview?.remove();
    preview = null;
  }

  // A reading has ended: its film is on screen, or why there is none.
  function done() {
    const film = coming;
    end();
    const next = after;
    after = null;
    if (next) open(next);
    // Once the page is drawn.
    else requestAnimationFrame(() => requestAnimationFrame(() => settle(film)));
  }

  function settle(film) {
    if (!film || coming) return;
    if (film.row !== undefined && !isOpen("compare")) return; // it could not be opened; the table says why
    current = viewer.find("[data-film]") ? film : null;
    if (current && film.row === undefined && !films.includes(film)) films = [...films, film].slice(-MOST_REMEMBERED);
    say([...document.querySelectorAll(".verdict-strip > *")].map((part) => part.innerText).join(". "));
    renewed();
    toVerdict();
    const focused = document.activeElement;
    // The keyboard was on a tab that is hidden now, or nowhere.
    if (!focused || focused === document.body || !focused.offsetParent) viewer.focus();
  }

  // On a narrow screen the verdict stands above the film, and is what comes into sight.
  function toVerdict() {
    const strip = document.querySelector(".verdict-strip");
    if (!strip?.offsetParent) return;
    const { top, bottom } = strip.getBoundingClientRect();
    if (top < 0 || bottom > innerHeight) strip.scrollIntoView({ block: "start" });
  }

  // No reading goes on: the film could not even be sent, or it is read.
  function end() {
    coming = null;
    delete root.dataset.reading;
    panel()?.removeAttribute("aria-busy");
    removePreview();
  }

  function open(film) {
    if (coming) {
      after = film; // one after the other, and of those that wait the last
      return;
    }
    if (film.row !== undefined) rowOf(film)?.click();
    else if (film.button) film.button.click();
    else send(film);
  }

  function send(film) {
    if (!isOpen("compare")) tab("compare")?.click();
    begin(film);
    give(field("#drop"), [film.file]);
  }

  function give(input, files) {
    const all = new DataTransfer();
    for (const file of files) all.items.add(file);
    input.files = all.files;
    input.dispatchEvent(new CustomEvent("change", { bubbles: true, detail: "ours" }));
  }

  function many(files) {
    say(files.length > 1 ? filled(words().several ?? "", { count: files.length }) : "", true);
    tab("batch")?.click();
    waitFor("#batch-drop", (input) => give(input, files));
  }

  // Gradio draws a tab when it is opened first.
  function waitFor(place, act) {
    if (field(place)) return act(field(place));
    const watch = new MutationObserver(() => {
      if (!field(place)) return;
      watch.disconnect();
      act(field(place));
    });
    watch.observe(document.body, { childList: true, subtree: true });
  }

  function receive(files) {
    if (!files.length) return;
    if (files.length > 1 || isArchive(files[0]) || isOpen("batch")) many(files);
    else open({ file: files[0], name: files[0].name });
  }

  // The files of a drop, those in folders among them.
  async function dropped(transfer) {
    const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
    if (!entries.some((entry) => entry.isDirectory)) return [...transfer.files];
    const files = [];
    const pending = [...entries];
    while (pending.length) {
      const entry = pending.shift();
      if (entry.isFile) files.push(await new Promise((found, failed) => entry.file(found, failed)));
      else {
        const reader = entry.createReader();
        for (let some = [0]; some.length; ) {
          some = await new Promise((found, failed) => reader.readEntries(found, failed));
          pending.push(...some);
        }
      }
    }
    return files;
  }

  // What Gradio's own fields and buttons are about to do: it is one film at a time here as well.
  function foresee(event, film) {
    if (coming) {
      event.preventDefault();
      event.stopImmediatePropagation();
      after = film;
    } else begin(film);
  }

  function neighbours() {
    if (!current) return [];
    if (current.row === undefined) return films;
    return rowOf(current) ? rows().map((button) => ({ row: +button.dataset.film, name: button.textContent })) : [];
  }

  const placeOf = (all) => all.findIndex((film) => film === current || (film.row !== undefined && film.row === current.row));

  function step(by) {
    const all = neighbours();
    const next = all[placeOf(all) + by];
    if (next && placeOf(all) >= 0) open(next);
  }

  function back() {
    tab("batch")?.click();
    requestAnimationFrame(() => {
      const button = rowOf(current);
      button?.scrollIntoView({ block: "center" });
      (button ?? tab("batch"))?.focus({ preventScroll: true });
    });
  }

  // The viewer has drawn a film anew: its name as the visitor wrote it, its place among the others.
  function renewed() {
    const find = viewer.find;
    if (!find("[data-do=back]")) return;
    const all = neighbours();
    const place = placeOf(all);
    const name = find(".viewer-facts .name");
    if (name && current?.file) name.textContent = current.name;
    for (const part of ["[data-do=previous]", "[data-do=next]", ".place"]) find(part).hidden = all.length < 2 || place < 0;
    find("[data-do=previous]").disabled = place <= 0;
    find("[data-do=next]").disabled = place >= all.length - 1;
    find(".place").textContent = filled(words().place ?? "", { place: place + 1, count: all.length });
    find("[data-do=back]").hidden = current?.row === undefined || !rowOf(current);
    // By style alone (`:has`) every change of the page would be looked at, and Evaluation's plots take twice as long.
    for (const group of find(".viewer-bar").children) group.hidden = [...group.children].every((part) => part.hidden);
  }

  function listen() {
    document.addEventListener("change", (event) => {
      if (event.detail === "ours" || !event.target.matches?.("#drop input[type=file]") || !event.target.files.length) return;
      const file = event.target.files[0];
      foresee(event, { file, name: file.name });
    }, true);
    document.addEventListener("click", (event) => {
      const target = event.target.closest?.(".example button, #batch-readings button[data-film], .film.empty");
      if (!target) return;
      if (target.matches(".film.empty")) field("#drop")?.click();
      else if (target.dataset.film !== undefined) foresee(event, { row: +target.dataset.film, name: target.textContent });
      else foresee(event, known(target));
    }, true);
    // A file that could not be sent ends in a message of Gradio's and in no reading; a table that changes, in other rows.
    new MutationObserver((changes) => {
      if (coming && changes.some((change) => [...change.addedNodes].some((node) => node.querySelector?.(".toast-body.error") ?? node.matches?.(".toast-body.error")))) end();
      if (current?.row !== undefined && changes.some((change) => change.target.closest?.("#batch-readings"))) renewed();
    }).observe(root, { childList: true, subtree: true });
  }

  function known(button) {
    const before = films.find((film) => film.button === button);
    return before ?? { button, name: button.textContent.trim(), picture: button.closest(".example").querySelector("img")?.src };
  }

  listen();
  for (const [name, is] of [["dragenter", true], ["dragover", true], ["dragleave", false], ["dragend", false], ["drop", false]]) {
    document.addEventListener(name, (event) => {
      if (!hands(event)) return;
      if (is) event.preventDefault();
      document.body.classList.toggle("dropping", is);
    }, true);
  }
  document.addEventListener("drop", async (event) => {
    if (!hands(event)) return;
    event.preventDefault();
    event.stopImmediatePropagation(); // Gradio's fields take files too, but only on themselves
    receive(await dropped(event.dataTransfer));
  }, true);
  document.addEventListener("paste", (event) => {
    if (!event.clipboardData?.files.length) return;
    event.preventDefault();
    receive([...event.clipboardData.files]);
  });
  return { words, done, step, back, renewed, voice };
})();
