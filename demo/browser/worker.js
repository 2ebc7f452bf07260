// The module Worker that reads films: it loads the networks once, and reads one film after the other.

import { BundleError } from "./bundle_error.js";
import { fetchBundle } from "./bundle.js";
import { ReadingError, prepareFor, readFilm, startClassifier } from "./classify.js";
import { agreement, unreliableBeside } from "./compare.js";
import { Libraries } from "./libraries.js";
import { RadiographError } from "./radiograph/errors.js";
import { readRadiograph } from "./radiograph/reading.js";
import { hasSimd } from "./simd.js";

/** @typedef {import("./messages.js").Load} Load */
/** @typedef {import("./messages.js").Read} Read */
/** @typedef {import("./messages.js").Request} Request */
/** @typedef {import("./messages.js").Answer} Answer */
/** @typedef {import("./classify.js").Classifier} Classifier */
/** @typedef {import("./radiograph/errors.js").Line} Line */

const loading = new AbortController();
/** @type {(classifiers: Classifier[]) => void} */
let loaded = () => {};
/** @type {Promise<Classifier[]>} films that come before wait for it */
const classifiers = new Promise((resolve) => (loaded = resolve));
/** @type {(libraries: Libraries) => void} */
let found = () => {};
/** @type {Promise<Libraries>} */
const libraries = new Promise((resolve) => (found = resolve));
/** @type {Set<number>} films that came and are not answered yet */
const pending = new Set();
let last = Promise.resolve();

globalThis.addEventListener("message", (/** @type {MessageEvent<Request>} */ { data: request }) => {
  if (request.type === "load") load(request);
  else if (request.type === "read") enqueue(request);
  else cancel(request.id);
});

/** @param {Answer} answer @param {Transferable[]} [transferred] */
function post(answer, transferred = []) {
  globalThis.postMessage(answer, { transfer: transferred });
}

/** Load every network; one that cannot be had leaves the other working. @param {Load} request */
async function load({ runtime: addresses, networks, threads = 1 }) {
  found(new Libraries(addresses));
  const names = Object.keys(networks).sort();
  if (!hasSimd()) return fail(names, "browser.no_simd");
  const bundles = names.map((network) => {
    const onBytes = (/** @type {number} */ bytes) => post({ type: "progress", network, bytes });
    return settled(fetchBundle(networks[network], loading.signal, onBytes));
  });
  let runtime;
  try {
    runtime = await import(addresses.ort);
  } catch {
    return fail(names, "browser.not_loaded");
  }
  runtime.env.wasm.numThreads = threads;
  runtime.env.wasm.wasmPaths = { mjs: addresses.wasmModule, wasm: addresses.wasm };
  /** @type {Classifier[]} */
  const started = [];
  /** @type {Record<string, string>} */
  const faults = {};
  for (const [index, network] of names.entries()) {
    try {
      const bundle = (await bundles[index])();
      started.push(await startClassifier(runtime, bundle));
    } catch (error) {
      if (loading.signal.aborted) return;
      faults[network] = error instanceof BundleError ? error.key : "browser.not_loaded";
    }
  }
  loaded(started);
  post({ type: "ready", cards: Object.fromEntries(started.map(({ card }) => [card.network, card])), faults });
}

/** @param {string[]} names @param {string} key */
function fail(names, key) {
  loading.abort();
  loaded([]);
  post({ type: "ready", cards: {}, faults: Object.fromEntries(names.map((name) => [name, key])) });
}

/**
 * A promise that is never rejected: what comes of it is fetched by calling its result, which throws what went wrong.
 * @template T
 * @param {Promise<T>} promise
 * @returns {Promise<() => T>}
 */
function settled(promise) {
  return promise.then(
    (value) => () => value,
    (error) => () => {
      throw error;
    },
  );
}

/** @param {Read} request */
function enqueue(request) {
  pending.add(request.id);
  last = last.then(() => answer(request));
}

/** Forget a film, or all of them and the loading. @param {number} [id] */
function cancel(id) {
  if (id === undefined) loading.abort();
  for (const one of id === undefined ? [...pending] : [id]) {
    if (pending.delete(one)) post({ type: "cancelled", id: one });
  }
}

/** @param {Read} request */
async function answer({ id, file, operatingPoint }) {
  if (!pending.has(id)) return;
  try {
    const data = new Uint8Array(file instanceof Blob ? await file.arrayBuffer() : file);
    const { film, notes, bits } = await readRadiograph(data, await libraries);
    if (!pending.has(id)) return;
    const copy = film.data.slice(); // the page's own: it is handed over, not copied again
    post({ type: "film", id, film: { ...film, data: copy }, notes, bits }, [copy.buffer]);
    const networks = await classifiers;
    const prepared = prepareFor(
      film,
      networks.map(({ card }) => card),
    );
    const readings = [];
    for (const [index, network] of networks.entries()) {
      await turn(); // a message that cancels is heard between two networks
      if (!pending.has(id)) return;
      readings.push(await readFilm(network, prepared[index], operatingPoint));
    }
    if (!pending.delete(id)) return;
    const agree = agreement(readings.map(({ refused, positive }) => (refused ? null : positive)));
    post({ type: "readings", id, readings, agree, unreliable: unreliableBeside(readings) });
  } catch (error) {
    if (pending.delete(id)) post({ type: "error", id, line: lineOf(error) });
  }
}

/** @returns {Promise<void>} when the messages that wait were heard */
function turn() {
  return new Promise((resolve) => setTimeout(resolve));
}

/**
 * What is shown of an error. Of one that nobody foresaw only its kind: its text may quote what stands in the file.
 * @param {unknown} error
 * @returns {Line}
 */
function lineOf(error) {
  if (error instanceof RadiographError) return { key: error.key, values: error.values };
  if (error instanceof ReadingError) return { key: error.key, values: {} };
  return { key: "reader.unexpected", values: { error: error instanceof Error ? error.name : typeof error } };
}
