// Stored values of a DICOM film → greys, through the pipeline of PS3.4 section N.2: modality LUT or rescale → VOI LUT or
// window → presentation (MONOCHROME1 is inverted) → 8 bits. Once over all values, and then one table look-up.
// The rules of train/radiograph/dicom/greys.py.

import { roundHalfEven } from "../../resize.js";
import { LEAST_LEVELS, robustRange } from "../grey_range.js";
import { VALUES_LEFT_OUT } from "../greyscale.js";

/** @typedef {import("../errors.js").Line} Line */
/** @typedef {import("../greyscale.js").Samples} Samples */
/** @typedef {import("./lut.js").GreyscaleTransform} GreyscaleTransform */
/** @typedef {import("./lut.js").LookupTable} LookupTable */

/** @typedef {{shown: Float64Array, notes: Line[]}} Shown greys in 0..1 by code, and what is to be warned of */

const TAIL = 0.001; // share of the pixels at each end whose greys are not counted
const LEAST_WIDTH = 2.2250738585072014e-308;
const WORDS = 65536;

/**
 * The grey of every code. A window or table that leaves the film fewer than 32 greys, where its own range has more, is
 * not used.
 * @param {GreyscaleTransform} rules
 * @param {Samples} codes each below 2**stored
 * @returns {{table: Uint8Array, notes: Line[]}} [2**stored]
 */
export function greyTable(rules, codes) {
  const size = 1 << rules.stored;
  const values = Float64Array.from(
    { length: size },
    (_, code) => code - (rules.isSigned && 2 * code >= size ? size : 0),
  );
  const counts = new Float64Array(size);
  for (const code of codes) counts[code]++;
  let isPadding = paddingOf(rules, values);
  if (!counts.some((count, code) => count > 0 && !isPadding(code))) isPadding = () => false;
  counts.forEach((_, code) => isPadding(code) && (counts[code] = 0));
  const outputs = modality(rules, values, counts);
  const { shown, notes } = show(rules, outputs, counts);
  const table = Uint8Array.from(shown, (share, code) => {
    return isPadding(code) ? 0 : roundHalfEven((rules.isInverse ? 1 - share : share) * 255);
  });
  return { table, notes };
}

/** @param {GreyscaleTransform} rules @param {Float64Array} outputs @param {Float64Array} counts @returns {Shown} */
function show(rules, outputs, counts) {
  const shown = voi(rules.voi, outputs, counts);
  if (shown !== null && levels(shown, counts) >= LEAST_LEVELS) return { shown, notes: [] };
  const own = ownRange(rules, outputs, counts);
  if (shown === null) return own;
  if (levels(own.shown, counts) < LEAST_LEVELS) return { shown, notes: [] };
  const key = rules.voi && "width" in rules.voi ? "reader.dicom_window" : "reader.dicom_table";
  return { shown: own.shown, notes: [{ key, values: { levels: LEAST_LEVELS } }, ...own.notes] };
}

/**
 * Greys without a window: 8-bit films are meant as they are; deeper ones fill an unknown part of their range.
 * @param {GreyscaleTransform} rules
 * @param {Float64Array} outputs
 * @param {Float64Array} counts
 * @returns {Shown}
 */
function ownRange(rules, outputs, counts) {
  if (rules.stored <= 8) return { shown: between(outputs, Math.min(...outputs), Math.max(...outputs)), notes: [] };
  const present = outputs.filter((_, code) => counts[code] > 0);
  const [values, pixels] = tally(
    present,
    counts.filter((count) => count > 0),
  );
  const [low, high] = robustRange(values, pixels);
  const isCut = low > values[0] || high < values[values.length - 1];
  return { shown: between(outputs, low, high), notes: isCut ? [VALUES_LEFT_OUT] : [] };
}

/**
 * The distinct values, ascending, and the sum of the counts of each.
 * @param {ArrayLike<number>} values
 * @param {ArrayLike<number>} counts
 * @returns {[number[], number[]]}
 */
function tally(values, counts) {
  /** @type {Map<number, number>} */
  const sums = new Map();
  for (let at = 0; at < values.length; at++) sums.set(values[at], (sums.get(values[at]) ?? 0) + counts[at]);
  const distinct = [...sums.keys()].sort((one, other) => one - other);
  return [distinct, distinct.map((value) => /** @type {number} */ (sums.get(value)))];
}

/** @param {Float64Array} outputs @param {number} low @param {number} high @returns {Float64Array} in 0..1 */
function between(outputs, low, high) {
  const width = Math.max(high - low, LEAST_WIDTH);
  return outputs.map((output) => clip((output - low) / width, 0, 1));
}

/**
 * How many greys the film has, but for those of its rarest dark and bright pixels.
 * @param {Float64Array} shown
 * @param {Float64Array} counts
 * @returns {number}
 */
function levels(shown, counts) {
  const pixels = new Float64Array(256);
  shown.forEach((share, code) => (pixels[roundHalfEven(share * 255)] += counts[code]));
  const all = pixels.reduce((sum, count) => sum + count, 0);
  let below = 0;
  return pixels.filter((count) => {
    below += count;
    return count > 0 && below > TAIL * all && below - count < (1 - TAIL) * all;
  }).length;
}

/**
 * Which codes fill the area outside the film (PS3.3 section C.7.5.1.1.2).
 * @param {GreyscaleTransform} rules
 * @param {Float64Array} values
 * @returns {(code: number) => boolean}
 */
function paddingOf(rules, values) {
  if (rules.padding === null) return () => false;
  const [low, high] = [Math.min(...rules.padding), Math.max(...rules.padding)];
  return (code) => values[code] >= low && values[code] <= high;
}

/**
 * Stored values through the modality LUT, or slope and intercept (PS3.3 section C.11.1).
 * @param {GreyscaleTransform} rules
 * @param {Float64Array} values
 * @param {Float64Array} counts
 * @returns {Float64Array}
 */
function modality({ modality: rule }, values, counts) {
  if ("entries" in rule) return looked(rule, values, counts, rule.entries);
  return values.map((value) => value * rule.slope + rule.intercept);
}

/**
 * What a table has for each value; values outside it have its first or its last entry. The first value that a table
 * maps is written with a sign or without one, by rules that writers mix up: it is taken as covers more of the film, and
 * where both do, by the sign of the values.
 * @param {LookupTable} table
 * @param {Float64Array} values
 * @param {Float64Array} counts
 * @param {ArrayLike<number>} entries
 * @returns {Float64Array}
 */
function looked(table, values, counts, entries) {
  const rounded = values.map(roundHalfEven);
  const signed = table.first >= WORDS / 2 ? table.first - WORDS : table.first;
  const candidates = rounded.some((value) => value < 0) ? [signed, table.first] : [table.first, signed];
  const covered = candidates.map((first) => {
    return counts.reduce((sum, count, code) => {
      return rounded[code] >= first && rounded[code] < first + table.entries.length ? sum + count : sum;
    }, 0);
  });
  const first = covered[1] > covered[0] ? candidates[1] : candidates[0];
  return rounded.map((value) => entries[clip(value - first, 0, table.entries.length - 1)]);
}

/**
 * Through the first VOI LUT or window (PS3.3 section C.11.2); null without one.
 * @param {GreyscaleTransform["voi"]} rule
 * @param {Float64Array} outputs
 * @param {Float64Array} counts
 * @returns {Float64Array | null} in 0..1
 */
function voi(rule, outputs, counts) {
  if (rule === null) return null;
  if ("entries" in rule) {
    // By the entries' own range: the descriptor, which says how many bits they have, is often wrong.
    const [low, high] = robustRange(...tally(rule.entries, Array(rule.entries.length).fill(1)));
    return looked(rule, outputs, counts, between(Float64Array.from(rule.entries), low, high));
  }
  const { centre, width, shape } = rule;
  if (shape === "SIGMOID") {
    return outputs.map((output) => 1 / (1 + Math.exp(clip((-4 * (output - centre)) / width, -700, 700))));
  }
  if (shape === "LINEAR_EXACT") return outputs.map((output) => clip((output - centre) / width + 0.5, 0, 1));
  if (width === 1) return outputs.map((output) => Number(output > centre - 0.5));
  return outputs.map((output) => clip((output - (centre - 0.5)) / (width - 1) + 0.5, 0, 1));
}

/** @param {number} value @param {number} least @param {number} most @returns {number} */
function clip(value, least, most) {
  return Math.min(Math.max(value, least), most);
}
