// A bundle's card and model, fetched, and checked before anything is done with them.

import { canPrepare } from "./prepare.js";
import { BundleError } from "./bundle_error.js";
import { sha256 } from "./sha256.js";

/** @typedef {import("./prepare.js").PrepareSpec} PrepareSpec */

/**
 * What is needed of `card.json` (export/bundle/card.py); the page may show the rest.
 * @typedef {object} Card
 * @property {string} network "a" or "b"
 * @property {[string, string]} classes
 * @property {PrepareSpec} prepare
 * @property {string} default_operating_point
 * @property {Record<string, {threshold: number}>} operating_points thresholds are on the calibrated probability
 * @property {number | null} novelty_limit
 * @property {Record<string, string>} checksums file name → SHA-256, hexadecimal
 */

/** @typedef {{card: Card, model: Uint8Array}} Bundle */

/** @typedef {{card: string, model: string}} BundleAddresses where a bundle's files are */

const MODEL = "model.onnx";

/**
 * Fetch a bundle.
 * @param {BundleAddresses} addresses
 * @param {AbortSignal} signal ends it
 * @param {(bytes: number) => void} onBytes called with how many bytes of the model have come
 * @returns {Promise<Bundle>}
 * @throws {BundleError} a file does not come, is cut short or was swapped, or the card asks for what is not known here
 */
export async function fetchBundle(addresses, signal, onBytes) {
  const card = await fetchCard(addresses.card, signal);
  const model = await fetchBytes(addresses.model, signal, onBytes);
  if ((await sha256(model)) !== card.checksums[MODEL].toLowerCase()) throw new BundleError("browser.model_differs");
  return { card, model };
}

/** @param {string} address @param {AbortSignal} signal @returns {Promise<Card>} */
async function fetchCard(address, signal) {
  /** @type {Card} */
  let card;
  try {
    card = JSON.parse(new TextDecoder().decode(await fetchBytes(address, signal, () => {})));
  } catch (error) {
    throw error instanceof SyntaxError ? new BundleError("browser.card_damaged") : error;
  }
  const hasPoint = card?.operating_points?.[card.default_operating_point] !== undefined;
  if (!hasPoint || !card.checksums?.[MODEL] || !card.prepare) throw new BundleError("browser.card_damaged");
  if (!canPrepare(card.prepare)) throw new BundleError("browser.card_unknown");
  return card;
}

/**
 * @param {string} address
 * @param {AbortSignal} signal
 * @param {(bytes: number) => void} onBytes
 * @returns {Promise<Uint8Array>}
 */
async function fetchBytes(address, signal, onBytes) {
  try {
    const answer = await fetch(address, { signal });
    if (!answer.ok || answer.body === null) throw new BundleError("browser.not_loaded");
    const parts = [];
    let size = 0;
    const reader = answer.body.getReader();
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      parts.push(part.value);
      size += part.value.length;
      onBytes(size);
    }
    const whole = new Uint8Array(size);
    for (let place = size; parts.length > 0;) {
      const part = /** @type {Uint8Array} */ (parts.pop()); // released one by one: a model is 50 MB
      place -= part.length;
      whole.set(part, place);
    }
    return whole;
  } catch (error) {
    if (error instanceof BundleError || signal.aborted) throw error;
    throw new BundleError("browser.not_loaded");
  }
}
