// The markers of a JPEG, from the start to the end of the image: whether it is whole, and what a decoder needs of it.
// The rules of train/radiograph/jpeg.py. Sources: ITU-T T.81 Annexes B and G; EXIF 2.32 section 4.7.

import { Bytes } from "./bytes.js";
import { RadiographError, cutShort, damaged } from "./errors.js";
import { exifOrientation } from "./exif.js";
import { checkPixels } from "./formats.js";

export const LOSSLESS_JPEG = 0xc3;
export const JPEG_LS = 0xf7;
export const PROGRESSIVE = 0xc2;
const SEQUENTIAL = [0xc0, 0xc1];
const HUFFMAN_TABLES = 0xc4;
const NO_FRAMES = [HUFFMAN_TABLES, 0xc8, 0xcc]; // among C0 to CF
const [START, END, SCAN, COMMENT] = [0xd8, 0xd9, 0xda, 0xfe];
const MAX_SCANS = 32;
const MAX_SEGMENTS = 10_000;
const COEFFICIENTS = 64;
const RGB_IDS = "82,71,66"; // the letters
const JFIF_BYTES = 14;
const ADOBE_BYTES = 12;
/** @type {Record<number, number[]>} by components: none, or YCbCr and YCCK */
const ADOBE_TRANSFORMS = { 3: [0, 1], 4: [0, 2] };

/**
 * A frame header: the coding process (its marker), bits a sample, size in pixels, the components' ids.
 * @typedef {object} JpegFrame
 * @property {number} process
 * @property {number} precision
 * @property {number} width
 * @property {number} height
 * @property {number[]} components
 */

/**
 * What the markers of a whole JPEG say.
 * @typedef {object} JpegHeader
 * @property {JpegFrame} frame
 * @property {number} orientation what EXIF says, 1 to 8
 * @property {boolean} isRgb of three components: they are colours, none is a luma
 * @property {number | null} adobe the transform that an Adobe segment names
 * @property {Uint8Array[]} pieces the picture alone, one behind the other: tables, frame and scans without what
 *   programs tell one another (APP0 to APP15, comments); the markers of start and end are left out
 */

/** @param {JpegFrame} frame @returns {boolean} whether browsers decode it */
export function isEightBit({ process, precision }) {
  return (SEQUENTIAL.includes(process) || process === PROGRESSIVE) && precision === 8;
}

/**
 * Walk a JPEG's markers; what follows the end is ignored, as decoders do.
 * @param {Uint8Array} data
 * @returns {JpegHeader}
 * @throws {RadiographError} cut short, damaged in a header, a scan is missing, too large, or of a rare process
 */
export function readJpegHeader(data) {
  const walk = new Walk(data);
  for (let segment = 0; segment < MAX_SEGMENTS; segment++) {
    if (walk.step()) return walk.header();
  }
  throw damaged("JPEG");
}

/** The way through the markers, and what was seen of them. */
class Walk {
  /** @param {Uint8Array} data */
  constructor(data) {
    this.bytes = new Bytes(data);
    this.data = data;
    this.position = 2;
    this.scans = 0;
    this.inScan = false; // what follows a start of scan is coded data
    this.orientation = 1;
    this.isJfif = false;
    /** @type {number | null} */
    this.adobe = null;
    /** @type {JpegFrame | null} */
    this.frame = null;
    /** @type {Map<number, number[]>} component → bits still to come, by coefficient */
    this.missing = new Map();
    /** @type {Uint8Array[]} */
    this.pieces = [];
  }

  /** One segment, with the coded data before it. @returns {boolean} whether it is the end */
  step() {
    const { data, bytes } = this;
    const start = nextMarker(data, this.position, this.frame?.process === JPEG_LS);
    if (start < 0) throw cutShort("JPEG");
    if (this.inScan) this.pieces.push(data.subarray(this.position, start));
    const marker = data[start + 1];
    if (marker === END) return true;
    this.inScan = marker === SCAN;
    const place = start + 2;
    const length = bytes.big(place, 2);
    if (place + Math.max(length, 2) > data.length) throw cutShort("JPEG");
    if (marker === START || length < 2) throw damaged("JPEG");
    const end = place + length;
    this.take(marker, new Bytes(data.subarray(place + 2, end)), data.subarray(start, end));
    this.position = end;
    return false;
  }

  /**
   * @param {number} marker
   * @param {Bytes} body
   * @param {Uint8Array} segment with the marker
   */
  take(marker, body, segment) {
    const isApplication = marker >= 0xe0 && marker <= 0xef;
    if (!isApplication && marker !== COMMENT) this.pieces.push(segment);
    if (isFrame(marker)) {
      if (this.frame !== null) throw damaged("JPEG");
      this.frame = readFrame(marker, body);
      const bits = marker === PROGRESSIVE ? COEFFICIENTS : 1;
      this.missing = new Map(this.frame.components.map((name) => [name, Array(bits).fill(1)]));
    } else if (marker === SCAN) {
      this.scans++;
      if (this.frame === null || this.scans > MAX_SCANS) throw damaged("JPEG");
      readScan(this.frame, body, this.missing);
    } else if (marker === 0xe0 && body.has("JFIF\0")) {
      this.isJfif = this.isJfif || body.length >= JFIF_BYTES;
    } else if (marker === 0xe1 && body.has("Exif\0\0")) {
      this.orientation = exifOrientation(body.data.subarray(6));
    } else if (marker === 0xee && body.has("Adobe") && body.length >= ADOBE_BYTES) {
      this.adobe = body.data[ADOBE_BYTES - 1];
    }
  }

  /** @returns {JpegHeader} */
  header() {
    if (this.frame === null || this.scans === 0) throw damaged("JPEG");
    for (const coefficients of this.missing.values()) {
      if (coefficients.some((bits) => bits > 0)) throw new RadiographError("reader.jpeg_scans");
    }
    const { frame, orientation, pieces } = this;
    const known = ADOBE_TRANSFORMS[frame.components.length] ?? [];
    // A transform that never was is the customary one.
    const adobe = this.adobe === null || known.includes(this.adobe) ? this.adobe : (known[1] ?? null);
    const isNamedRgb = adobe === null ? frame.components.join() === RGB_IDS : adobe === 0;
    return { frame, orientation, adobe, pieces, isRgb: !this.isJfif && isNamedRgb };
  }
}

/** @param {number} marker @returns {boolean} */
function isFrame(marker) {
  return (marker >= 0xc0 && marker <= 0xcf && !NO_FRAMES.includes(marker)) || marker === JPEG_LS;
}

/**
 * Where the next marker stands; -1 where there is none. Restart markers and TEM stand alone and are passed over, and
 * so are the bytes of coded data: 0 after 255, in JPEG-LS all below 128.
 * @param {Uint8Array} data
 * @param {number} position
 * @param {boolean} isLs
 * @returns {number}
 */
function nextMarker(data, position, isLs) {
  for (let at = data.indexOf(0xff, position); at >= 0 && at + 1 < data.length; at = data.indexOf(0xff, at + 1)) {
    const code = data[at + 1];
    const isRestart = code >= 0xd0 && code <= 0xd7;
    if (!isRestart && code !== 0xff && (isLs ? code >= 0x80 : code > 0x01)) return at;
  }
  return -1;
}

/**
 * @param {number} marker
 * @param {Bytes} body
 * @returns {JpegFrame}
 */
function readFrame(marker, body) {
  const count = body.data[5];
  if (body.length < 6 || body.length < 6 + 3 * count) throw damaged("JPEG");
  const [height, width] = [body.big(1, 2), body.big(3, 2)];
  const components = Array.from({ length: count }, (_, index) => body.data[6 + 3 * index]);
  checkPixels(width, height);
  const isDeep = marker === LOSSLESS_JPEG || marker === JPEG_LS;
  if (!isDeep && !SEQUENTIAL.includes(marker) && marker !== PROGRESSIVE) throw new RadiographError("reader.jpeg_rare");
  const precision = body.data[0];
  const isDepth = isDeep ? precision >= 2 && precision <= 16 : precision === 8 || precision === 12;
  if (count < 1 || count > 4 || !isDepth) throw damaged("JPEG");
  return { process: marker, precision, width, height, components };
}

/**
 * Note which coefficients of which components a scan completes (T.81 sections B.2.3 and G.1.1.1).
 * @param {JpegFrame} frame
 * @param {Bytes} body
 * @param {Map<number, number[]>} missing
 */
function readScan(frame, body, missing) {
  const count = body.data[0] ?? 0;
  if (count < 1 || count > 4 || body.length !== 4 + 2 * count) throw damaged("JPEG");
  const [first, last, bits] = body.data.subarray(-3);
  for (let index = 0; index < count; index++) {
    const coefficients = missing.get(body.data[1 + 2 * index]);
    const isProgressive = frame.process === PROGRESSIVE;
    if (coefficients === undefined || (isProgressive && !(first <= last && last < COEFFICIENTS))) throw damaged("JPEG");
    if (isProgressive) coefficients.fill(bits & 0x0f, first, last + 1);
    else coefficients[0] = 0;
  }
}
