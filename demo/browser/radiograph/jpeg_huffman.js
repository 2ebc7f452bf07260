// The codes of a JPEG: its tables, and the bits of a scan. Source: ITU-T T.81 Annexes C and F.

import { damaged } from "./errors.js";

/** @typedef {import("./bytes.js").Bytes} Bytes */

const LONGEST_CODE = 16;

/** A table of codes, canonical as T.81 Annex C builds them. */
export class Huffman {
  /** @param {Uint8Array} counts codes of each length, 1 to 16 bits @param {Uint8Array} symbols */
  constructor(counts, symbols) {
    this.symbols = symbols;
    this.firsts = new Int32Array(LONGEST_CODE + 1); // code of each length, and place of its symbol
    this.places = new Int32Array(LONGEST_CODE + 1);
    this.counts = counts;
    let [code, place] = [0, 0];
    for (let length = 1; length <= LONGEST_CODE; length++) {
      this.firsts[length] = code;
      this.places[length] = place;
      code += counts[length - 1];
      place += counts[length - 1];
      if (code > 1 << length) throw damaged("JPEG");
      code <<= 1;
    }
  }

  /** @param {Bits} bits @returns {number} the next symbol */
  next(bits) {
    let code = 0;
    for (let length = 1; length <= LONGEST_CODE; length++) {
      code = (code << 1) | bits.one();
      const rank = code - this.firsts[length];
      if (rank < this.counts[length - 1]) return this.symbols[this.places[length] + rank];
    }
    throw damaged("JPEG");
  }
}

/** The bits of a scan. */
export class Bits {
  /**
   * @param {Uint8Array} data
   * @param {() => import("./errors.js").RadiographError} [ended] what is wrong where they are not all there
   */
  constructor(data, ended = () => damaged("JPEG")) {
    this.data = data;
    this.ended = ended;
    this.place = 0;
    this.byte = 0;
    this.left = 0;
    this.run = 0; // blocks without further coefficients that still follow
  }

  /** @returns {number} */
  one() {
    if (this.left === 0) {
      if (this.place >= this.data.length) throw this.ended();
      this.byte = this.data[this.place++];
      this.left = 8;
      if (this.byte === 0xff) {
        while (this.data[this.place] === 0xff) this.place++;
        if (this.data[this.place++] !== 0) throw damaged("JPEG"); // a marker in the middle of the data
      }
    }
    return (this.byte >> --this.left) & 1;
  }

  /** @param {number} count @returns {number} */
  many(count) {
    let value = 0;
    for (let bit = 0; bit < count; bit++) value = (value << 1) | this.one();
    return value;
  }

  /**
   * A difference or a coefficient, whose bits follow the code of their number (T.81 section F.2.2.1).
   * @param {number} size
   * @returns {number}
   */
  signed(size) {
    const value = this.many(size);
    return size > 0 && value < 2 ** (size - 1) ? value - 2 ** size + 1 : value;
  }

  /** Pass over a restart marker, 0 to 7. @param {number} number */
  restart(number) {
    [this.left, this.run] = [0, 0];
    while (this.data[this.place] === 0xff && this.data[this.place + 1] === 0xff) this.place++;
    if (this.data[this.place] !== 0xff || this.data[this.place + 1] !== 0xd0 + number) throw damaged("JPEG");
    this.place += 2;
  }

  /** @param {number} surplus bytes that may be left */
  finish(surplus) {
    let left = this.data.length - this.place;
    for (let at = this.place; at + 1 < this.data.length; at++) {
      if (this.data[at] === 0xff && this.data[at + 1] >= 0xd0 && this.data[at + 1] <= 0xd7) left -= 2;
    }
    if (left > surplus) throw damaged("JPEG");
  }
}

/** @param {Bytes} body @param {Map<number, Huffman>} tables are added to */
export function readTables({ data }, tables) {
  for (let place = 0; place < data.length;) {
    const counts = data.subarray(place + 1, place + 1 + LONGEST_CODE);
    const end = place + 1 + LONGEST_CODE + counts.reduce((sum, count) => sum + count, 0);
    if (counts.length < LONGEST_CODE || end > data.length) throw damaged("JPEG");
    tables.set(data[place], new Huffman(counts, data.subarray(place + 1 + LONGEST_CODE, end)));
    place = end;
  }
}
