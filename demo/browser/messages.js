// What page and worker say to one another. Types only.

/** @typedef {import("./bundle.js").BundleAddresses} BundleAddresses */
/** @typedef {import("./bundle.js").Card} Card */
/** @typedef {import("./classify.js").Reading} Reading */
/** @typedef {import("./radiograph/errors.js").Line} Line */
/** @typedef {import("./resize.js").Grey} Grey */

/** @typedef {import("./libraries.js").LibraryAddresses} LibraryAddresses */

/**
 * Where ONNX Runtime Web is, as addresses that stand for themselves.
 * @typedef {object} OrtAddresses
 * @property {string} ort ort.wasm.min.mjs
 * @property {string} wasmModule ort-wasm-simd-threaded.mjs
 * @property {string} wasm ort-wasm-simd-threaded.wasm
 */

/** @typedef {OrtAddresses & LibraryAddresses} RuntimeAddresses of all that the worker runs */

/**
 * The first message: load these networks. `progress` answers come, and one `ready`.
 * @typedef {{type: "load", runtime: RuntimeAddresses, networks: Record<string, BundleAddresses>,
 *   threads?: number}} Load
 */

/**
 * Read a film; it may come before the networks are there. Answered by `film` and then `readings`, or by `error`.
 * @typedef {{type: "read", id: number, file: Blob | ArrayBuffer, operatingPoint?: string}} Read
 */

/**
 * Forget a film. Without an id all films and, where the networks are not there yet, the loading: then this worker is of
 * no further use.
 * @typedef {{type: "cancel", id?: number}} Cancel
 */

/** @typedef {Load | Read | Cancel} Request to the worker */

/** @typedef {{type: "progress", network: string, bytes: number}} Progress how many bytes of a model have come */

/**
 * Whatever could be loaded is: cards and faults (keys of the catalogue), both by network.
 * @typedef {{type: "ready", cards: Record<string, Card>, faults: Record<string, string>}} Ready
 */

/** @typedef {{type: "film", id: number, film: Grey, notes: Line[], bits: number}} FilmRead as soon as it is decoded */

/**
 * What the networks say, "a" before "b"; of no network at all, nothing.
 * @typedef {{type: "readings", id: number, readings: Reading[], agree: boolean | null,
 *   unreliable: Record<string, string>}} Readings
 */

/** @typedef {{type: "error", id: number, line: Line}} Failed */

/** @typedef {{type: "cancelled", id: number}} Cancelled */

/** @typedef {Progress | Ready | FilmRead | Readings | Failed | Cancelled} Answer to the page */

export {};
