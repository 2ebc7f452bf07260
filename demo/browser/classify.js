// A bundle loaded into onnxruntime-web: films in, readings out. As demo/inference/classifier.py reads them.

import { BundleError } from "./bundle_error.js";
import { prepare } from "./prepare.js";

/** @typedef {import("./bundle.js").Bundle} Bundle */
/** @typedef {import("./bundle.js").Card} Card */
/** @typedef {import("./resize.js").Grey} Grey */

/**
 * What one network says about one film. Probability and threshold stay two numbers, never one.
 * @typedef {object} Reading
 * @property {string} network
 * @property {number} probability calibrated, 0..1
 * @property {number} logit before calibration
 * @property {number} threshold of the operating point, on the calibrated probability
 * @property {string} operatingPoint
 * @property {boolean | null} positive probability >= threshold; null when the film is refused
 * @property {boolean} refused novelty is above the card's limit; false for a network that has no limit
 * @property {number | null} novelty distance from the training films; null for a network that does not measure it
 * @property {number | null} noveltyLimit
 * @property {number} milliseconds preparing the film and running the network
 * @property {Heatmap | null} heatmap of the whole prepared film; null for a network that does not show it
 */

/** @typedef {{width: number, height: number, values: Float32Array}} Heatmap 0..1 on the network's fixed scale */

/** @typedef {{card: Card, session: any, Tensor: any}} Classifier one network, ready to read films */

/** A film for which a network gave no usable answer. */
export class ReadingError extends Error {
  key = "browser.no_reading";
}

/**
 * Start a network.
 * @param {any} runtime onnxruntime-web, its paths and threads set
 * @param {Bundle} bundle
 * @returns {Promise<Classifier>}
 * @throws {BundleError} the model is none that this card describes
 */
export async function startClassifier(runtime, { card, model }) {
  let session;
  try {
    session = await runtime.InferenceSession.create(model, { executionProviders: ["wasm"] });
  } catch {
    throw new BundleError("browser.model_not_started");
  }
  const isKnown =
    session.inputNames.join() === "image" &&
    ["logit", "probability"].every((name) => {
      return session.outputNames.includes(name);
    });
  if (!isKnown) throw new BundleError("browser.model_not_started");
  return { card, session, Tensor: runtime.Tensor };
}

/**
 * Make a film into what a network is given, once for all networks that want it alike.
 * @param {Grey} film
 * @param {Card[]} cards
 * @returns {{image: Uint8Array, milliseconds: number}[]} one a card
 */
export function prepareFor(film, cards) {
  /** @type {Map<string, {image: Uint8Array, milliseconds: number}>} */
  const prepared = new Map();
  return cards.map(({ prepare: spec }) => {
    const key = JSON.stringify(spec);
    const started = performance.now();
    const found = prepared.get(key) ?? { image: prepare(film, spec), milliseconds: 0 };
    if (!prepared.has(key)) found.milliseconds = performance.now() - started;
    prepared.set(key, found);
    return found;
  });
}

/**
 * Read one film.
 * @param {Classifier} classifier
 * @param {{image: Uint8Array, milliseconds: number}} prepared
 * @param {string} [operatingPoint] a name from the card; its default where absent
 * @returns {Promise<Reading>}
 * @throws {ReadingError} the network's answer is not a finite number
 */
export async function readFilm({ card, session, Tensor }, prepared, operatingPoint = card.default_operating_point) {
  const side = card.prepare.image_size;
  const started = performance.now();
  const image = new Tensor("uint8", prepared.image.slice(), [1, side, side, 1]);
  const answers = await session.run({ image });
  const milliseconds = prepared.milliseconds + performance.now() - started;
  const logit = answers.logit.data[0];
  const probability = answers.probability.data[0];
  if (!Number.isFinite(logit) || !(probability >= 0 && probability <= 1)) throw new ReadingError();
  const novelty = answers.novelty === undefined ? null : answers.novelty.data[0];
  const limit = card.novelty_limit;
  const refused = novelty !== null && limit !== null && !(novelty <= limit); // not above: a novelty of NaN too
  /** @type {Reading} */
  const reading = {
    network: card.network,
    probability: shortest(probability),
    logit,
    threshold: NaN,
    operatingPoint,
    positive: null,
    refused,
    novelty: novelty === null ? null : shortest(novelty),
    noveltyLimit: limit,
    milliseconds,
    heatmap: heatmapOf(answers.heatmap),
  };
  return decide(reading, card, operatingPoint);
}

/**
 * The same reading evaluated at another operating point; the network does not run again.
 * @param {Reading} reading
 * @param {Card} card
 * @param {string} operatingPoint
 * @returns {Reading}
 */
export function decide(reading, card, operatingPoint) {
  const { threshold } = card.operating_points[operatingPoint];
  // The very float32 is compared, as Python does, and not the few digits that name it.
  const positive = reading.refused ? null : Math.fround(reading.probability) >= threshold;
  return { ...reading, operatingPoint, threshold, positive };
}

/** @param {any} tensor [1, h, w] @returns {Heatmap | null} */
function heatmapOf(tensor) {
  if (tensor === undefined) return null;
  const [, height, width] = tensor.dims;
  return { width, height, values: tensor.data.slice() };
}

/**
 * The fewest digits that name a float32; the rest is noise of its conversion to a double.
 * @param {number} value
 * @returns {number}
 */
export function shortest(value) {
  for (let digits = 1; digits <= 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return short;
  }
  return value;
}
