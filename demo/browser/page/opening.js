// How films come to the page: chosen, dropped or pasted; and what the film viewer asks of the page around it.

import { addFilms, next, open } from "./films.js";
import { state } from "./state.js";
import { say } from "./words.js";

/** @typedef {import("./state.js").Film} Film */

/** @type {() => void} */
let redraw = () => {};

export const tab = (/** @type {string} */ name) => {
  return /** @type {HTMLElement} */ (document.querySelector(`[role=tab][data-tab-id=${name}]`));
};

/** Films that came: one is opened, several are listed. @param {{name: string, file: Blob}[]} files */
export function receive(files) {
  if (!files.length) return;
  const films = addFilms(files);
  if (films.length === 1) return show(films[0]);
  announce(say("viewer.several", { count: films.length }));
  tab("batch").click();
  next();
  redraw();
}

/** Put a film of this session on screen. @param {Film} film */
export function show(film) {
  tab("compare").click();
  open(film);
  redraw();
}

/** For those who do not see the page change. @param {string} text */
function announce(text) {
  const region = /** @type {HTMLElement} */ (document.querySelector("#page-says"));
  region.textContent = text;
  region.classList.toggle("shown", Boolean(text));
  setTimeout(() => region.textContent === text && region.classList.remove("shown"), 6000);
}

const place = () => (state.current ? state.films.indexOf(state.current) : -1);

// viewer.js, which this page shares with the one that has a server, asks for these by that name.
globalThis.opening = {
  words: () => ({}),
  voice() {},
  done() {},
  step(/** @type {number} */ by) {
    const film = state.films[place() + by];
    if (film && place() >= 0) show(film);
  },
  back() {
    tab("batch").click();
    document.querySelector(`#batch-readings [data-film="${state.current?.id}"]`)?.focus();
  },
  renewed() {
    const find = viewer.find;
    if (!find("[data-do=back]")) return;
    const isAlone = state.films.length < 2 || place() < 0;
    for (const part of ["[data-do=back]", "[data-do=previous]", "[data-do=next]", ".place"]) find(part).hidden = isAlone;
    find("[data-do=previous]").disabled = place() <= 0;
    find("[data-do=next]").disabled = place() >= state.films.length - 1;
    find(".place").textContent = say("viewer.place", { place: place() + 1, count: state.films.length });
    for (const group of find(".viewer-bar").children) group.hidden = [...group.children].every((part) => part.hidden);
  },
};

const hands = (/** @type {DragEvent} */ event) => event.dataTransfer?.types.includes("Files");

/** @param {() => void} drawAll called when another film is to be seen */
export function listen(drawAll) {
  redraw = drawAll;
  const field = /** @type {HTMLInputElement} */ (document.querySelector("#choose"));
  field.addEventListener("change", () => {
    receive(named(field.files ?? []));
    field.value = "";
  });
  document.querySelector("#film")?.addEventListener("click", (event) => {
    if (/** @type {HTMLElement} */ (event.target).closest(".film.empty")) field.click();
  });
  for (const [name, isOver] of /** @type {const} */ ([["dragenter", true], ["dragover", true], ["dragleave", false], ["drop", false]])) {
    document.addEventListener(name, (event) => {
      if (!hands(event)) return;
      event.preventDefault();
      document.body.classList.toggle("dropping", isOver);
    });
  }
  document.addEventListener("drop", async (event) => {
    if (event.dataTransfer && hands(event)) receive(named(await dropped(event.dataTransfer)));
  });
  document.addEventListener("paste", (event) => {
    if (!event.clipboardData?.files.length) return;
    event.preventDefault();
    receive(named(event.clipboardData.files));
  });
}

/** @param {Iterable<File>} files */
const named = (files) => [...files].map((file) => ({ name: file.name, file }));

/** The files of a drop, those in folders among them. @param {DataTransfer} transfer @returns {Promise<File[]>} */
async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter((entry) => entry !== null);
  if (!entries.some((entry) => entry?.isDirectory)) return [...transfer.files];
  const files = [];
  for (let entry = entries.shift(); entry; entry = entries.shift()) {
    if (entry.isFile) files.push(await new Promise((found, failed) => entry.file(found, failed)));
    else {
      const reader = entry.createReader();
      for (let some = [null]; some.length; entries.push(...some)) {
        some = await new Promise((found, failed) => reader.readEntries(found, failed));
      }
    }
  }
  return files;
}
