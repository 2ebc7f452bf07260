// The page without a server: loads its words and its networks, and draws every panel from what is there.

import { hasSimd } from "../simd.js";
import { batchHtml, batchJson } from "./batch.js";
import { draw, layersHtml, pointsHtml } from "./compare.js";
import { chooseSplit, drawEvaluation, followPoint, listCell } from "./evaluation.js";
import { clear, decideAt, start } from "./films.js";
import { isSmall, progress } from "./networks.js";
import { keepOffline } from "./offline.js";
import { listen, receive, show, tab } from "./opening.js";
import { address, fetchJson } from "./place.js";
import { state } from "./state.js";
import { escaped, fill, say } from "./words.js";

const LANGUAGES = ["en", "he"];
const root = document.documentElement;
const find = (/** @type {string} */ selector) => /** @type {any} */ (document.querySelector(selector));
const all = (/** @type {string} */ selector) => /** @type {any[]} */ ([...document.querySelectorAll(selector)]);

/** The language of the address, or the first that the browser asks for and the page speaks. @returns {string} */
function firstLanguage() {
  const wanted = [new URLSearchParams(location.search).get("language"), ...(navigator.languages ?? [])];
  const spoken = wanted.map((tag) => String(tag).split("-")[0]).map((tag) => (tag === "iw" ? "he" : tag));
  return spoken.find((tag) => LANGUAGES.includes(tag)) ?? "en";
}

/** What was chosen stands in the address alone: nothing is stored. @param {string} name @param {string} value */
function keepInAddress(name, value) {
  const query = new URLSearchParams(location.search);
  query.set(name, value);
  history.replaceState(null, "", `?${query}${location.hash}`);
}

/** @param {string} language */
async function speak(language) {
  state.words = await fetchJson(`texts/${language}.json`);
  pneumoscope.speak(language);
  for (const place of all("[data-text]")) place.textContent = say(place.dataset.text);
  for (const place of all("[data-html]")) place.innerHTML = state.words.html[place.dataset.html];
  for (const place of all("[data-label]")) place.setAttribute("aria-label", say(place.dataset.label));
  for (const choice of all("[data-choice=language]")) choice.checked = choice.value === language;
  find("#point-choices").innerHTML = pointsHtml();
  find("#layer-choices").innerHTML = layersHtml();
  all("#examples .example span").forEach((caption, place) => (caption.textContent = state.words.examples[place]));
  drawAll();
  drawProgress();
}

function drawAll() {
  draw();
  const focused = document.activeElement?.closest("#batch [data-film]")?.getAttribute("data-film");
  fill(find("#batch"), batchHtml());
  if (focused) find(`#batch [data-film="${focused}"]`)?.focus({ preventScroll: true });
  find("#batch-tools").hidden = !state.films.length;
  drawEvaluation();
}

function drawProgress() {
  const bar = find("#progress");
  const { done, all: bytes } = progress();
  const faults = new Set(Object.values(state.faults));
  bar.hidden = state.isReady || !bytes;
  bar.max = bytes;
  bar.value = done;
  const megabytes = { done: (done / 1e6).toFixed(0), all: (bytes / 1e6).toFixed(0) };
  let line = done < bytes ? say("browser.loading", megabytes) : say("browser.starting");
  // One line for all, where no network reads.
  if (state.isReady) line = Object.keys(state.cards).length ? "" : [...faults].map((key) => say(key)).join(" ");
  find("#loading").textContent = line;
  find("#loading").classList.toggle("fault", state.isReady && line !== "");
  find("#load-all").hidden = !faults.has("browser.small_memory");
}

/** @param {string[]} networks */
function load(networks) {
  state.faults = {};
  for (const name of ["a", "b"]) {
    if (!(name in state.page.networks)) state.faults[name] = "browser.not_here";
    else if (!networks.includes(name)) state.faults[name] = "browser.small_memory";
  }
  const changed = (/** @type {import("./state.js").Film | null} */ film) => {
    drawAll();
    drawProgress();
    // Only now: what is kept must not come beside what is waited for, nor at all where it is too much.
    if (film === null && !Object.keys(state.faults).length) keepOffline();
  };
  start(networks, { changed, progressed: drawProgress });
}

function drawExamples() {
  const buttons = state.page.examples.map((/** @type {string} */ path) => {
    return `<button type='button' class='example' data-path='${escaped(path)}'><img alt='' src='${address(path)}'><span></span></button>`;
  });
  find("#examples").innerHTML = buttons.join("");
  find("#examples").addEventListener("click", async (/** @type {any} */ { target }) => {
    const button = target.closest(".example");
    if (!button) return;
    const name = button.textContent;
    const known = state.films.find((film) => film.name === name);
    if (known) return show(known);
    receive([{ name, file: await (await fetch(address(button.dataset.path))).blob() }]);
  });
}

function listenToChoices() {
  document.addEventListener("change", ({ target }) => {
    const { dataset, value } = /** @type {HTMLInputElement} */ (target);
    const name = dataset.choice; // the names of radios are page.js's
    if (name === "language") {
      keepInAddress("language", value);
      speak(value);
    } else if (name === "layer") pneumoscope.layer(value);
    else if (name === "split") chooseSplit(value);
    else if (name === "point") {
      decideAt(value);
      for (const choice of all("[type=radio][data-choice=point]")) choice.checked = choice.value === value;
      followPoint();
      drawAll();
    }
  });
  find("#opacity").addEventListener("input", (/** @type {any} */ { target }) => pneumoscope.opacity(target.value));
  find("#theme").addEventListener("click", () => {
    keepInAddress("theme", document.body.classList.toggle("dark") ? "dark" : "light");
  });
  find("#clear").addEventListener("click", () => {
    clear();
    drawAll();
  });
  find("#save").addEventListener("click", () => {
    const link = Object.assign(document.createElement("a"), { download: "pneumoscope.json" });
    link.href = URL.createObjectURL(new Blob([batchJson()], { type: "application/json" }));
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  });
  find("#load-all").addEventListener("click", () => load(Object.keys(state.page.networks)));
  find("#panel-evaluation").addEventListener("click", (/** @type {any} */ { target }) => {
    const button = target.closest("button[data-cell]");
    if (button) listCell(button);
  });
  find("#batch").addEventListener("click", (/** @type {any} */ { target }) => {
    const id = Number(target.closest("[data-film]")?.dataset.film);
    const film = state.films.find((one) => one.id === id);
    if (film) show(film);
  });
}

function listenToTabs() {
  for (const button of all("[role=tab]")) {
    button.addEventListener("click", () => {
      for (const other of all("[role=tab]")) {
        const isChosen = other === button;
        other.setAttribute("aria-selected", String(isChosen));
        other.classList.toggle("selected", isChosen);
        other.tabIndex = isChosen ? 0 : -1;
        find(`#panel-${other.dataset.tabId}`).hidden = !isChosen;
      }
      drawAll();
    });
  }
}

async function main() {
  const theme = new URLSearchParams(location.search).get("theme");
  const isDark = theme ? theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  document.body.classList.toggle("dark", isDark);
  state.page = await fetchJson("texts/page.json");
  state.point = state.page.point;
  const names = Object.keys(state.page.networks);
  // The networks are under way before the first word is on screen.
  if (hasSimd()) load(isSmall() ? names.slice(0, 1) : names);
  else Object.assign(state, { isReady: true, faults: Object.fromEntries(names.map((name) => [name, "browser.no_simd"])) });
  drawExamples();
  listenToChoices();
  viewer.attach(find("#film"), () => {});
  listenToTabs();
  await speak(firstLanguage());
  listen(drawAll);
  followAddress();
  root.dataset.drawn = "";
}

main().catch((error) => {
  find("#loading").textContent = find("#loading").dataset.failed;
  throw error;
});
