// Lossless JPEG of one component → its samples. The walk over its codes that finds damage has all it takes to decode.
// Source: ITU-T T.81 Annex H.

import { Bytes } from "./bytes.js";
import { RadiographError, damaged } from "./errors.js";
import { Bits, readTables } from "./jpeg_huffman.js";

/** @typedef {import("./greyscale.js").Samples} Samples */
/** @typedef {import("./jpeg_header.js").JpegHeader} JpegHeader */
/** @typedef {import("./jpeg_huffman.js").Huffman} Huffman */

const [TABLES, SCAN, INTERVAL] = [0xc4, 0xda, 0xdd];
const WHOLE = 16; // size of the one difference that needs no further bits
/** @type {((left: number, above: number, corner: number) => number)[]} by number, from 1 */
const PREDICTORS = [
  (left) => left,
  (left, above) => above,
  (left, above, corner) => corner,
  (left, above, corner) => left + above - corner,
  (left, above, corner) => left + ((above - corner) >> 1),
  (left, above, corner) => above + ((left - corner) >> 1),
  (left, above) => (left + above) >> 1,
];

/** @returns {RadiographError} the last samples are not there */
export const lastPartMissing = () => new RadiographError("reader.jpeg_part");

/**
 * Decode a lossless JPEG.
 * @param {JpegHeader} header of one component
 * @returns {Samples} width × height
 * @throws {RadiographError} damaged or not all there
 */
export function decodeLossless({ frame, pieces }) {
  /** @type {Map<number, Huffman>} */
  const tables = new Map();
  let interval = 0;
  for (let index = 0; index < pieces.length; index++) {
    const body = new Bytes(pieces[index].subarray(4));
    const marker = pieces[index][1];
    if (marker === TABLES) readTables(body, tables);
    else if (marker === INTERVAL) interval = body.big(0, 2);
    else if (marker === SCAN) {
      const table = tables.get(body.data[2] >> 4);
      const [predictor, , bits] = body.data.subarray(-3);
      const shift = bits & 15;
      if (table === undefined || !(predictor - 1 in PREDICTORS) || shift >= frame.precision) throw damaged("JPEG");
      if (interval % frame.width) throw damaged("JPEG"); // it is a number of whole rows
      const decoder = { table, predict: PREDICTORS[predictor - 1], shift, rows: interval / frame.width || Infinity };
      return samplesOf(frame, new Bits(pieces[index + 1], lastPartMissing), decoder);
    }
  }
  throw damaged("JPEG");
}

/**
 * @param {import("./jpeg_header.js").JpegFrame} frame
 * @param {Bits} bits
 * @param {{table: Huffman, predict: (typeof PREDICTORS)[0], shift: number, rows: number}} decoder rows between restarts
 * @returns {Samples}
 */
function samplesOf({ width, height, precision }, bits, { table, predict, shift, rows }) {
  const samples = precision > 8 ? new Uint16Array(width * height) : new Uint8Array(width * height);
  let [above, line] = [new Uint16Array(width), new Uint16Array(width)]; // before the shift, of 16 bits
  for (let row = 0; row < height; row++) {
    const isFirst = row % rows === 0 || row === 0;
    if (isFirst && row > 0) bits.restart((row / rows - 1) & 7);
    for (let x = 0; x < width; x++) {
      const size = table.next(bits);
      if (size > WHOLE) throw damaged("JPEG");
      const difference = size === WHOLE ? 1 << 15 : bits.signed(size);
      let predicted = 2 ** (precision - shift - 1);
      if (x > 0) predicted = isFirst ? line[x - 1] : predict(line[x - 1], above[x], above[x - 1]);
      else if (!isFirst) predicted = above[0];
      line[x] = predicted + difference;
      samples[row * width + x] = line[x] << shift;
    }
    [above, line] = [line, above];
  }
  return samples;
}
