// The libraries that films of a rarer kind need: each is fetched when the first such film comes.

import { RadiographError } from "./radiograph/errors.js";

/**
 * A codec compiled to WebAssembly: its module, and the code that this starts.
 * @typedef {{module: string, wasm: string}} CodecAddresses
 */

/**
 * @typedef {object} LibraryAddresses
 * @property {string} dicomParser dicom-parser as an ES module
 * @property {CodecAddresses} openJpeg for JPEG 2000
 * @property {CodecAddresses} charLs for JPEG-LS
 */

/** @typedef {(options: object) => Promise<any>} Start of a codec: an instance with memory of its own */

/** What reads films by help of others. A library that does not come refuses the film. */
export class Libraries {
  /** @param {LibraryAddresses} addresses */
  constructor(addresses) {
    this.addresses = addresses;
    /** @type {Map<string, Promise<any>>} what was fetched, by address */
    this.fetched = new Map();
  }

  /** @returns {Promise<any>} dicom-parser */
  dicomParser() {
    return this.module(this.addresses.dicomParser);
  }

  /** @returns {Promise<any>} class of a decoder of JPEG 2000 */
  async openJpeg() {
    return (await this.started(this.addresses.openJpeg)).J2KDecoder;
  }

  /** @returns {Promise<any>} class of a decoder of JPEG-LS */
  async charLs() {
    return (await this.started(this.addresses.charLs)).JpegLSDecoder;
  }

  /**
   * A codec started anew: the memory that a large film took goes with it, and so does what a damaged one left.
   * @param {CodecAddresses} addresses
   * @returns {Promise<any>}
   */
  async started({ module, wasm }) {
    const [start, wasmBinary] = await Promise.all([this.module(module), this.once(wasm, () => bytesOf(wasm))]);
    const silent = () => {}; // it would tell the console of every step
    return /** @type {Start} */ (start)({ wasmBinary, print: silent, printErr: silent });
  }

  /** @param {string} address @returns {Promise<any>} what a module exports */
  module(address) {
    return this.once(address, async () => (await import(address)).default);
  }

  /**
   * @param {string} address
   * @param {() => Promise<any>} fetchIt
   * @returns {Promise<any>}
   */
  once(address, fetchIt) {
    const found = this.fetched.get(address) ?? fetchIt().catch(notLoaded);
    this.fetched.set(address, found);
    return found;
  }
}

/** @param {string} address @returns {Promise<ArrayBuffer>} */
async function bytesOf(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(address);
  return answer.arrayBuffer();
}

/** @returns {never} */
function notLoaded() {
  throw new RadiographError("browser.not_loaded");
}
