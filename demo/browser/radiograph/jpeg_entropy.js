// Whether the coded data of an 8-bit JPEG are whole. Browsers show what they could decode of a damaged picture and say
// nothing; here every code is walked, as a strict decoder does, and no sample is computed.
// Source: ITU-T T.81 Annexes E, F and G.

import { Bytes } from "./bytes.js";
import { damaged } from "./errors.js";
import { Bits, readTables } from "./jpeg_huffman.js";
import { PROGRESSIVE } from "./jpeg_header.js";

/** @typedef {import("./jpeg_header.js").JpegHeader} JpegHeader */
/** @typedef {import("./jpeg_huffman.js").Huffman} Huffman */

/**
 * A component of the frame: how it is sampled, and where bits were coded before.
 * @typedef {object} Component
 * @property {number} across samples in a unit of the picture
 * @property {number} down
 * @property {number} columns of blocks, where it is coded alone
 * @property {number} rows
 * @property {Uint8Array} isCoded by block and coefficient of a progressive picture: not 0 so far
 * @property {Int8Array} bits by coefficient: the last bit that came; -1 for none
 */

/**
 * A scan: its components and tables, which coefficients it has, and which of their bits.
 * @typedef {object} Scan
 * @property {{component: Component, dc: Huffman | undefined, ac: Huffman | undefined}[]} parts
 * @property {number} first
 * @property {number} last
 * @property {number} high the bit before, 0 for the first time
 * @property {number} low the bit it goes to
 */

const [TABLES, SCAN, INTERVAL] = [0xc4, 0xda, 0xdd];
const BLOCK = 64; // coefficients
const SIDE = 8;
const MAX_SURPLUS = 64; // bytes between the data and the end; more of them mean that rows were cut from the header

/**
 * Refuse a JPEG whose coded data are damaged or not all there.
 * @param {JpegHeader} header of an 8-bit JPEG
 * @throws {import("./errors.js").RadiographError}
 */
export function checkEntropy({ frame, pieces }) {
  /** @type {Map<number, Component>} */
  let components = new Map();
  /** @type {Map<number, Huffman>} class and place → table */
  const tables = new Map();
  let interval = 0;
  const [width, height] = [frame.width, frame.height];
  for (let index = 0; index < pieces.length; index++) {
    const marker = pieces[index][1];
    const body = new Bytes(pieces[index].subarray(4));
    if (marker === frame.process) components = componentsOf(body, width, height, marker === PROGRESSIVE);
    else if (marker === TABLES) readTables(body, tables);
    else if (marker === INTERVAL) interval = body.big(0, 2);
    else if (marker === SCAN) {
      const scan = readScan(body, components, tables);
      const bits = new Bits(pieces[++index]);
      const block = frame.process === PROGRESSIVE ? progressiveBlock(scan) : sequentialBlock;
      walk(scan, bits, unitsOf(scan, components, width, height), interval, block);
      bits.finish(index + 1 === pieces.length ? MAX_SURPLUS : 0);
    }
  }
}

/**
 * @param {Bytes} body of the frame header
 * @param {number} width
 * @param {number} height
 * @param {boolean} isProgressive
 * @returns {Map<number, Component>}
 */
function componentsOf({ data }, width, height, isProgressive) {
  const factors = Array.from({ length: data[5] }, (_, index) => data[7 + 3 * index]);
  const [most, mostDown] = [Math.max(...factors.map((one) => one >> 4)), Math.max(...factors.map((one) => one & 15))];
  return new Map(
    factors.map((factor, index) => {
      const [across, down] = [factor >> 4, factor & 15];
      if (across < 1 || across > 4 || down < 1 || down > 4) throw damaged("JPEG");
      const columns = Math.ceil(Math.ceil((width * across) / most) / SIDE);
      const rows = Math.ceil(Math.ceil((height * down) / mostDown) / SIDE);
      const isCoded = new Uint8Array(isProgressive ? columns * rows * BLOCK : 0);
      return [data[6 + 3 * index], { across, down, columns, rows, isCoded, bits: new Int8Array(BLOCK).fill(-1) }];
    }),
  );
}

/**
 * @param {Bytes} body
 * @param {Map<number, Component>} components
 * @param {Map<number, Huffman>} tables
 * @returns {Scan}
 */
function readScan({ data }, components, tables) {
  const parts = Array.from({ length: data[0] }, (_, index) => {
    const component = components.get(data[1 + 2 * index]);
    const places = data[2 + 2 * index];
    if (component === undefined) throw damaged("JPEG");
    return { component, dc: tables.get(places >> 4), ac: tables.get(0x10 | (places & 15)) };
  });
  const [first, last, bits] = data.subarray(-3);
  return { parts, first, last, high: bits >> 4, low: bits & 15 };
}

/**
 * How many units a scan has, and how many blocks of each component a unit has.
 * @param {Scan} scan
 * @param {Map<number, Component>} components
 * @param {number} width
 * @param {number} height
 * @returns {{count: number, blocks: number[]}}
 */
function unitsOf({ parts }, components, width, height) {
  if (parts.length === 1) return { count: parts[0].component.columns * parts[0].component.rows, blocks: [1] };
  const most = Math.max(...[...components.values()].map(({ across }) => across));
  const mostDown = Math.max(...[...components.values()].map(({ down }) => down));
  const count = Math.ceil(width / (SIDE * most)) * Math.ceil(height / (SIDE * mostDown));
  return { count, blocks: parts.map(({ component }) => component.across * component.down) };
}

/** @typedef {(bits: Bits, part: Scan["parts"][0], unit: number) => void} BlockWalk over the codes of one block */

/**
 * @param {Scan} scan
 * @param {Bits} bits
 * @param {{count: number, blocks: number[]}} units
 * @param {number} interval units between restart markers, 0 for none
 * @param {BlockWalk} block
 */
function walk({ parts }, bits, units, interval, block) {
  for (let unit = 0; unit < units.count; unit++) {
    if (interval > 0 && unit > 0 && unit % interval === 0) bits.restart((unit / interval - 1) & 7);
    for (let part = 0; part < parts.length; part++) {
      for (let index = 0; index < units.blocks[part]; index++) block(bits, parts[part], unit);
    }
  }
}

/** @type {BlockWalk} */
function sequentialBlock(bits, { dc, ac }) {
  if (dc === undefined || ac === undefined) throw damaged("JPEG");
  bits.many(dc.next(bits));
  for (let place = 1; place < BLOCK; place++) {
    const symbol = ac.next(bits);
    const [zeros, size] = [symbol >> 4, symbol & 15];
    if (size === 0 && zeros !== 15) break;
    place += zeros;
    bits.many(size);
  }
}

/**
 * How the blocks of a progressive scan are walked; its bits must follow those of the scans before.
 * @param {Scan} scan
 * @returns {BlockWalk}
 */
function progressiveBlock(scan) {
  const { first, last, high, low } = scan;
  const isBogus =
    (first === 0) !== (last === 0) || (first > 0 && scan.parts.length > 1) || (high > 0 && low !== high - 1);
  if (isBogus || low > 13) throw damaged("JPEG");
  for (const { component } of scan.parts) {
    if (first > 0 && component.bits[0] < 0) throw damaged("JPEG");
    for (let place = first; place <= last; place++) {
      if (high !== Math.max(component.bits[place], 0)) throw damaged("JPEG");
      component.bits[place] = low;
    }
  }
  if (first > 0) return high > 0 ? refinedBlock(first, last) : firstBlock(first, last);
  return (bits, { dc }) => {
    if (high > 0) bits.one();
    else if (dc === undefined) throw damaged("JPEG");
    else bits.many(dc.next(bits));
  };
}

/**
 * Coefficients that come for the first time (T.81 section G.1.2.2).
 * @param {number} first
 * @param {number} last
 * @returns {BlockWalk}
 */
function firstBlock(first, last) {
  return (bits, { component, ac }, unit) => {
    if (ac === undefined) throw damaged("JPEG");
    if (bits.run > 0) {
      bits.run--;
      return;
    }
    for (let place = first; place <= last; place++) {
      const symbol = ac.next(bits);
      const [zeros, size] = [symbol >> 4, symbol & 15];
      if (size === 0 && zeros !== 15) {
        bits.run = (1 << zeros) + bits.many(zeros) - 1;
        return;
      }
      place += zeros;
      bits.many(size);
      if (size > 0 && place < BLOCK) component.isCoded[unit * BLOCK + place] = 1;
    }
  };
}

/**
 * One bit more of coefficients (T.81 section G.1.2.3).
 * @param {number} first
 * @param {number} last
 * @returns {BlockWalk}
 */
function refinedBlock(first, last) {
  return (bits, { component, ac }, unit) => {
    if (ac === undefined) throw damaged("JPEG");
    const isCoded = component.isCoded.subarray(unit * BLOCK, (unit + 1) * BLOCK);
    let place = first;
    while (bits.run === 0 && place <= last) {
      const symbol = ac.next(bits);
      let [zeros, size] = [symbol >> 4, symbol & 15];
      if (size > 1) throw damaged("JPEG");
      if (size === 1) bits.one();
      else if (zeros !== 15) {
        bits.run = (1 << zeros) + bits.many(zeros);
        break;
      }
      for (; place <= last; place++) {
        if (isCoded[place]) bits.one();
        else if (--zeros < 0) break;
      }
      if (size === 1 && place < BLOCK) isCoded[place] = 1;
      place++;
    }
    if (bits.run === 0) return;
    for (; place <= last; place++) if (isCoded[place]) bits.one();
    bits.run--;
  };
}
