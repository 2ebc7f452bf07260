// What a probability was worth: of the known films that a network gave about the same, how many had pneumonia. As
// demo/evaluation/alike_films.py counts them.

const FEWEST = 20; // films that are counted
export const DOTS = 20;
const Z = 1.959963984540054; // of a 95 % interval

/**
 * The films whose probability is nearest to one.
 * @typedef {{split: string, films: number, pneumonia: number, lowest: number, highest: number}} AlikeFilms
 */

/**
 * @param {{values: Float64Array, found: Int32Array, films: number}} scores as `figures.js` unpacks them: falling
 * @param {string} split
 * @param {number} probability
 * @returns {AlikeFilms | null} null where there is no film
 */
export function alikeFilms(scores, split, probability) {
  if (!scores.films) return null;
  const distances = scores.values.map((value) => Math.abs(value - probability));
  const reach = distances.slice().sort()[Math.min(FEWEST, scores.films) - 1];
  const first = distances.findIndex((distance) => distance <= reach);
  const last = distances.findLastIndex((distance) => distance <= reach);
  return {
    split,
    films: last - first + 1,
    pneumonia: scores.found[last + 1] - scores.found[first],
    lowest: scores.values[last],
    highest: scores.values[first],
  };
}

/**
 * Of DOTS dots, those that stand for pneumonia: none or all only where no film, or every film, shows it.
 * @param {AlikeFilms} alike
 * @returns {number}
 */
export function dots({ films, pneumonia }) {
  const exact = Number(pneumoscope.figures.fixed((DOTS * pneumonia) / films, 0));
  return pneumonia > 0 && pneumonia < films ? Math.min(Math.max(exact, 1), DOTS - 1) : exact;
}

/**
 * A share of films with Wilson's 95 % interval, which takes films as independent.
 * @param {number} part
 * @param {number} films 1 or more
 * @returns {{value: number, low: number, high: number}}
 */
export function proportion(part, films) {
  const value = part / films;
  const centre = value + (Z * Z) / (2 * films);
  const reach = Z * Math.sqrt((value * (1 - value)) / films + (Z / (2 * films)) ** 2);
  const scale = 1 + (Z * Z) / films;
  return { value, low: value === 0 ? 0 : (centre - reach) / scale, high: value === 1 ? 1 : (centre + reach) / scale };
}
