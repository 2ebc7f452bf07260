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
 * The text of a worker that becomes a module of this page. It is imported dynamically: Firefox has an ordinary import of
 * such a worker pass the service worker by, so that there would be none without a network. What is posted meanwhile waits.
 * @param {string} module address of it
 * @returns {string}
 */
function importing(module) {
  return `const early = [];
    const keep = (event) => early.push(event);
    addEventListener("message", keep);
    import(${JSON.stringify(module)}).then(() => {
      removeEventListener("message", keep);
      for (const { data, ports } of early) dispatchEvent(new MessageEvent("message", { data, ports: [...ports] }));
    }).catch((error) => setTimeout(() => { throw error; }));`;
}

/**
 * Start a module of this page as a worker that the page's policy binds, as it binds those that this worker starts (the
 * network's threads): a worker from a blob inherits the policy of whoever starts it, one from a network address does not.
 * @param {string} module address of it
 * @returns {Worker}
 */
export function boundWorker(module) {
  const source = `const Unbound = globalThis.Worker;
    ${importing}
    globalThis.Worker = class extends Unbound {
      constructor(module, options) {
        const text = importing(String(module));
        super(URL.createObjectURL(new Blob([text], { type: "text/javascript" })), options);
      }
    };
    ${importing(module)}`;
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
