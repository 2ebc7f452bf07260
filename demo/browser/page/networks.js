// The page's side of the worker: which networks it loads, how far that is, and one film at a time to read.

import { address } from "./place.js";
import { state } from "./state.js";

/** @typedef {import("../messages.js").Answer} Answer */

const SMALL_MEMORY = 0.5; // GB, as browsers say it, rounded; ResNet50V2 alone takes 250 MB

/** @type {Worker | null} */
let worker = null;
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
  worker?.terminate();
  come = Object.fromEntries(networks.map((name) => [name, 0]));
  worker = new Worker(address("browser/worker.js"), { type: "module" });
  worker.addEventListener("message", ({ data: answer }) => {
    if (answer.type === "progress") come[answer.network] = answer.bytes;
    onAnswer(answer);
  });
  worker.addEventListener("error", (event) => {
    event.preventDefault();
    const faults = Object.fromEntries(networks.map((name) => [name, "browser.not_loaded"]));
    onAnswer({ type: "ready", cards: {}, faults });
  });
  worker.postMessage({
    type: "load",
    runtime: {
      ort: address("libraries/ort.wasm.min.mjs"),
      wasmModule: address("libraries/ort-wasm-simd-threaded.mjs"),
      wasm: address("libraries/ort-wasm-simd-threaded.wasm"),
      dicomParser: address("libraries/dicom-parser.mjs"),
    },
    networks: Object.fromEntries(
      networks.map((name) => [
        name,
        { card: address(`models/${name}/card.json`), model: address(`models/${name}/model.onnx`) },
      ]),
    ),
    // Threads share memory, which a page has only where its host sends the headers for it.
    threads: globalThis.crossOriginIsolated ? Math.min(4, navigator.hardwareConcurrency ?? 1) : 1,
  });
}

/** How much of the networks has come, in bytes. @returns {{done: number, all: number}} */
export function progress() {
  const names = Object.keys(come);
  const all = names.reduce((sum, name) => sum + state.page.networks[name].bytes, 0);
  return { done: names.reduce((sum, name) => sum + come[name], 0), all };
}

/** @param {number} id @param {Blob} file */
export function readFilm(id, file) {
  worker?.postMessage({ type: "read", id, file });
}
