// The page as one file: its parts stand in it as base64, and become files of the browser's own before the page starts.

/** @typedef {{path: string, blob: Blob, imports: Record<string, string> | null}} Part named there → path */

const BLOCK = 1 << 20; // characters that are decoded at a time; a multiple of 4
const KINDS = { js: "text/javascript", mjs: "text/javascript", json: "application/json", wasm: "application/wasm", png: "image/png" };

/** @param {string} text base64 @returns {Uint8Array<ArrayBuffer>} */
function decoded(text) {
  const bytes = new Uint8Array((text.length / 4) * 3);
  let place = 0;
  for (let start = 0; start < text.length; start += BLOCK) {
    const part = atob(text.slice(start, start + BLOCK));
    for (let letter = 0; letter < part.length; letter++) bytes[place++] = part.charCodeAt(letter);
  }
  return bytes.subarray(0, place);
}

/** @param {HTMLElement} element @returns {Part} */
function partOf(element) {
  const { path = "", imports } = element.dataset;
  const type = KINDS[/** @type {"js"} */ (path.split(".").pop())] ?? "application/octet-stream";
  const blob = new Blob([decoded((element.textContent ?? "").trim())], { type });
  element.remove(); // 65 MB of text are not needed twice
  return { path, blob, imports: imports ? JSON.parse(imports) : null };
}

/**
 * Give every part an address. A module finds its neighbours by theirs; they stand before it.
 * @param {Part[]} parts
 * @returns {Promise<Record<string, string>>} path → address
 */
async function addressesOf(parts) {
  /** @type {Record<string, string>} */
  const files = {};
  for (const { path, blob, imports } of parts) {
    let content = blob;
    if (imports) {
      let source = await blob.text();
      for (const [named, found] of Object.entries(imports)) source = source.replaceAll(`"${named}"`, `"${files[found]}"`);
      content = new Blob([source], { type: blob.type });
    }
    files[path] = URL.createObjectURL(content);
  }
  return files;
}

/** What a worker runs first: a page from a file and its workers do not reach each other's addresses. */
function begin() {
  addEventListener("message", async ({ data: parts }) => {
    const files = await addressesOf(parts);
    await import(files["browser/worker.js"]);
    postMessage(files);
  }, { once: true });
}

const parts = [.../** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("script[data-path]"))].map(partOf);
const inWorker = parts.filter(({ path }) => !/^(browser\/page|texts|examples)\//.test(path));

/** @returns {Promise<{worker: Worker, files: Record<string, string>}>} */
function startWorker() {
  const source = new Blob([`${addressesOf}\n(${begin})();`], { type: "text/javascript" });
  const worker = new Worker(URL.createObjectURL(source));
  return new Promise((resolve, reject) => {
    worker.addEventListener("message", ({ data: files }) => resolve({ worker, files }), { once: true });
    worker.addEventListener("error", reject, { once: true });
    worker.postMessage(inWorker);
  });
}

addressesOf(parts).then((files) => {
  globalThis.pneumoscopeInside = { files, startWorker };
  return import(files["browser/page/main.js"]);
});
