// Why a film cannot be read, and what is to be known of one that was: keys of the catalogue, never sentences.

/**
 * A line of the catalogue, with what fills its {names}. A value that is itself a key (reader.what.pdf) is looked up.
 * @typedef {{key: string, values: Record<string, string | number>}} Line
 */

/** A film that cannot be read. It names neither the file nor anything of the patient's. */
export class RadiographError extends Error {
  /**
   * @param {string} key of the catalogue
   * @param {Record<string, string | number>} [values]
   */
  constructor(key, values = {}) {
    super(key);
    this.name = "RadiographError";
    this.key = key;
    this.values = values;
  }
}

/** @param {string} kind @returns {RadiographError} the file's end is missing */
export const cutShort = (kind) => new RadiographError("reader.cut_short", { kind });

/** @param {string} kind @returns {RadiographError} the file's parts contradict each other */
export const damaged = (kind) => new RadiographError("reader.damaged", { kind });

/** @param {string} kind @returns {RadiographError} no radiograph moves */
export const moving = (kind) => new RadiographError("reader.animated", { kind });

/**
 * A line as it is shown.
 * @param {Line} line
 * @param {Record<string, string>} texts the catalogue of a language
 * @returns {string}
 */
export function worded(line, texts) {
  return texts[line.key].replace(/\{(\w+)\}/g, (_, name) => {
    const value = String(line.values[name]);
    return texts[value] ?? value;
  });
}
