// The page as one file: its parts stand in it as base64, and become files of the browser's own before the page starts.

const BLOCK = 1 << 20; // characters that are decoded at a time; a multiple of 4

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

const kinds = { js: "text/javascript", mjs: "text/javascript", json: "application/json", wasm: "application/wasm", png: "image/png" };

/** @type {Record<string, string>} */
const files = {};
globalThis.pneumoscopeFiles = files;
for (const part of document.querySelectorAll("script[data-path]")) {
  const { path, imports } = /** @type {HTMLElement} */ (part).dataset;
  let bytes = decoded((part.textContent ?? "").trim());
  if (imports) {
    // A module without an address of its own finds its neighbours by theirs; they stand before it.
    let source = new TextDecoder().decode(bytes);
    for (const [named, found] of Object.entries(JSON.parse(imports))) source = source.replaceAll(`"${named}"`, `"${files[found]}"`);
    bytes = new TextEncoder().encode(source);
  }
  const ending = String(path).split(".").pop();
  files[String(path)] = URL.createObjectURL(new Blob([bytes], { type: kinds[/** @type {"js"} */ (ending)] ?? "application/octet-stream" }));
  part.remove(); // 65 MB of text are not needed twice
}
import(files["browser/page/main.js"]);
