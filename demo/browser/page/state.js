// What the page knows: one object, so that every part of it draws from the same.

/** @typedef {import("../bundle.js").Card} Card */
/** @typedef {import("../classify.js").Reading} Reading */
/** @typedef {import("../radiograph/errors.js").Line} Line */
/** @typedef {import("../resize.js").Grey} Grey */

/**
 * A film of this session. Its file stays where the visitor has it: one that is gone back to is read again.
 * @typedef {object} Film
 * @property {number} id
 * @property {string} name as its visitor calls it
 * @property {Blob} file
 * @property {Grey | null} pixels of the film on screen alone
 * @property {number} bits a sample, as the file stores them
 * @property {Line[]} notes
 * @property {Reading[] | null} readings at the operating point that is chosen; null until it was read
 * @property {Line | null} error why it cannot be read
 */

export const state = {
  /** @type {any} texts/page.json */
  page: null,
  /** @type {any} texts/LANGUAGE.json */
  words: null,
  point: "",
  isReady: false,
  /** @type {Record<string, Card>} */
  cards: {},
  /** @type {Record<string, string>} network → a key of the catalogue that says why it does not read */
  faults: {},
  /** @type {Film[]} in the order in which they came */
  films: [],
  /** @type {Film | null} the one on screen, or on its way there */
  current: null,
};
