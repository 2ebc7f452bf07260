// Where the page's files are: beside it, or inside it where all of them are one file (single_file.js).

/** @typedef {Record<string, string>} Addresses path of a file → an address that it can be fetched from */

/**
 * @param {string} path of a file, below the page's folder
 * @returns {string}
 */
export function address(path) {
  /** @type {Addresses | undefined} */
  const inside = globalThis.pneumoscopeFiles;
  return inside?.[path] ?? new URL(path, document.baseURI).href;
}

/** Whether all of the page is one file. @returns {boolean} */
export const isSingleFile = () => globalThis.pneumoscopeFiles !== undefined;

/**
 * @param {string} path
 * @returns {Promise<any>}
 */
export async function fetchJson(path) {
  const answer = await fetch(address(path));
  if (!answer.ok) throw new Error(path);
  return answer.json();
}
