// Where the page's files are: beside it, or inside it where all of them are one file (single_file.js).

/** @typedef {Record<string, string>} Addresses path of a file → an address that it can be fetched from */

/** @type {() => {files: Addresses, startWorker: () => Promise<{worker: Worker, files: Addresses}>} | undefined} */
const inside = () => globalThis.pneumoscopeInside;

/**
 * @param {string} path of a file, below the page's folder
 * @returns {string}
 */
export function address(path) {
  return inside()?.files[path] ?? new URL(path, document.baseURI).href;
}

/** Whether all of the page is one file. @returns {boolean} */
export const isSingleFile = () => inside() !== undefined;

/**
 * The worker that reads films, and where it finds files.
 * @returns {Promise<{worker: Worker, at: (path: string) => string}>}
 */
export async function startWorker() {
  const started = await inside()?.startWorker();
  if (started) return { worker: started.worker, at: (path) => started.files[path] };
  return { worker: new Worker(address("browser/worker.js"), { type: "module" }), at: address };
}

/**
 * @param {string} path
 * @returns {Promise<any>}
 */
export async function fetchJson(path) {
  const answer = await fetch(address(path));
  if (!answer.ok) throw new Error(path);
  return answer.json();
}
