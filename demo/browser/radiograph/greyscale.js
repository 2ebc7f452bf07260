// Decoded samples → an 8-bit grey film: luma of colours, 8 bits of deeper samples, the right way up.
// The rules of train/radiograph/greys/greyscale.py.

import { roundHalfEven } from "../resize.js";
import { robustRange } from "./grey_range.js";

/** @typedef {import("../resize.js").Grey} Grey */
/** @typedef {import("./errors.js").Line} Line */
/** @typedef {Uint8Array | Uint16Array} Samples */

/**
 * A film as it was read.
 * @typedef {object} Film
 * @property {Grey} film bright = dense
 * @property {Line[]} notes what is to be warned of
 * @property {number} bits of a sample, as the file stores them
 */

/** @type {Line} */
export const VALUES_LEFT_OUT = { key: "reader.values_left_out", values: {} };

// ITU-R BT.601 in 15 bits, as OpenCV has it.
const [RED, GREEN, BLUE, HALF, BITS] = [9798, 19235, 3735, 1 << 14, 15];

/**
 * Make grey of interleaved samples: grey, grey + alpha, RGB or RGB + alpha; alpha is ignored.
 * @template {Samples} S
 * @param {S} samples
 * @param {number} channels 1 to 4
 * @returns {S} one sample a pixel
 */
export function luma(samples, channels) {
  if (channels === 1) return samples;
  const pixels = samples.length / channels;
  const greys = /** @type {S} */ (samples instanceof Uint16Array ? new Uint16Array(pixels) : new Uint8Array(pixels));
  for (let pixel = 0, place = 0; pixel < pixels; pixel++, place += channels) {
    greys[pixel] = channels < 3 ? samples[place] : lumaOf(samples[place], samples[place + 1], samples[place + 2]);
  }
  return greys;
}

/**
 * The luma of one colour.
 * @param {number} red 0 to 65535
 * @param {number} green
 * @param {number} blue
 * @returns {number}
 */
export function lumaOf(red, green, blue) {
  return (red * RED + green * GREEN + blue * BLUE + HALF) >>> BITS;
}

/**
 * Scale to 8 bits by the film's own range; a flat film becomes black. What has 8 bits stays as it is.
 * @param {Samples} samples
 * @returns {{data: Uint8Array, notes: Line[]}}
 */
export function to8Bits(samples) {
  if (samples instanceof Uint8Array) return { data: samples, notes: [] };
  const counts = new Uint32Array(65536);
  for (const sample of samples) counts[sample]++;
  /** @type {number[]} */
  const values = [];
  counts.forEach((count, value) => count > 0 && values.push(value));
  const [low, high] = robustRange(
    values,
    values.map((value) => counts[value]),
  );
  const isCut = low > values[0] || high < values[values.length - 1];
  const factor = 255 / Math.max(high - low, 1);
  const table = Uint8Array.from(counts, (_, value) =>
    roundHalfEven(Math.min(Math.max((value - low) * factor, 0), 255)),
  );
  return { data: Uint8Array.from(samples, (sample) => table[sample]), notes: isCut ? [VALUES_LEFT_OUT] : [] };
}

/**
 * Undo an EXIF orientation (TIFF 6.0 tag 274): 1 is upright, other values than 1 to 8 too.
 * @param {Grey} film
 * @param {number} orientation
 * @returns {Grey}
 */
export function applyOrientation(film, orientation) {
  if (!(orientation >= 2 && orientation <= 8)) return film;
  const isTurned = orientation >= 5;
  const width = isTurned ? film.height : film.width;
  const height = isTurned ? film.width : film.height;
  const mirrored = [2, 3, 6, 7].includes(orientation);
  const upsideDown = [3, 4, 7, 8].includes(orientation);
  const data = new Uint8Array(width * height);
  for (let y = 0, place = 0; y < height; y++) {
    for (let x = 0; x < width; x++, place++) {
      const column = mirrored ? width - 1 - x : x;
      const row = upsideDown ? height - 1 - y : y;
      data[place] = film.data[isTurned ? column * film.width + row : row * film.width + column];
    }
  }
  return { width, height, data };
}
