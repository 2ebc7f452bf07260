// Both networks on one film: whether they agree, and whether to rely on them. As demo/inference/compare.py has it.

/** @typedef {import("./classify.js").Reading} Reading */

/**
 * One film as `predict --json` prints it, but for its path.
 * @typedef {object} Comparison
 * @property {Record<string, object>} readings by network
 * @property {boolean | null} agree
 */

/**
 * Whether all networks' verdicts are the same; null when fewer than two gave one or one refused.
 * @param {(boolean | null)[]} verdicts
 * @returns {boolean | null}
 */
export function agreement(verdicts) {
  if (verdicts.length < 2 || verdicts.includes(null)) return null;
  return new Set(verdicts).size === 1;
}

/**
 * Networks that do not refuse a picture which another one refuses, each with the one that does.
 * @param {Reading[]} readings
 * @returns {Record<string, string>}
 */
export function unreliableBeside(readings) {
  const refusing = readings.find(({ refused }) => refused);
  if (refusing === undefined) return {};
  return Object.fromEntries(
    readings.filter(({ refused }) => !refused).map(({ network }) => [network, refusing.network]),
  );
}

/**
 * Both networks averaged, at a threshold of its own that was frozen on validation (demo/inference/averaged.py).
 * @param {Reading[]} readings of all networks, at one operating point
 * @param {Record<string, number>} thresholds operating point → the average's own threshold, as comparison.json has it
 * @returns {{probability: number, threshold: number, operatingPoint: string, positive: boolean | null,
 *   refusedBy: string[]} | null} null where a network gave no reading, or the point has no threshold of the average
 */
export function averagedReading(readings, thresholds) {
  const points = new Set(readings.map(({ operatingPoint }) => operatingPoint));
  const [operatingPoint] = points;
  const threshold = thresholds[operatingPoint];
  if (readings.length < 2 || points.size !== 1 || threshold === undefined) return null;
  const shares = readings.map(({ logit }) => 1 / (1 + Math.exp(-logit)));
  const probability = shares.reduce((sum, share) => sum + share, 0) / shares.length;
  const refusedBy = readings.filter(({ refused }) => refused).map(({ network }) => network);
  const positive = refusedBy.length > 0 ? null : probability >= threshold;
  return { probability, threshold, operatingPoint, positive, refusedBy };
}

/**
 * The object that `predict --json` prints.
 * @param {Reading[]} readings
 * @returns {Comparison}
 */
export function asComparison(readings) {
  const objects = readings.map((reading) => [
    reading.network,
    {
      probability: reading.probability,
      threshold: reading.threshold,
      operating_point: reading.operatingPoint,
      positive: reading.positive,
      refused: reading.refused,
      novelty: reading.novelty,
      novelty_limit: reading.noveltyLimit,
      milliseconds: Math.round(reading.milliseconds * 100) / 100,
    },
  ]);
  const verdicts = readings.map(({ refused, positive }) => (refused ? null : positive));
  return { readings: Object.fromEntries(objects), agree: agreement(verdicts) };
}
