// The strips and tiles of a TIFF → their bytes. Only compressions that tell when data are missing are read.
// Sources: TIFF 6.0 (Adobe, 1992) sections 9, 13 and 14; Adobe Photoshop TIFF Technical Notes (2002) for Deflate.

import { RadiographError, cutShort, damaged } from "./errors.js";
import { inflated } from "./inflate.js";

export const [PLAIN, LZW, PACKBITS] = [1, 5, 32773];
const DEFLATES = [8, 32946];
export const COMPRESSIONS = [PLAIN, LZW, PACKBITS, ...DEFLATES];
const [CLEAR, END, FIRST] = [256, 257, 258];
const LONGEST = 12; // bits of a code
const MOST_CODES = 1 << LONGEST;

/**
 * Undo the compression of a piece.
 * @param {Uint8Array} piece
 * @param {number} compression one of COMPRESSIONS
 * @param {number} size bytes that must come of it
 * @param {number} most bytes that may: a last strip may hold rows that the picture does not have
 * @returns {Promise<Uint8Array>} at least `size` bytes
 * @throws {import("./errors.js").RadiographError} not all there, or damaged
 */
export async function decompressed(piece, compression, size, most) {
  if (compression === PLAIN) {
    if (piece.length < size) throw cutShort("TIFF");
    return piece;
  }
  if (piece.length === 0) throw cutShort("TIFF");
  if (compression === PACKBITS) return unpacked(piece, size);
  if (compression === LZW) {
    if (isOldLzw(piece)) throw new RadiographError("browser.no_deep_tiff");
    return expanded(piece, size);
  }
  const found = await inflated([piece], most + 1);
  if (found === null || found.length < size || found.length > most) throw cutShort("TIFF");
  return found;
}

/** Codes of the days before TIFF 6.0 begin with their lowest bit. @param {Uint8Array} piece @returns {boolean} */
const isOldLzw = (piece) => piece[0] === 0 && (piece[1] & 1) === 1;

/** @param {Uint8Array} piece @param {number} size @returns {Uint8Array} */
function unpacked(piece, size) {
  const bytes = new Uint8Array(size);
  let [filled, place] = [0, 0];
  while (filled < size) {
    if (place >= piece.length) throw damaged("TIFF");
    const head = piece[place++];
    if (head === 128) continue; // means nothing
    const count = Math.min(head < 128 ? head + 1 : 257 - head, size - filled);
    if (place + (head < 128 ? count : 1) > piece.length) throw damaged("TIFF");
    if (head < 128) bytes.set(piece.subarray(place, place + count), filled);
    else bytes.fill(piece[place], filled, filled + count);
    place += head < 128 ? head + 1 : 1;
    filled += count;
  }
  return bytes;
}

/**
 * Expand LZW. An entry of the table is a place in what was expanded already, and a length.
 * @param {Uint8Array} piece
 * @param {number} size
 * @returns {Uint8Array}
 */
function expanded(piece, size) {
  const bytes = new Uint8Array(size);
  const [starts, lengths] = [new Uint32Array(MOST_CODES), new Uint32Array(MOST_CODES)];
  let [filled, place, held, bits] = [0, 0, 0, 0];
  let [width, next, before] = [9, FIRST, -1]; // bits of a code, the next free code, the code before
  let start = 0; // of what the code before expanded to
  while (filled < size) {
    for (; bits < width; bits += 8) {
      if (place >= piece.length) throw damaged("TIFF");
      held = ((held << 8) | piece[place++]) & 0xfffff;
    }
    bits -= width;
    const code = (held >> bits) & ((1 << width) - 1);
    if (code === END) throw damaged("TIFF"); // before all is there
    if (code === CLEAR) {
      [width, next, before] = [9, FIRST, -1];
      continue;
    }
    if (before >= 0 && next < MOST_CODES) {
      // What the code before stands for, and the first byte of what comes now: it follows in place.
      starts[next] = start;
      lengths[next++] = filled - start + 1;
    }
    if (code >= next || (before < 0 && code > CLEAR)) throw damaged("TIFF");
    start = filled;
    const length = code < CLEAR ? 1 : lengths[code];
    if (code < CLEAR) bytes[filled++] = code;
    else for (let at = 0; at < length && filled < size; at++) bytes[filled++] = bytes[starts[code] + at];
    before = code;
    if (next >= (1 << width) - 1 && width < LONGEST) width++; // a code early
  }
  return bytes;
}
