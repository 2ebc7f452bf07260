// Which way up a film is to be shown, out of an EXIF block. The rules of train/radiograph/tiff_tags.py.
// Sources: TIFF 6.0 (Adobe, 1992) section 2; EXIF 2.32 section 4.6.

import { Bytes } from "./bytes.js";

const ORIENTATION = 274;
const MAX_ENTRIES = 4_096;
const ENTRY_BYTES = 12;
const SIZES = new Map([
  [1, 1],
  [3, 2],
  [4, 4],
  [16, 8],
]); // of whole numbers, by type

/**
 * The orientation an EXIF block asks for, 1 to 8; 1 where it does not say or cannot be read.
 * @param {Uint8Array} exif from its byte order mark on, without "Exif\0\0"
 * @returns {number}
 */
export function exifOrientation(exif) {
  const bytes = new Bytes(exif);
  const isLittle = bytes.has("II");
  if (!isLittle && !bytes.has("MM")) return 1;
  const number = (/** @type {number} */ place, /** @type {number} */ size) =>
    isLittle ? bytes.little(place, size) : bytes.big(place, size);
  if (number(2, 2) !== 42) return 1; // 64-bit offsets are not for blocks of 64 kB
  const start = number(4, 4);
  const count = number(start, 2);
  const end = start + 2 + count * ENTRY_BYTES;
  if (count < 1 || count > MAX_ENTRIES || end + 4 > exif.length) return 1;
  const seen = new Set();
  let orientation = 1;
  for (let place = start + 2; place < end; place += ENTRY_BYTES) {
    const tag = number(place, 2);
    if (seen.has(tag)) return 1; // readers disagree on which of the two counts
    seen.add(tag);
    const size = SIZES.get(number(place + 2, 2));
    if (tag !== ORIENTATION || size === undefined || number(place + 4, 4) < 1) continue;
    const total = size * number(place + 4, 4);
    const value = total > 4 ? number(place + 8, 4) : place + 8;
    if (value + total > exif.length) return 1;
    orientation = size === 8 ? 1 : number(value, size);
  }
  return orientation >= 1 && orientation <= 8 ? orientation : 1;
}
