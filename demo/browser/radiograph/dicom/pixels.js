// The first frame of a DICOM film → codes: the stored bits of each pixel as a number without sign.
// The rules of train/radiograph/dicom/pixels.py. Sources: DICOM PS3.5 section 8 and Annex G (RLE).

import { Bytes } from "../bytes.js";
import { decodeJpeg } from "../jpeg.js";
import { JPEG_LS, LOSSLESS_JPEG, readJpegHeader } from "../jpeg_header.js";
import { RLE } from "./frame.js";
import { EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT_LITTLE, damagedDicom } from "./header.js";
import { START_OF_CODESTREAM, decodeJpeg2000 } from "./jpeg_2000.js";

/** @typedef {import("../../libraries.js").Libraries} Libraries */
/** @typedef {import("../greyscale.js").Samples} Samples */
/** @typedef {import("./frame.js").FrameBytes} FrameBytes */

/**
 * How the header says pixels are stored; `highBit` is at least `stored` - 1 and below `allocated`.
 * @typedef {object} PixelLayout
 * @property {number} rows
 * @property {number} columns
 * @property {number} frames
 * @property {number} allocated
 * @property {number} stored
 * @property {number} highBit
 * @property {boolean} isSigned
 */

/**
 * The decoded pixels.
 * @typedef {object} StoredValues
 * @property {Samples} codes [rows × columns], each below 2**bits
 * @property {number} bits the stored ones of the header, or of the stream where it has fewer
 * @property {boolean} isRescaled a lossy stream of fewer bits: the header's tables and windows are of other values
 */

/**
 * What a decoder gave: samples, how many bits of each are coded, whether the method is lossy, and whether the samples
 * have a sign (their bits are those of two's complement).
 * @typedef {{pixels: Samples, precision: number, isLossy: boolean, isSigned?: boolean}} Decoded
 */

const NATIVE = [IMPLICIT_LITTLE, EXPLICIT_LITTLE, EXPLICIT_BIG];
const NEAR_LOSSLESS = "1.2.840.10008.1.2.4.81";
const JPEG = ["50", "51", "57", "70", "80", "81"].map((end) => `1.2.840.10008.1.2.4.${end}`);
const JPEG_2000 = ["90", "91"].map((end) => `1.2.840.10008.1.2.4.${end}`);
export const DECODABLE = [...NATIVE, ...JPEG, ...JPEG_2000, RLE];
const START_OF_JPEG = "\xff\xd8\xff";
const MAX_RUNS = 5_000_000;

/**
 * Decode the first frame.
 * @param {FrameBytes} frame
 * @param {string} syntax one of DECODABLE
 * @param {PixelLayout} layout
 * @param {Libraries} libraries
 * @returns {Promise<StoredValues>}
 */
export async function decodeStoredValues(frame, syntax, layout, libraries) {
  const { pixels, precision, isLossy, isSigned = false } = await decode(frame, syntax, layout, libraries);
  const { stored } = layout;
  if (pixels.length !== layout.rows * layout.columns) throw damagedDicom();
  if (precision < stored) {
    return { codes: lowestBits(pixels, precision, 0), bits: precision, isRescaled: isLossy };
  }
  const highBit = layout.highBit < precision ? layout.highBit : stored - 1;
  const shift = highBit + 1 - stored;
  // Cut to its lowest bits, what overshoots white in a lossy stream would come out black.
  if (isLossy && isSigned) return { codes: cutAtEnds(pixels, stored, shift), bits: stored, isRescaled: false };
  if (isLossy && !layout.isSigned) return { codes: cutAtWhite(pixels, stored, shift), bits: stored, isRescaled: false };
  return { codes: lowestBits(pixels, stored, shift), bits: stored, isRescaled: false };
}

/** @param {Samples} pixels @param {number} bits @param {number} shift @returns {Samples} */
function lowestBits(pixels, bits, shift) {
  const mask = 2 ** bits - 1;
  return pixels.map((pixel) => (pixel >> shift) & mask);
}

/** @param {Samples} pixels @param {number} bits @param {number} shift @returns {Samples} */
function cutAtWhite(pixels, bits, shift) {
  const most = 2 ** bits - 1;
  return pixels.map((pixel) => Math.min(pixel >> shift, most));
}

/**
 * `cutAtWhite` of samples with a sign.
 * @param {Samples} pixels
 * @param {number} bits
 * @param {number} shift
 * @returns {Samples}
 */
function cutAtEnds(pixels, bits, shift) {
  const signs = 32 - 8 * pixels.BYTES_PER_ELEMENT;
  const most = 2 ** (bits - 1) - 1;
  const mask = 2 ** bits - 1;
  return pixels.map((pixel) => Math.min(Math.max(((pixel << signs) >> signs) >> shift, -most - 1), most) & mask);
}

/**
 * @param {FrameBytes} frame
 * @param {string} syntax
 * @param {PixelLayout} layout
 * @param {Libraries} libraries
 * @returns {Promise<Decoded>}
 */
async function decode(frame, syntax, layout, libraries) {
  const bytes = new Bytes(frame.data);
  // What is in fragments under a syntax without compression may be compressed all the same: its first bytes say.
  const isUnknown = frame.isInFragments && NATIVE.includes(syntax);
  if (JPEG.includes(syntax) || (isUnknown && bytes.has(START_OF_JPEG))) {
    return decodeStream(frame.data, syntax, layout, libraries);
  }
  if (JPEG_2000.includes(syntax) || (isUnknown && bytes.has(START_OF_CODESTREAM))) {
    return decodeJpeg2000(bytes, layout, await libraries.openJpeg());
  }
  if (syntax === RLE) return unpack(bytes, layout);
  return { pixels: native(frame, syntax, layout), precision: layout.allocated, isLossy: false };
}

/**
 * @param {Uint8Array} data
 * @param {string} syntax
 * @param {PixelLayout} layout
 * @param {Libraries} libraries
 * @returns {Promise<Decoded>}
 */
async function decodeStream(data, syntax, layout, libraries) {
  const header = readJpegHeader(data);
  const { process, precision, width, height } = header.frame;
  const pixels = await decodeJpeg(header, libraries);
  if (width !== layout.columns || height !== layout.rows) throw damagedDicom();
  const isLossy = process === JPEG_LS ? syntax === NEAR_LOSSLESS : process !== LOSSLESS_JPEG;
  return { pixels, precision, isLossy };
}

/** @param {FrameBytes} frame @param {string} syntax @param {PixelLayout} layout @returns {Samples} */
function native({ data, frames, isInWords }, syntax, { rows, columns, allocated }) {
  const count = rows * columns;
  const isBig = syntax === EXPLICIT_BIG;
  if (data.length < ((count * allocated) / 8) * frames) throw damagedDicom();
  if (allocated === 8 && !(isBig && isInWords)) return data.slice(0, count);
  if (allocated === 8) {
    if (count % 2 && data.length <= count) throw damagedDicom();
    return Uint8Array.from({ length: count }, (_, place) => data[place ^ 1]);
  }
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const pixels = new Uint16Array(count);
  for (let place = 0; place < count; place++) pixels[place] = view.getUint16(2 * place, !isBig);
  return pixels;
}

/**
 * Undo run lengths (PS3.5 Annex G.3), a segment a byte of the pixels, the highest first.
 * @param {Bytes} bytes
 * @param {PixelLayout} layout
 * @returns {Decoded}
 */
function unpack(bytes, { rows, columns, allocated }) {
  const segments = bytes.little(0, 4);
  if (segments < 1 || segments > allocated / 8) throw damagedDicom();
  const starts = Array.from({ length: segments }, (_, index) => bytes.little(4 * index + 4, 4));
  const ends = [...starts.slice(1), bytes.length];
  const planes = starts.map((start, index) => unpackRuns(bytes.data.subarray(start, ends[index]), rows * columns));
  if (segments === 1) return { pixels: planes[0], precision: 8, isLossy: false };
  const [high, low] = planes;
  return { pixels: Uint16Array.from(high, (byte, place) => (byte << 8) | low[place]), precision: 16, isLossy: false };
}

/** @param {Uint8Array} segment @param {number} size @returns {Uint8Array} */
function unpackRuns(segment, size) {
  const plane = new Uint8Array(size);
  let [filled, position] = [0, 0];
  for (let run = 0; run < MAX_RUNS && filled < size && position < segment.length; run++) {
    const head = segment[position];
    if (head < 128) {
      const literal = segment.subarray(position + 1, position + 2 + Math.min(head, size - filled - 1));
      plane.set(literal, filled);
      filled += literal.length;
      position += 2 + head;
    } else if (head > 128) {
      if (position + 1 >= segment.length) break;
      plane.fill(segment[position + 1], filled, filled + 257 - head);
      filled += 257 - head;
      position += 2;
    } else {
      position += 1;
    }
  }
  if (filled < size) throw damagedDicom();
  return plane;
}
