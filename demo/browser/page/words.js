// Texts and numbers as the page writes them: as demo/language has them.

import { worded } from "../radiograph/errors.js";
import { state } from "./state.js";

const DIGITS = 2;
const MOST_DIGITS = 6;

/**
 * A text of the catalogue in the page's language.
 * @param {string} key
 * @param {Record<string, string | number>} [values] for its {names}
 * @returns {string}
 */
export function say(key, values = {}) {
  return worded({ key, values }, state.words.texts);
}

/** @param {unknown} text @returns {string} as HTML */
export function escaped(text) {
  return String(text).replace(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`);
}

/** A probability with three decimals, but never 0 or 1. @param {number} value @returns {string} */
export function rounded(value) {
  if (value < 0.0005) return "<0.001";
  return value >= 0.9995 ? ">0.999" : pneumoscope.figures.fixed(value, 3);
}

/**
 * A novelty and its limit, with as many decimals as show which is larger.
 * @param {number} novelty
 * @param {number} limit
 * @returns {{novelty: string, limit: string}}
 */
export function againstLimit(novelty, limit) {
  if (!Number.isFinite(novelty)) return { novelty: "–", limit: limit.toFixed(DIGITS) };
  let digits = DIGITS;
  while (digits < MOST_DIGITS && novelty.toFixed(digits) === limit.toFixed(digits) && novelty !== limit) digits += 1;
  return { novelty: novelty.toFixed(digits), limit: limit.toFixed(digits) };
}

/** @param {number} share 0..1 @param {number} [digits] @returns {string} */
export function percent(share, digits = 1) {
  return say("evaluation.percent", { number: pneumoscope.figures.fixed(100 * share, digits) });
}

/** A figure inside a sentence, written left to right. @param {string} figure @returns {string} */
export function isolated(figure) {
  return state.words.direction === "rtl" ? `\u2066${figure}\u2069` : figure;
}

/** @type {WeakMap<Element, string>} */
const filled = new WeakMap();

/** Put HTML in its place, unless it stands there: what is open, or has the keyboard, stays so. @param {Element} place @param {string} html */
export function fill(place, html) {
  if (filled.get(place) === html) return;
  filled.set(place, html);
  put(place, html);
}

/**
 * Put HTML in its place. What is `data-style` in it becomes a style here: the page's policy lets no HTML bring its own.
 * @param {Element} place
 * @param {string} html
 */
export function put(place, html) {
  place.innerHTML = html;
  for (const styled of /** @type {NodeListOf<HTMLElement>} */ (place.querySelectorAll("[data-style]"))) {
    styled.style.cssText = styled.dataset.style ?? "";
  }
}
