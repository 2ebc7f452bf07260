// The first panel: the film on screen in its viewer, what the networks say of it, the examples.

import { beingRead } from "./films.js";
import { heatmapLayers, legendHtml, pictureAddress } from "./heatmap.js";
import { errorHtml, readingsHtml, stripHtml } from "./readings.js";
import { state } from "./state.js";
import { escaped, say } from "./words.js";

/** @typedef {import("./state.js").Film} Film */

/** @type {Film | null} whose picture is drawn */
let drawn = null;
let picture = "";
/** @type {Film | null} whose heatmaps are drawn */
let layered = null;

const find = (/** @type {string} */ selector) => /** @type {HTMLElement} */ (document.querySelector(selector));

/** Draw the panel as things are. */
export async function draw() {
  const film = state.current;
  const isRead = Boolean(film?.readings);
  const isWaiting = film !== null && !film.error && !isRead;
  document.documentElement.toggleAttribute("data-reading", isWaiting);
  find("#compare-panel").setAttribute("aria-busy", String(isWaiting));
  find("#strip").innerHTML = film ? stripHtml(film) : "";
  find("#readings").innerHTML = film?.error ? errorHtml(film.error) : readingsHtml(film);
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
  if (!film?.pixels) {
    if (!film || film.error || (drawn !== film && beingRead() !== film)) {
      drawn = null;
      host.innerHTML = state.words.html.empty_viewer;
      viewer.renew();
    }
    return;
  }
  if (drawn !== film || !picture) {
    const address = await pictureAddress(canvasOf(film.pixels), "image/jpeg");
    if (state.current !== film || !film.pixels) return URL.revokeObjectURL(address);
    if (picture) URL.revokeObjectURL(picture);
    [picture, drawn, layered] = [address, film, null];
  }
  drawViewer(host, film);
  const layers = await heatmapLayers(film);
  if (state.current !== film || drawn !== film || layered === film) return;
  layered = film.readings ? film : null;
  for (const frame of host.querySelectorAll(".frame")) {
    frame.querySelectorAll(".layer").forEach((old) => old.remove());
    frame.append(...layers.map((layer) => layer.cloneNode()));
  }
}

/** @param {HTMLElement} host @param {Film} film */
function drawViewer(host, film) {
  const { width, height } = /** @type {import("../resize.js").Grey} */ (film.pixels);
  const kept = layered === film ? [...host.querySelectorAll(".view.one .layer")] : [];
  host.innerHTML = state.words.html.viewer;
  const box = /** @type {HTMLElement} */ (host.querySelector(".viewer"));
  Object.assign(box.dataset, { film: String(film.id), width: String(width), height: String(height) });
  const label = say("viewer.label", { name: film.name });
  host.querySelector(".film")?.setAttribute("aria-label", label);
  const alt = escaped(say("compare.film_alt", { width, height }));
  find("#film .view.one").innerHTML =
    `<div class='frame' style='aspect-ratio:${width}/${height}'>` +
    `<img class='picture' alt='${alt}' draggable='false' src='${picture}'></div>`;
  host.querySelector(".frame")?.append(...kept);
  const [name, pixels, bits] = host.querySelectorAll(".viewer-facts > span");
  name.firstElementChild?.replaceChildren(film.name);
  const sides = { width: width.toLocaleString("en-US"), height: height.toLocaleString("en-US") };
  pixels.textContent = say("viewer.pixels", sides);
  bits.textContent = say("viewer.bits", { bits: film.bits });
  box.insertAdjacentHTML("beforeend", legendHtml(film));
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
