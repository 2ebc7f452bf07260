// The page's side of the worker: which networks it loads, how far that is, and one film at a time to read.

import { startWorker } from "./place.js";
import { state } from "./state.js";

/** @typedef {import("../messages.js").Answer} Answer */

const SMALL_MEMORY = 0.5; // GB, as browsers say it, rounded; ResNet50V2 alone takes 250 MB

/** @type {Promise<Worker | null>} */
let working = Promise.resolve(null);
/** @type {Record<string, number>} network → bytes that have come */
let come = {};

/** Whether only the smaller network is loaded unless it is asked for. @returns {boolean} */
export function isSmall() {
  return (navigator.deviceMemory ?? Infinity) <= SMALL_MEMORY;
}

/**
 * Load networks in a worker of their own; one that is there already ends.
 * @param {string[]} networks
 * @param {(answer: Answer) => void} onAnswer
 */
export function loadNetworks(networks, onAnswer) {
  working.then((worker) => worker?.terminate());
  come = Object.fromEntries(networks.map((name) => [name, 0]));
  const fail = () => {
    const faults = Object.fromEntries(networks.map((name) => [name, "browser.not_loaded"]));
    onAnswer({ type: "ready", cards: {}, faults });
    return null;
  };
  working = startWorker().then(({ worker, at }) => {
    worker.addEventListener("message", ({ data: answer }) => {
      if (answer.type === "progress") come[answer.network] = answer.bytes;
      onAnswer(answer);
    });
    worker.addEventListener("error", (event) => {
      event.preventDefault();
      fail();
    });
    worker.postMessage(loadRequest(networks, at));
    return worker;
  }, fail);
}

/** @param {string[]} networks @param {(path: string) => string} at @returns {import("../messages.js").Load} */
function loadRequest(networks, at) {
  return {
    type: "load",
    runtime: {
      ort: at("libraries/ort.wasm.min.mjs"),
      wasmModule: at("libraries/ort-wasm-simd-threaded.mjs"),
      wasm: at("libraries/ort-wasm-simd-threaded.wasm"),
      dicomParser: at("libraries/dicom-parser.mjs"),
      openJpeg: { module: at("libraries/openjpeg.mjs"), wasm: at("libraries/openjpeg.wasm") },
      charLs: { module: at("libraries/charls.mjs"), wasm: at("libraries/charls.wasm") },
    },
    networks: Object.fromEntries(
      networks.map((name) => [name, { card: at(`models/${name}/card.json`), model: at(`models/${name}/model.onnx`) }]),
    ),
    // Threads share memory, which a page has only where its host sends the headers for it.
    threads: globalThis.crossOriginIsolated ? Math.min(4, navigator.hardwareConcurrency ?? 1) : 1,
  };
}

/** How much of the networks has come, in bytes. @returns {{done: number, all: number}} */
export function progress() {
  const names = Object.keys(come);
  const all = names.reduce((sum, name) => sum + state.page.networks[name].bytes, 0);
  return { done: names.reduce((sum, name) => sum + come[name], 0), all };
}

/** @param {number} id @param {Blob} file */
export function readFilm(id, file) {
  working.then((worker) => worker?.postMessage({ type: "read", id, file }));
}
