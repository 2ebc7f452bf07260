// The tags of a TIFF directory; EXIF is one too. The rules of train/radiograph/tiff_tags.py.
// Sources: TIFF 6.0 (Adobe, 1992) section 2; BigTIFF (Aware Systems).

import { Bytes } from "./bytes.js";
import { cutShort, damaged } from "./errors.js";

export const ORIENTATION = 274;
const MAX_ENTRIES = 4_096; // of a directory; cameras write about 60
const MAX_VALUES = 200_000; // of an entry: one offset for each row of the highest film that is read
/** @type {Record<number, number>} bytes of the types of whole numbers: BYTE, SHORT, LONG and LONG8 */
const SIZES = { 1: 1, 3: 2, 4: 4, 16: 8 };
const HIGH = 2 ** 32;

/** The bytes of a TIFF in its byte order, with offsets of 32 bits or 64. */
export class TiffFile {
  /**
   * @param {Uint8Array} data from its byte order mark on
   * @throws {import("./errors.js").RadiographError} no TIFF, or cut short
   */
  constructor(data) {
    this.bytes = new Bytes(data);
    this.isLittle = this.bytes.has("II");
    if (!this.isLittle && !this.bytes.has("MM")) throw damaged("TIFF");
    const version = this.number(2, 2);
    this.isBig = version === 43;
    if (version !== 42 && !(this.isBig && this.number(4, 2) === 8)) throw damaged("TIFF");
    this.first = this.isBig ? this.number(8, 8) : this.number(4, 4);
  }

  /** A whole number that must be there. @param {number} place @param {number} size 1 to 8 @returns {number} */
  number(place, size) {
    if (place + size > this.bytes.length) throw cutShort("TIFF");
    if (size < 8) return this.isLittle ? this.bytes.little(place, size) : this.bytes.big(place, size);
    const [low, high] = this.isLittle ? [place, place + 4] : [place + 4, place];
    return this.number(high, 4) * HIGH + this.number(low, 4);
  }

  /**
   * Where the entries of the directory at a place begin, how many they are, and how many bytes an entry and an offset
   * take.
   * @param {number} place
   */
  extent(place) {
    const [countSize, entry, pointer] = this.isBig ? [8, 20, 8] : [2, 12, 4];
    const count = this.number(place, countSize);
    if (!(count > 0 && count <= MAX_ENTRIES)) throw damaged("TIFF");
    return { start: place + countSize, count, entry, pointer };
  }

  /** Where the directory behind the one at a place stands, 0 for none. @param {number} place @returns {number} */
  next(place) {
    const { start, count, entry, pointer } = this.extent(place);
    return this.number(start + count * entry, pointer);
  }

  /**
   * Read the directory at a place.
   * @param {number} place
   * @returns {TiffTags}
   * @throws {import("./errors.js").RadiographError} cut short, larger than any real one, or names a tag twice
   */
  tags(place) {
    const { start, count, entry, pointer } = this.extent(place);
    /** @type {Map<number, Entry>} */
    const entries = new Map();
    for (let at = start; at < start + count * entry; at += entry) {
      const tag = this.number(at, 2);
      if (entries.has(tag)) throw damaged("TIFF"); // readers disagree on which of the two counts
      const size = SIZES[this.number(at + 2, 2)];
      const values = size ? this.number(at + 4, pointer) : 0;
      const inside = at + 4 + pointer;
      entries.set(tag, { size, count: values, place: values * size > pointer ? this.number(inside, pointer) : inside });
    }
    this.next(place); // it must end as one does
    return new TiffTags(this, entries);
  }
}

/** @typedef {{size: number, count: number, place: number}} Entry values of a tag: bytes of each, how many, where */

/** Whole-number tags of one picture. */
export class TiffTags {
  /** @param {TiffFile} file @param {Map<number, Entry>} entries */
  constructor(file, entries) {
    this.file = file;
    this.entries = entries;
  }

  /** The values of a tag; none where it is absent, or none of whole numbers. @param {number} tag @returns {number[]} */
  values(tag) {
    const { size, count, place } = this.entries.get(tag) ?? { size: 1, count: 0, place: 0 };
    if (count > MAX_VALUES) throw damaged("TIFF");
    return Array.from({ length: count }, (_, index) => this.file.number(place + index * size, size));
  }

  /** The first value of a tag. @param {number} tag @param {number} [otherwise] @returns {number} */
  number(tag, otherwise) {
    const value = this.values(tag)[0] ?? otherwise;
    if (value === undefined) throw damaged("TIFF");
    return value;
  }
}
