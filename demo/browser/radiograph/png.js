// PNG → grey samples of 8 or 16 bits, of whole pictures only. Browsers decode PNG to 8 bits and multiply by alpha, so
// it is read here. The rules of train/radiograph/png.py. Source: W3C PNG 3rd edition sections 5, 7 to 11.

import { Bytes } from "./bytes.js";
import { cutShort, damaged, moving } from "./errors.js";
import { exifOrientation } from "./exif.js";
import { checkDecodedBytes, checkPixels } from "./formats.js";
import { applyOrientation, luma, lumaOf, to8Bits } from "./greyscale.js";
import { inflated } from "./inflate.js";

/** @typedef {import("./greyscale.js").Film} Film */
/** @typedef {import("./greyscale.js").Samples} Samples */

const MAX_CHUNKS = 100_000;
const NEEDED = ["IHDR", "PLTE", "IDAT", "IEND"];
const PALETTE = 3;
/** @type {Record<number, number[]>} by colour type */
const DEPTHS = { 0: [1, 2, 4, 8, 16], 2: [8, 16], 3: [1, 2, 4, 8], 4: [8, 16], 6: [8, 16] };
/** @type {Record<number, number>} by colour type */
const CHANNELS = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };
const LAST_FILTER = 4;
// First column, first row, and the steps between those of a pass (section 8.1)
const ADAM7 = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
];
const WHOLE = [[0, 0, 1, 1]];

/**
 * IHDR: size in pixels, bits a sample, colour type, samples a pixel, and whether the rows come in seven passes.
 * @typedef {{width: number, height: number, depth: number, colour: number, channels: number, isInterlaced: boolean}}
 *   PngHeader
 */

/** @typedef {{name: string, body: Uint8Array}} Chunk */

/**
 * Read a PNG of any depth; its palette is looked up, transparency ignored, EXIF orientation undone.
 * @param {Uint8Array} data
 * @returns {Promise<Film>}
 */
export async function readPng(data) {
  let orientation = 1;
  /** @type {Chunk[]} */
  const kept = [];
  for (const chunk of chunksOf(data)) {
    const { name, body } = chunk;
    if (name === "acTL" && new Bytes(body).big(0, 4) > 1) throw moving("PNG");
    if (name === "eXIf") orientation = exifOrientation(body);
    else if (NEEDED.includes(name)) kept.push(chunk);
    else if (/^[A-Z]/.test(name)) throw damaged("PNG"); // one that a decoder must not go on without knowing
  }
  const header = readHeader(kept[0].body);
  const greys = header.colour === PALETTE ? greysOfPalette(kept) : null;
  const size = bytesOf(header);
  const stream = kept.filter(({ name }) => name === "IDAT").map(({ body }) => body);
  const rows = await inflated(stream, size);
  if (rows === null || rows.length < size) throw damaged("PNG");
  const samples = samplesOf(header, rows);
  const grey = greys ? Uint8Array.from(samples, (index) => greys[index]) : luma(samples, header.channels);
  const { data: pixels, notes } = to8Bits(grey);
  const film = { width: header.width, height: header.height, data: pixels };
  return { film: applyOrientation(film, orientation), notes, bits: header.depth };
}

/**
 * The chunks from IHDR to IEND; what follows the end is ignored.
 * @param {Uint8Array} data
 * @returns {Generator<Chunk>}
 */
function* chunksOf(data) {
  const bytes = new Bytes(data);
  let position = 8;
  for (let index = 0; index < MAX_CHUNKS; index++) {
    const end = position + 12 + bytes.big(position, 4);
    if (end > data.length) throw cutShort("PNG");
    const name = bytes.text(position + 4, 4);
    if (crc32(data.subarray(position + 4, end - 4)) !== bytes.big(end - 4, 4)) throw damaged("PNG");
    if ((index === 0) !== (name === "IHDR") || !/^[A-Za-z]{4}$/.test(name)) throw damaged("PNG");
    yield { name, body: data.subarray(position + 8, end - 4) };
    if (name === "IEND") return;
    position = end;
  }
  throw damaged("PNG");
}

/** @param {Uint8Array} body @returns {PngHeader} */
function readHeader(body) {
  if (body.length !== 13) throw damaged("PNG");
  const [width, height] = [new Bytes(body).big(0, 4), new Bytes(body).big(4, 4)];
  checkPixels(width, height);
  const [depth, colour, compression, filtering, interlacing] = body.subarray(8);
  if (!DEPTHS[colour]?.includes(depth) || compression || filtering || interlacing > 1) throw damaged("PNG");
  const channels = CHANNELS[colour];
  // A palette's colours, or what is narrower than a byte, are decoded to bytes.
  checkDecodedBytes(width * height, Math.max(depth >> 3, 1) * (colour === PALETTE ? 4 : channels));
  return { width, height, depth, colour, channels, isInterlaced: interlacing === 1 };
}

/**
 * The grey of each index; refuse a palette that is missing, comes too late, or is no list of colours.
 * @param {Chunk[]} kept
 * @returns {Uint8Array} [256], black for those without a colour
 */
function greysOfPalette(kept) {
  const count = kept.filter(({ name }) => name === "PLTE").length;
  const { name, body } = kept[1];
  if (count !== 1 || name !== "PLTE" || body.length % 3 || body.length === 0 || body.length > 768) throw damaged("PNG");
  const greys = new Uint8Array(256);
  for (let at = 0; at < body.length; at += 3) greys[at / 3] = lumaOf(body[at], body[at + 1], body[at + 2]);
  return greys;
}

/**
 * The passes over the picture: where their pixels lie, how many there are, and the bytes of a row without its filter's.
 * @param {PngHeader} header
 */
function passesOf({ width, height, depth, channels, isInterlaced }) {
  return (isInterlaced ? ADAM7 : WHOLE)
    .map(([left, top, across, down]) => {
      const columns = Math.ceil((width - left) / across);
      const rows = Math.ceil((height - top) / down);
      return { left, top, across, down, columns, rows, rowBytes: (columns * depth * channels + 7) >> 3 };
    })
    .filter(({ columns, rows }) => columns > 0 && rows > 0);
}

/** @param {PngHeader} header @returns {number} of all rows with their filters */
function bytesOf(header) {
  return passesOf(header).reduce((sum, { rows, rowBytes }) => sum + rows * (rowBytes + 1), 0);
}

/**
 * @param {PngHeader} header
 * @param {Uint8Array} rows each with its filter's byte before it; they are unfiltered where they stand
 * @returns {Samples} interleaved
 */
function samplesOf(header, rows) {
  const { width, height, depth, channels, colour } = header;
  const Kind = depth === 16 ? Uint16Array : Uint8Array;
  const samples = new Kind(width * height * channels);
  const most = (1 << depth) - 1;
  const factor = depth < 8 && colour !== PALETTE ? 255 / most : 1; // narrow greys are spread over the byte
  let start = 0;
  for (const { left, top, across, down, columns, rows: count, rowBytes } of passesOf(header)) {
    /** @type {Uint8Array} */
    let above = new Uint8Array(rowBytes);
    for (let row = 0; row < count; row++, start += rowBytes + 1) {
      const line = rows.subarray(start + 1, start + 1 + rowBytes);
      unfilter(line, above, rows[start], Math.max((depth * channels) >> 3, 1));
      above = line;
      let target = ((top + row * down) * width + left) * channels;
      for (let column = 0, index = 0; column < columns; column++, target += (across - 1) * channels) {
        for (let channel = 0; channel < channels; channel++, index++, target++) {
          if (depth === 16) samples[target] = (line[2 * index] << 8) | line[2 * index + 1];
          else if (depth === 8) samples[target] = line[index];
          else samples[target] = ((line[(index * depth) >> 3] >> (8 - depth - ((index * depth) & 7))) & most) * factor;
        }
      }
    }
  }
  return samples;
}

/**
 * Undo a row's filter (section 9).
 * @param {Uint8Array} line
 * @param {Uint8Array} above
 * @param {number} filter
 * @param {number} step bytes of a pixel
 */
function unfilter(line, above, filter, step) {
  if (filter > LAST_FILTER) throw damaged("PNG");
  for (let at = 0; filter > 0 && at < line.length; at++) {
    const left = at < step ? 0 : line[at - step];
    const corner = at < step ? 0 : above[at - step];
    if (filter === 1) line[at] += left;
    else if (filter === 2) line[at] += above[at];
    else if (filter === 3) line[at] += (left + above[at]) >> 1;
    else line[at] += paeth(left, above[at], corner);
  }
}

/** @param {number} left @param {number} up @param {number} corner @returns {number} */
function paeth(left, up, corner) {
  const guess = left + up - corner;
  const [toLeft, toUp, toCorner] = [Math.abs(guess - left), Math.abs(guess - up), Math.abs(guess - corner)];
  if (toLeft <= toUp && toLeft <= toCorner) return left;
  return toUp <= toCorner ? up : corner;
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});

/** @param {Uint8Array} data @returns {number} the checksum of section 5.5 */
function crc32(data) {
  let value = 0xffffffff;
  for (const byte of data) value = CRC_TABLE[(value ^ byte) & 0xff] ^ (value >>> 8);
  return (value ^ 0xffffffff) >>> 0;
}
