// The second panel: its parts were drawn when the page was made; figures.js and instrument.js move them.

import { cellFilmsHtml } from "./cell_films.js";
import { address, fetchJson } from "./place.js";
import { state } from "./state.js";
import { escaped, put, say } from "./words.js";

let split = "";
let shown = "";
/** @type {any} what is on screen */
let drawn = null;
/** @type {Promise<void> | null} */
let library = null;

const panel = () => /** @type {HTMLElement} */ (document.querySelector("#panel-evaluation"));
const fill = (/** @type {string} */ part, /** @type {string} */ html) => {
  const place = panel().querySelector(`[data-part="${part}"]`);
  if (place) put(place, html);
};

/** Draw the panel, where it is on screen and another split or language is there. */
export async function drawEvaluation() {
  split ||= state.page.split;
  const wanted = `${state.words.language}-${split}`;
  if (panel().hidden || shown === wanted) return;
  shown = wanted;
  library ??= loadPlotly();
  const paths = [`texts/evaluation-${wanted}.json`, `texts/films-${split}.json`];
  const [found, names] = await Promise.all(paths.map(fetchJson));
  if (shown !== wanted) return;
  drawn = { ...found, names };
  drawControls();
  for (const [part, html] of Object.entries(drawn.parts)) fill(part, html);
  drawOfPoint();
  fill("films", "");
  pneumoscope.evaluation.show({ ...drawn.data, point: state.point });
}

/** A number of a confusion matrix was chosen: list its films. @param {HTMLElement} button */
export function listCell(button) {
  const asked = pneumoscope.evaluation.cell(button);
  fill("films", cellFilmsHtml(drawn.data.networks[asked.network].scores, drawn.names[asked.network], asked));
  pneumoscope.evaluation.listed();
}

/** Take the operating point that was chosen here or in Compare. */
export function followPoint() {
  pneumoscope.evaluation.point(state.point);
  if (!drawn) return;
  drawOfPoint();
  drawControls();
}

/** Another split was chosen. @param {string} chosen */
export function chooseSplit(chosen) {
  split = chosen;
  drawEvaluation();
}

function drawOfPoint() {
  for (const [part, html] of Object.entries(drawn.points[state.point])) fill(part, /** @type {string} */ (html));
  for (const button of /** @type {NodeListOf<HTMLButtonElement>} */ (panel().querySelectorAll("button[data-cell]"))) {
    const { network = "" } = /** @type {HTMLElement} */ (button.closest("[data-network]")).dataset;
    button.disabled = !drawn.names[network]; // of films of one's own no name is here
  }
}

function drawControls() {
  const splits = state.words.splits.map((/** @type {[string, string]} */ [text, name]) => {
    const checked = name === split ? " checked" : "";
    return `<label><input type='radio' data-choice='split' value='${name}'${checked}><span>${escaped(text)}</span></label>`;
  });
  fill("splits", splits.join(""));
  const points = state.page.points.map((/** @type {string} */ point) => {
    const selected = point === state.point ? " selected" : "";
    return `<option value='${point}'${selected}>${escaped(say(`operating_point.${point}`))}</option>`;
  });
  fill("points", points.join(""));
}

/** The library that draws the plots, when it is first wanted. @returns {Promise<void>} */
function loadPlotly() {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = address("libraries/plotly.js");
    script.addEventListener("load", () => resolve());
    script.addEventListener("error", reject);
    document.head.append(script);
  });
}
