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
 * Start a module of this page as a worker that the page's policy binds, as it binds those that this worker starts (the
 * network's threads): a worker from a blob inherits the policy of whoever starts it, one from a network address does not.
 * @param {string} module address of it
 * @returns {Worker}
 */
export function boundWorker(module) {
  const start = `import ${JSON.stringify(module)};`;
  const source = `const Unbound = globalThis.Worker;
    globalThis.Worker = class extends Unbound {
      constructor(module, options) {
        const start = \`import \${JSON.stringify(String(module))};\`;
        super(URL.createObjectURL(new Blob([start], { type: "text/javascript" })), options);
      }
    };
    ${start}`;
  return new Worker(URL.createObjectURL(new Blob([source], { type: "text/javascript" })), { type: "module" });
}

/**
 * The worker that reads films, and where it finds files.
 * @returns {Promise<{worker: Worker, at: (path: string) => string}>}
 */
export async function startWorker() {
  const started = await inside()?.startWorker();
  if (started) return { worker: started.worker, at: (path) => started.files[path] };
  return { worker: boundWorker(address("browser/worker.js")), at: address };
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
