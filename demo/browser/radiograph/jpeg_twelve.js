// Sequential JPEG of 12 bits and one component → its samples, which browsers do not decode: the whole numbers that the
// customary decoder comes to, since each of its steps before a rounding is exact.
// Source: ITU-T T.81 Annexes A and F; the factorisation of Loeffler, Ligtenberg and Moschytz (1989) in 13 bits.

import { Bytes } from "./bytes.js";
import { damaged } from "./errors.js";
import { Bits, readTables } from "./jpeg_huffman.js";
import { lastPartMissing } from "./jpeg_lossless.js";

/** @typedef {import("./jpeg_header.js").JpegHeader} JpegHeader */
/** @typedef {import("./jpeg_huffman.js").Huffman} Huffman */

const [TABLES, QUANTITIES, SCAN, INTERVAL] = [0xc4, 0xdb, 0xda, 0xdd];
const [SIDE, BLOCK] = [8, 64];
const MOST_SIZE = 15; // bits of a difference
const MOST = 4095;
const MIDDLE = 2048;
const WRAPS = 16384; // beyond a quarter of it all is black or white, and farther off it starts anew
const FIRST_SCALE = 2 ** 12; // of 13 bits, one is kept between columns and rows
const SECOND_SCALE = 2 ** 17; // the rest, and 8 for the two passes
// The cosines of each frequency in the first four of eight samples; the others mirror them, of odd ones with their sign.
const COSINES = [
  [8192, 8192, 8192, 8192],
  [11363, 9633, 6437, 2260],
  [10703, 4433, -4433, -10703],
  [9633, -2259, -11362, -6436],
  [8192, -8192, -8192, 8192],
  [6437, -11362, 2261, 9633],
  [4433, -10704, 10704, -4433],
  [2260, -6436, 9633, -11363],
];
/** Places of coefficients, row by row, in the order they come. */
const ZIGZAG = zigzag();

/**
 * Decode it.
 * @param {JpegHeader} header of a sequential JPEG of 12 bits and one component
 * @returns {Uint16Array} width × height
 * @throws {import("./errors.js").RadiographError} damaged or not all there
 */
export function decodeTwelveBits({ frame, pieces }) {
  /** @type {Map<number, Huffman>} */
  const tables = new Map();
  /** @type {Map<number, Uint16Array>} in the order of ZIGZAG */
  const quantities = new Map();
  let [interval, quantity] = [0, 0];
  for (let index = 0; index < pieces.length; index++) {
    const body = new Bytes(pieces[index].subarray(4));
    const marker = pieces[index][1];
    if (marker === frame.process) quantity = body.data[8];
    else if (marker === TABLES) readTables(body, tables);
    else if (marker === QUANTITIES) readQuantities(body, quantities);
    else if (marker === INTERVAL) interval = body.big(0, 2);
    else if (marker === SCAN) {
      const places = body.data[2];
      const [dc, ac] = [tables.get(places >> 4), tables.get(0x10 | (places & 15))];
      const steps = quantities.get(quantity);
      if (dc === undefined || ac === undefined || steps === undefined) throw damaged("JPEG");
      return samplesOf(frame, new Bits(pieces[index + 1], lastPartMissing), { dc, ac, steps, interval });
    }
  }
  throw damaged("JPEG");
}

/** @param {Bytes} body @param {Map<number, Uint16Array>} quantities are added to */
function readQuantities(body, quantities) {
  for (let place = 0; place < body.length;) {
    const size = body.data[place] >> 4 ? 2 : 1;
    const start = place + 1;
    if (start + BLOCK * size > body.length) throw damaged("JPEG");
    const steps = Uint16Array.from({ length: BLOCK }, (_, index) => body.big(start + index * size, size));
    quantities.set(body.data[place] & 15, steps);
    place = start + BLOCK * size;
  }
}

/**
 * @param {import("./jpeg_header.js").JpegFrame} frame
 * @param {Bits} bits
 * @param {{dc: Huffman, ac: Huffman, steps: Uint16Array, interval: number}} decoder interval: blocks between restarts
 * @returns {Uint16Array}
 */
function samplesOf({ width, height }, bits, { dc, ac, steps, interval }) {
  const samples = new Uint16Array(width * height);
  const columns = Math.ceil(width / SIDE);
  const blocks = columns * Math.ceil(height / SIDE);
  const coefficients = new Float64Array(BLOCK);
  let mean = 0; // of the block before
  for (let block = 0; block < blocks; block++) {
    if (interval > 0 && block > 0 && block % interval === 0) {
      bits.restart((block / interval - 1) & 7);
      mean = 0;
    }
    const size = dc.next(bits);
    if (size > MOST_SIZE) throw damaged("JPEG");
    mean += bits.signed(size);
    coefficients.fill(0);
    coefficients[0] = ((mean << 16) >> 16) * steps[0]; // coefficients have 16 bits
    readCoefficients(bits, ac, steps, coefficients);
    const shown = inverse(coefficients);
    const [left, top] = [(block % columns) * SIDE, Math.floor(block / columns) * SIDE];
    for (let y = 0; y < SIDE && top + y < height; y++) {
      for (let x = 0; x < SIDE && left + x < width; x++) samples[(top + y) * width + left + x] = shown[y * SIDE + x];
    }
  }
  return samples;
}

/**
 * The coefficients behind the first of a block, each times its step.
 * @param {Bits} bits
 * @param {Huffman} ac
 * @param {Uint16Array} steps
 * @param {Float64Array} coefficients are filled
 */
function readCoefficients(bits, ac, steps, coefficients) {
  for (let place = 1; place < BLOCK; place++) {
    const symbol = ac.next(bits);
    const [zeros, size] = [symbol >> 4, symbol & 15];
    if (size === 0 && zeros !== 15) return;
    place += zeros;
    if (place >= BLOCK) throw damaged("JPEG");
    coefficients[ZIGZAG[place]] = bits.signed(size) * steps[place];
  }
}

/** @param {Float64Array} coefficients row by row @returns {Float64Array} samples, row by row */
function inverse(coefficients) {
  const halfway = new Float64Array(BLOCK);
  for (let x = 0; x < SIDE; x++) transform(coefficients, x, SIDE, halfway, FIRST_SCALE);
  const shown = new Float64Array(BLOCK);
  for (let y = 0; y < SIDE; y++) transform(halfway, y * SIDE, 1, shown, SECOND_SCALE);
  return shown.map((value) => {
    const near = value - WRAPS * Math.floor(value / WRAPS + 0.5);
    return Math.min(Math.max(near + MIDDLE, 0), MOST);
  });
}

/**
 * Eight frequencies → eight samples, divided and rounded.
 * @param {Float64Array} from
 * @param {number} start
 * @param {number} step between two of them
 * @param {Float64Array} to
 * @param {number} scale
 */
function transform(from, start, step, to, scale) {
  for (let sample = 0; sample < SIDE / 2; sample++) {
    let [even, odd] = [0, 0];
    for (let frequency = 0; frequency < SIDE; frequency += 2) {
      even += COSINES[frequency][sample] * from[start + frequency * step];
      odd += COSINES[frequency + 1][sample] * from[start + (frequency + 1) * step];
    }
    to[start + sample * step] = Math.floor((even + odd) / scale + 0.5);
    to[start + (SIDE - 1 - sample) * step] = Math.floor((even - odd) / scale + 0.5);
  }
}

/** @returns {Uint8Array} */
function zigzag() {
  const places = Array.from({ length: BLOCK }, (_, place) => place);
  const diagonal = (/** @type {number} */ place) => (place >> 3) + (place & 7);
  // Down along the odd diagonals, up along the even ones.
  const along = (/** @type {number} */ place) => (diagonal(place) % 2 ? place >> 3 : place & 7);
  return Uint8Array.from(places.sort((one, other) => diagonal(one) - diagonal(other) || along(one) - along(other)));
}
