// The range of values that a deep film's greys span: from its darkest to its brightest tissue. A dead pixel, a mark or
// an unused border far from the rest does not count. The rules of train/radiograph/greys/grey_range.py.

export const LEAST_LEVELS = 32; // a film of fewer greys shows nothing of a lung

const RARE = 0.001; // share of the pixels beyond each end of the core
const GAP = 0.25; // of the core's width: rare values beyond an empty gap of that size are no tissue
const FENCE = 1; // of the core's width: nor are rare values farther from the core than that

/**
 * Lowest and highest value of a film, leaving out what is rare and far from the rest.
 * @param {number[]} values ascending and distinct
 * @param {number[]} counts how many pixels have each, at least 1
 * @returns {[number, number]}
 */
export function robustRange(values, counts) {
  if (total(counts) * RARE < 1) return [values[0], values[values.length - 1]]; // in so small a picture none is rare
  const [from, to] = usedArea(values, counts);
  const core = coreOf(counts.slice(from, to));
  const [low, high] = [from + core[0], from + core[1]];
  const width = values[high] - values[low];
  const upward = values.slice(high, to).map((value) => value - values[high]);
  const downward = values
    .slice(from, low + 1)
    .map((value) => values[low] - value)
    .reverse();
  let [first, last] = [low - reach(downward, width), high + reach(upward, width) + 1];
  if (last - first < LEAST_LEVELS) [first, last] = [0, values.length];
  return [values[first], values[last - 1]];
}

/** @param {number[]} counts @returns {number} */
const total = (counts) => counts.reduce((sum, count) => sum + count, 0);

/**
 * First place of the values, and one past the last, that are not those of an unused area around the image.
 * @param {number[]} values
 * @param {number[]} counts
 * @returns {[number, number]}
 */
function usedArea(values, counts) {
  let [first, last] = [0, values.length];
  for (let round = 0; round < 2; round++) {
    // a film may have one at either end, of which the other hides the first
    if (last - first <= LEAST_LEVELS) break;
    const [low, high] = coreOf(counts.slice(first, last));
    const [lowest, highest] = [values[first + low], values[first + high]];
    const dropFirst = values[first + 1] - values[first] > highest - values[first + 1];
    const dropLast = values[last - 1] - values[last - 2] > values[last - 2] - lowest;
    [first, last] = [first + Number(dropFirst), last - Number(dropLast)];
  }
  return [first, last];
}

/**
 * Places of the first and the last value of the core.
 * @param {number[]} counts
 * @returns {[number, number]}
 */
function coreOf(counts) {
  let sum = 0;
  const below = counts.map((count) => (sum += count));
  const rare = sum * RARE;
  const low = below.findIndex((count) => count > rare);
  const high = below.findIndex((count) => count >= sum - rare);
  return [Math.min(low, high), high];
}

/**
 * How many steps outward from the core the film goes on.
 * @param {number[]} distances ascending from 0
 * @param {number} width of the core
 * @returns {number}
 */
function reach(distances, width) {
  if (width <= 0) return distances.length - 1;
  for (let step = 1; step < distances.length; step++) {
    if (distances[step] - distances[step - 1] > GAP * width || distances[step] > FENCE * width) return step - 1;
  }
  return distances.length - 1;
}
