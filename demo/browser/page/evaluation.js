// The second panel: its parts were drawn when the page was made; figures.js and instrument.js move them.

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
  const found = await fetchJson(`texts/evaluation-${wanted}.json`);
  if (shown !== wanted) return;
  drawn = found;
  drawControls();
  for (const [part, html] of Object.entries(drawn.parts)) fill(part, html);
  drawOfPoint();
  for (const button of panel().querySelectorAll("[data-cell]")) button.toggleAttribute("disabled", true); // no film is here
  pneumoscope.evaluation.show({ ...drawn.data, point: state.point });
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
