// JPEG 2000 in a DICOM film → its samples, by OpenJPEG; before that, whether the codestream is of this film and whole.
// The rules of train/radiograph/dicom/pixels.py. Source: ITU-T T.800 Annex A.

import { Bytes } from "../bytes.js";
import { decodeByCodec } from "../codecs.js";
import { damagedDicom } from "./header.js";

/** @typedef {import("./pixels.js").Decoded} Decoded */
/** @typedef {import("./pixels.js").PixelLayout} PixelLayout */

/**
 * Of a codestream: how many tiles, where the first one starts, bits a sample, whether it has a sign, where it says so,
 * whether it may be lossy.
 * @typedef {{tiles: number, end: number, precision: number, isSigned: boolean, signPlace: number, isLossy: boolean}}
 *   MainHeader
 */

export const START_OF_CODESTREAM = "\xff\x4f";
const [SIZES, CODING_STYLE, START_OF_TILE, END] = ["\xff\x51", "\xff\x52", "\xff\x90", "\xff\xd9"];
const MOST_BOXES = 1_024; // bytes of the boxes of a .jp2 file that some writers keep around the codestream
const MAX_SEGMENTS = 1_000;
const MAX_TILES = 10_000; // a film in 64 × 64 tiles has about 2,000
const MAX_TILE_PARTS = 100_000;
const MAX_LAYERS = 1_000;
const LEAST_PRECINCT = 5; // exponent of its side: smaller ones make more bookkeeping than picture
const REVERSIBLE = 1; // of the two wavelets, the one of whole numbers
const MOST_BITS = 16;
const NO_SIGN = 0x7f; // bits of a sample, but one; the highest bit says that it has a sign

/**
 * Decode a frame.
 * @param {Bytes} bytes
 * @param {PixelLayout} layout
 * @param {any} Decoder of OpenJPEG
 * @returns {Decoded}
 * @throws {import("../errors.js").RadiographError} of another size than the header says, damaged, not all there
 */
export function decodeJpeg2000(bytes, layout, Decoder) {
  const start = startOf(bytes);
  const main = readMainHeader(bytes, start + 2, layout);
  const end = endOfTiles(bytes, main.end, main.tiles);
  const stream = new Uint8Array(end - start + END.length);
  stream.set(bytes.data.subarray(start, end));
  stream.set([0xff, 0xd9], end - start);
  const { precision, isSigned, isLossy } = main;
  if (precision > MOST_BITS) throw damagedDicom();
  const expected = { width: layout.columns, height: layout.rows, precision };
  // The codec's wrapper loses bytes with a sign: it is told of none, and gives samples with 0 in their middle.
  stream[main.signPlace - start] &= NO_SIGN;
  const pixels = decodeByCodec(Decoder, stream, expected, damagedDicom());
  const middle = isSigned ? 2 ** (precision - 1) : 0;
  return { pixels: middle ? pixels.map((pixel) => pixel - middle) : pixels, precision, isSigned, isLossy };
}

/** @param {Bytes} bytes @returns {number} */
function startOf(bytes) {
  for (let place = 0; place + 4 <= MOST_BOXES; place++) if (bytes.has(START_OF_CODESTREAM + SIZES, place)) return place;
  throw damagedDicom();
}

/**
 * Refuse a main header that asks for another picture, or for endless work (Annex A.5).
 * @param {Bytes} bytes
 * @param {number} position
 * @param {PixelLayout} layout
 * @returns {MainHeader}
 */
function readMainHeader(bytes, position, layout) {
  let header = { tiles: 0, precision: 0, isSigned: false, signPlace: 0, isLossy: true };
  for (let segment = 0; segment < MAX_SEGMENTS; segment++) {
    if (bytes.has(START_OF_TILE, position)) return { ...header, end: position };
    const length = bytes.big(position + 2, 2);
    const body = new Bytes(bytes.data.subarray(position + 4, position + 2 + length));
    if (bytes.has(SIZES, position) && body.length === 39) {
      // of one component
      const depth = body.data[36];
      const sample = { precision: (depth & NO_SIGN) + 1, isSigned: depth > NO_SIGN, signPlace: position + 40 };
      header = { ...header, ...sample, tiles: countTiles(body, layout) };
    } else if (bytes.has(CODING_STYLE, position) && body.length >= 10) {
      const precincts = body.data[0] & 1 ? body.data.subarray(11) : [];
      const isTooFine = precincts.some((sides) => Math.min(sides & 15, sides >> 4) < LEAST_PRECINCT);
      if (body.big(2, 2) > MAX_LAYERS || isTooFine) throw damagedDicom();
      header = { ...header, isLossy: body.data[9] !== REVERSIBLE };
    }
    position += 2 + length;
  }
  throw damagedDicom();
}

/** @param {Bytes} sizes @param {PixelLayout} layout @returns {number} */
function countTiles(sizes, layout) {
  const [right, bottom, left, top, tileWidth, tileHeight, tileLeft, tileTop] = Array.from({ length: 8 }, (_, index) =>
    sizes.big(2 + 4 * index, 4),
  );
  const isOfThisFilm = right - left === layout.columns && bottom - top === layout.rows;
  const isASampleAPixel = sizes.data[37] === 1 && sizes.data[38] === 1;
  if (!isOfThisFilm || !isASampleAPixel || !tileWidth || !tileHeight) throw damagedDicom();
  const tiles = Math.ceil((right - tileLeft) / tileWidth) * Math.ceil((bottom - tileTop) / tileHeight);
  if (!(tiles > 0 && tiles <= MAX_TILES)) throw damagedDicom();
  return tiles;
}

/**
 * Refuse a codestream that lacks a tile or a tile's later parts: the decoder would leave them grey or coarse. It need
 * not say how many parts a tile has, nor that it ends: then all that it begins must be there by its length.
 * @param {Bytes} bytes
 * @param {number} position
 * @param {number} tiles
 * @returns {number} where its last part ends
 */
function endOfTiles(bytes, position, tiles) {
  /** @type {Map<number, number>} parts, by tile */
  const seen = new Map();
  /** @type {Map<number, number>} how many a tile says there are, often in its last part only; 0 says nothing */
  const stated = new Map();
  for (let part = 0; part < MAX_TILE_PARTS && bytes.has(START_OF_TILE, position); part++) {
    const [tile, length, count] = [bytes.big(position + 4, 2), bytes.big(position + 6, 4), bytes.big(position + 11, 1)];
    seen.set(tile, (seen.get(tile) ?? 0) + 1);
    stated.set(tile, Math.max(stated.get(tile) ?? 0, count));
    position = length ? position + length : lastPlaceOf(END, bytes);
  }
  const isWhole = [...seen].every(([tile, parts]) => parts === (stated.get(tile) || parts));
  // Without an end marker nothing follows but the byte that makes a fragment's length even; where none follows, a last
  // byte of 0 may be that one, in the place of a byte that was cut off.
  const { data, length } = bytes;
  const isPadded = position === length - 1 && data[position] === 0;
  const isAtEnd = position === length && data[length - 1] !== 0;
  const isEnded = bytes.has(END, position) || isPadded || isAtEnd;
  if (position < 0 || position > length || !isEnded || seen.size !== tiles || !isWhole) throw damagedDicom();
  return position;
}

/** @param {string} marker @param {Bytes} bytes @returns {number} -1 where there is none */
function lastPlaceOf(marker, bytes) {
  let place = bytes.length - marker.length;
  while (place >= 0 && !bytes.has(marker, place)) place--;
  return place;
}
