// The first panel: the film on screen in its viewer, what the networks say of it, the examples.

import { beingRead } from "./films.js";
import { heatmapLayers, legendHtml, pictureAddress } from "./heatmap.js";
import { errorHtml, readingsHtml, stripHtml } from "./readings.js";
import { state } from "./state.js";
import { escaped, fill, put, say } from "./words.js";

/** @typedef {import("./state.js").Film} Film */

/** @type {Film | null} whose picture is drawn */
let drawn = null;
let picture = "";
let shown = ""; // what the viewer was drawn for: film, language, networks
/** @type {HTMLImageElement[]} the film's heatmaps */
let layers = [];
let layered = ""; // film and networks that they are of

const find = (/** @type {string} */ selector) => /** @type {HTMLElement} */ (document.querySelector(selector));

/** Draw the panel as things are. */
export async function draw() {
  const film = state.current;
  const isRead = Boolean(film?.readings);
  const isWaiting = film !== null && !film.error && !isRead;
  document.documentElement.toggleAttribute("data-reading", isWaiting);
  find("#compare-panel").setAttribute("aria-busy", String(isWaiting));
  fill(find("#strip"), film ? stripHtml(film) : "");
  fill(find("#readings"), film?.error ? errorHtml(film.error) : readingsHtml(film));
  find("#heatmap-choice").hidden = !Object.values(state.cards).length;
  find("#waiting").textContent = isWaiting ? waitingLine(film) : "";
  await drawFilm(film);
}

/** @param {Film} film @returns {string} */
function waitingLine(film) {
  const isFirst = film.pixels && !state.isReady;
  return isFirst ? say("browser.waits", { name: film.name }) : say("viewer.reading", { name: film.name });
}

/** @param {Film | null} film */
async function drawFilm(film) {
  const host = find("#film");
  const { language } = state.words;
  if (!film?.pixels) {
    const isNext = film !== null && !film.error && (drawn === film || beingRead() === film);
    if (isNext || shown === language) return; // what was there before stays until the next one is
    [drawn, shown] = [null, language];
    host.innerHTML = state.words.html.empty_viewer;
    return viewer.renew();
  }
  if (drawn !== film) {
    const address = await pictureAddress(canvasOf(film.pixels), "image/jpeg");
    if (state.current !== film || !film.pixels || drawn === film) return URL.revokeObjectURL(address);
    URL.revokeObjectURL(picture);
    [picture, drawn] = [address, film];
  }
  const reads = `${film.id} ${film.readings?.length ?? 0}`;
  if (shown !== `${reads} ${language}`) {
    shown = `${reads} ${language}`;
    drawViewer(host, film);
  }
  if (layered === reads) return;
  layered = reads;
  forget(layers);
  layers = []; // none of another film's may ever lie over this one
  const found = await heatmapLayers(film);
  if (layered !== reads) return forget(found);
  layers = found;
  showLayers(host);
}

/** @param {HTMLImageElement[]} pictures */
function forget(pictures) {
  for (const { src } of pictures) URL.revokeObjectURL(src);
}

/** @param {HTMLElement} host */
function showLayers(host) {
  for (const frame of host.querySelectorAll(".frame")) {
    frame.querySelectorAll(".layer").forEach((old) => old.remove());
    frame.append(...layers.map((layer) => layer.cloneNode()));
  }
}

/** @param {HTMLElement} host @param {Film} film */
function drawViewer(host, film) {
  const { width, height } = /** @type {import("../resize.js").Grey} */ (film.pixels);
  host.innerHTML = state.words.html.viewer;
  const box = /** @type {HTMLElement} */ (host.querySelector(".viewer"));
  Object.assign(box.dataset, { film: String(film.id), width: String(width), height: String(height) });
  const label = say("viewer.label", { name: film.name });
  host.querySelector(".film")?.setAttribute("aria-label", label);
  const alt = escaped(say("compare.film_alt", { width, height }));
  put(
    find("#film .view.one"),
    `<div class='frame' data-style='aspect-ratio:${width}/${height}'>` +
      `<img class='picture' alt='${alt}' draggable='false' src='${picture}'></div>`,
  );
  const [name, pixels, bits] = host.querySelectorAll(".viewer-facts > span");
  name.firstElementChild?.replaceChildren(film.name);
  const sides = { width: width.toLocaleString("en-US"), height: height.toLocaleString("en-US") };
  pixels.textContent = say("viewer.pixels", sides);
  bits.textContent = say("viewer.bits", { bits: film.bits });
  box.insertAdjacentHTML("beforeend", legendHtml(film));
  if (layered === `${film.id} ${film.readings?.length ?? 0}`) showLayers(host);
  viewer.renew();
}

/** @param {import("../resize.js").Grey} film @returns {HTMLCanvasElement} */
function canvasOf({ width, height, data }) {
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width, height });
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const image = context.createImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer);
  data.forEach((grey, place) => (pixels[place] = 0xff000000 | (grey * 0x10101)));
  context.putImageData(image, 0, 0);
  return canvas;
}

/** The operating points, below each what the networks reached there. @returns {string} */
export function pointsHtml() {
  return state.page.points
    .map((/** @type {string} */ point) => {
      const text = [say(`operating_point.${point}`), state.words.reached[point]].filter(Boolean).join("\n");
      const checked = point === state.point ? " checked" : "";
      return `<label><input type='radio' data-choice='point' value='${point}'${checked}><span>${escaped(text)}</span></label>`;
    })
    .join("");
}

/** Film alone, each network, and both side by side. @returns {string} */
export function layersHtml() {
  const chosen = document.documentElement.dataset.layer ?? "none";
  const choices = [["none", say("compare.heatmap.none")], ["a", "A"], ["b", "B"], ["ab", "A | B"]];
  return choices
    .map(([value, text]) => {
      const checked = value === chosen ? " checked" : "";
      return `<label><input type='radio' data-choice='layer' value='${value}'${checked}><span>${escaped(text)}</span></label>`;
    })
    .join("");
}
