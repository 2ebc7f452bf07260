// A film as it was read → what a network is given: centre crop, resize, contrast, bars. As `train.radiograph.prepare`
// does it, to the bit (tests/demo/browser/test_prepare.py).

import { resize, roundHalfEven } from "./resize.js";

/** @typedef {import("./resize.js").Grey} Grey */

/**
 * How a film is made into a network's input; the entry `prepare` of every card.
 * @typedef {object} PrepareSpec
 * @property {number} image_size side of the prepared square in pixels
 * @property {"squash" | "letterbox" | "crop"} resize
 * @property {"none" | "stretch" | "equalise"} contrast
 * @property {number} [centre_crop] share of each side that is kept about the centre, in (0, 1]; all where absent
 */

const LEVELS = 256;
const STRETCH_SHARES = [0.01, 0.99];

/** Whether this file can prepare films by these rules; a card may have others ("clahe").
 * @param {PrepareSpec} spec
 * @returns {boolean}
 */
export function canPrepare(spec) {
  return ["squash", "letterbox", "crop"].includes(spec.resize) && spec.contrast in CONTRAST;
}

/**
 * Make a film into a network's input.
 * @param {Grey} film
 * @param {PrepareSpec} spec
 * @returns {Uint8Array} [image_size × image_size]
 */
export function prepare(film, spec) {
  const side = spec.image_size;
  let seen = centreCrop(film, spec.centre_crop ?? 1);
  if (spec.resize === "crop") {
    const edge = Math.min(seen.width, seen.height);
    seen = cut(seen, (seen.width - edge) >> 1, (seen.height - edge) >> 1, edge, edge);
  }
  let [width, height] = [side, side];
  if (spec.resize === "letterbox") {
    const scale = side / Math.max(seen.width, seen.height);
    width = Math.max(1, roundHalfEven(seen.width * scale));
    height = Math.max(1, roundHalfEven(seen.height * scale));
  }
  const sized = resize(seen, width, height);
  const table = CONTRAST[spec.contrast](sized.data);
  if (table) sized.data.forEach((grey, place) => (sized.data[place] = table[grey]));
  if (width === side && height === side) return sized.data;
  const square = new Uint8Array(side * side);
  const [top, left] = [(side - height) >> 1, (side - width) >> 1];
  for (let row = 0; row < height; row++) {
    square.set(sized.data.subarray(row * width, (row + 1) * width), (top + row) * side + left);
  }
  return square;
}

/**
 * The centre of a film: a share of each side, at least one pixel.
 * @param {Grey} film
 * @param {number} share in (0, 1]
 * @returns {Grey}
 */
function centreCrop(film, share) {
  const width = Math.max(1, roundHalfEven(film.width * share));
  const height = Math.max(1, roundHalfEven(film.height * share));
  return cut(film, (film.width - width) >> 1, (film.height - height) >> 1, width, height);
}

/**
 * @param {Grey} film
 * @param {number} left
 * @param {number} top
 * @param {number} width
 * @param {number} height
 * @returns {Grey} the film itself where that is all of it
 */
function cut(film, left, top, width, height) {
  if (width === film.width && height === film.height) return film;
  const data = new Uint8Array(width * height);
  for (let row = 0; row < height; row++) {
    const start = (top + row) * film.width + left;
    data.set(film.data.subarray(start, start + width), row * width);
  }
  return { width, height, data };
}

/**
 * The contrast rules: pixels → the new grey of each grey, or null for no change.
 * @type {Record<string, (data: Uint8Array) => Uint8Array | null>}
 */
const CONTRAST = { none: () => null, stretch: stretched, equalise: equalised };

/**
 * How many pixels have each grey.
 * @param {Uint8Array} data
 * @returns {Uint32Array} [256]
 */
function histogram(data) {
  const counts = new Uint32Array(LEVELS);
  for (const grey of data) counts[grey]++;
  return counts;
}

/**
 * Spread the greys evenly over 0 to 255 (OpenCV's equalizeHist, whose sums are scaled in float32).
 * @param {Uint8Array} data
 * @returns {Uint8Array | null}
 */
function equalised(data) {
  const counts = histogram(data);
  const darkest = counts.findIndex((count) => count > 0);
  if (counts[darkest] === data.length) return null;
  const scale = Math.fround(Math.fround(LEVELS - 1) / Math.fround(data.length - counts[darkest]));
  const table = new Uint8Array(LEVELS);
  let sum = 0;
  for (let grey = darkest + 1; grey < LEVELS; grey++) {
    sum += counts[grey];
    table[grey] = Math.min(roundHalfEven(Math.fround(sum * scale)), LEVELS - 1);
  }
  return table;
}

/**
 * Map the 1st to 99th percentile (interpolated linearly, as NumPy does) onto 0 to 255.
 * @param {Uint8Array} data
 * @returns {Uint8Array | null}
 */
function stretched(data) {
  const sorted = data.slice().sort();
  const [low, high] = STRETCH_SHARES.map((share) => percentile(sorted, share));
  if (high <= low) return null;
  const factor = 255 / (high - low);
  return Uint8Array.from({ length: LEVELS }, (_, grey) =>
    roundHalfEven(Math.min(Math.max((grey - low) * factor, 0), LEVELS - 1)),
  );
}

/**
 * @param {Uint8Array} sorted
 * @param {number} share in 0..1
 * @returns {number}
 */
function percentile(sorted, share) {
  const place = (sorted.length - 1) * share;
  const below = Math.floor(place);
  const [low, high] = [sorted[below], sorted[Math.min(below + 1, sorted.length - 1)]];
  const rest = place - below;
  return rest < 0.5 ? low + (high - low) * rest : high - (high - low) * (1 - rest);
}
