/** A bundle that is missing, damaged or changed; or a program that cannot run it. */
export class BundleError extends Error {
  /** @param {string} key of the catalogue */
  constructor(key) {
    super(key);
    this.name = "BundleError";
    this.key = key;
  }
}
