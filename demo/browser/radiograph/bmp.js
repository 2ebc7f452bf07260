// BMP → grey samples: uncompressed pictures of any depth. Nothing has to be decoded, so no decoder is asked.
// The rules of train/radiograph/bmp.py.
// Sources: the BITMAPFILEHEADER, BITMAPCOREHEADER and BITMAPINFOHEADER structures.

import { roundHalfEven } from "../resize.js";
import { Bytes } from "./bytes.js";
import { RadiographError, cutShort, damaged } from "./errors.js";
import { checkDecodedBytes, checkPixels } from "./formats.js";
import { lumaOf } from "./greyscale.js";

/** @typedef {import("./greyscale.js").Film} Film */

const [CORE_HEADER, INFO_HEADER] = [12, 40]; // bytes of the headers that begin all others
const BIT_FIELDS = 3;
/** @type {Record<number, number[]>} by compression */
const DEPTHS = { 0: [1, 4, 8, 16, 24, 32], [BIT_FIELDS]: [16, 32] };
/** @type {Record<number, number[]>} of red, green and blue, where the file gives none */
const MASKS = { 16: [0x7c00, 0x03e0, 0x001f], 32: [0xff0000, 0xff00, 0xff] };
const TABLE_BITS = 16;

/**
 * @typedef {object} BmpHeader
 * @property {number} start of the pixels
 * @property {number} size of the header
 * @property {number} width
 * @property {number} height
 * @property {boolean} isTopDown
 * @property {number} depth
 * @property {number} compression
 */

/**
 * Read an uncompressed BMP; a file size in its header that is wrong does not matter.
 * @param {Uint8Array} data
 * @returns {Film}
 */
export function readBmp(data) {
  const bytes = new Bytes(data);
  const header = readHeader(bytes);
  const { width, height, depth, start } = header;
  checkPixels(width, height);
  if (!DEPTHS[header.compression]?.includes(depth)) throw new RadiographError("reader.bmp_rare");
  checkDecodedBytes(width * height, 4);
  if (start < 14 + header.size) throw damaged("BMP");
  const rowBytes = Math.floor((width * depth + 31) / 32) * 4;
  if (start + rowBytes * height > data.length) throw cutShort("BMP");
  const grey = greyReader(bytes, header);
  const pixels = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    const row = start + rowBytes * (header.isTopDown ? y : height - 1 - y);
    for (let x = 0; x < width; x++) pixels[y * width + x] = grey(row, x);
  }
  return { film: { width, height, data: pixels }, notes: [], bits: 8 };
}

/** @param {Bytes} bytes @returns {BmpHeader} */
function readHeader(bytes) {
  const [start, size] = [bytes.little(10, 4), bytes.little(14, 4)];
  if (size === CORE_HEADER) {
    const [width, height] = [bytes.little(18, 2), bytes.little(20, 2)];
    return { start, size, width, height, isTopDown: false, depth: bytes.little(24, 2), compression: 0 };
  }
  const [width, height] = [bytes.little(18, 4) | 0, bytes.little(22, 4) | 0];
  const [depth, compression] = [bytes.little(28, 2), bytes.little(30, 4)];
  return { start, size, width, height: Math.abs(height), isTopDown: height < 0, depth, compression };
}

/**
 * How the grey of a pixel is found: the place of its row and its column → 0..255.
 * @param {Bytes} bytes
 * @param {BmpHeader} header
 * @returns {(row: number, x: number) => number}
 */
function greyReader(bytes, header) {
  const { data } = bytes;
  const { depth } = header;
  if (depth <= 8) {
    const greys = palette(bytes, header);
    const most = (1 << depth) - 1;
    return (row, x) => greys[(data[row + ((x * depth) >> 3)] >> (8 - depth - ((x * depth) & 7))) & most];
  }
  if (depth === 24) return (row, x) => lumaOf(data[row + 3 * x + 2], data[row + 3 * x + 1], data[row + 3 * x]);
  const size = depth / 8;
  const [red, green, blue] = masks(bytes, header).map(channelReader);
  return (row, x) => {
    const word = bytes.little(row + size * x, size);
    return lumaOf(red(word), green(word), blue(word));
  };
}

/** @param {Bytes} bytes @param {BmpHeader} header @returns {Uint8Array} the grey of each index */
function palette(bytes, { start, size, depth }) {
  const entry = size === CORE_HEADER ? 3 : 4;
  const first = 14 + size;
  const count = Math.min(Math.floor((start - first) / entry), 1 << depth);
  const greys = new Uint8Array(1 << depth);
  for (let index = 0; index < count; index++) {
    const [blue, green, red] = bytes.data.subarray(first + index * entry, first + index * entry + 3);
    greys[index] = lumaOf(red, green, blue);
  }
  return greys;
}

/**
 * The masks of red, green and blue; refuse those that overlap, have holes, or reach beyond a pixel's bits.
 * @param {Bytes} bytes
 * @param {BmpHeader} header
 * @returns {number[]}
 */
function masks(bytes, { start, depth, compression }) {
  if (compression !== BIT_FIELDS) return MASKS[depth];
  const place = 14 + INFO_HEADER; // a part of longer headers, and behind the shortest
  const found = [0, 4, 8].map((at) => bytes.little(place + at, 4));
  const isContiguous = found.every((mask) => /^(1+0*)?$/.test(mask === 0 ? "" : mask.toString(2)));
  const isDisjoint = found.reduce((all, mask) => all | mask, 0) >>> 0 === found.reduce((sum, mask) => sum + mask, 0);
  const isWithin = Math.max(...found) < 2 ** depth;
  const hasAny = found.some((mask) => mask > 0);
  if (!isContiguous || !isDisjoint || !isWithin || !hasAny || start < place + 12) throw damaged("BMP");
  return found;
}

/**
 * How a channel is taken out of a word, 0..255; one without bits is 0.
 * @param {number} mask
 * @returns {(word: number) => number}
 */
function channelReader(mask) {
  if (mask === 0) return () => 0;
  const bits = mask.toString(2);
  const lowest = bits.length - 1 - bits.lastIndexOf("1");
  const shift = lowest + Math.max(bits.length - lowest - TABLE_BITS, 0);
  const most = mask >>> shift;
  const factor = 255 / most;
  return (word) => roundHalfEven(((word & mask) >>> shift) * factor);
}
