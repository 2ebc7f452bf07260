// JPEG → grey samples. Of 8 bits: the browser's decoder, whose luma it does not give. It is told that three components
// are red, green and blue (an Adobe segment of transform 0), so that what it calls red is the luma plane, with no way
// through colours and back. Of JPEG-LS: CharLS. Lossless JPEG and 12 bits are decoded here.

import { decodeToGrey } from "./bitmap.js";
import { decodeByCodec } from "./codecs.js";
import { RadiographError, damaged } from "./errors.js";
import { lumaOf } from "./greyscale.js";
import { checkEntropy } from "./jpeg_entropy.js";
import { JPEG_LS, LOSSLESS_JPEG, PROGRESSIVE, isEightBit } from "./jpeg_header.js";
import { decodeLossless } from "./jpeg_lossless.js";
import { decodeTwelveBits } from "./jpeg_twelve.js";

/** @typedef {import("../libraries.js").Libraries} Libraries */
/** @typedef {import("./greyscale.js").Samples} Samples */
/** @typedef {import("./jpeg_header.js").JpegHeader} JpegHeader */

const START_OF_IMAGE = new Uint8Array([0xff, 0xd8]);
const END_OF_IMAGE = new Uint8Array([0xff, 0xd9]);
// libjpeg's own weights of RGB, in 16 bits
const [RED, GREEN, BLUE, HALF, BITS] = [19595, 38470, 7471, 1 << 15, 16];

/**
 * Decode a JPEG to grey, as it is stored: EXIF orientation is not undone.
 * @param {JpegHeader} header
 * @param {Libraries} libraries
 * @returns {Promise<Samples>} width × height; of 16 bits where a sample has more than 8
 * @throws {RadiographError} of a rare kind, or damaged
 */
export async function decodeJpeg(header, libraries) {
  const { frame } = header;
  if (isEightBit(frame)) return decodeEightBits(header);
  if (frame.components.length !== 1) throw new RadiographError("reader.jpeg_colour");
  if (frame.process === LOSSLESS_JPEG) return decodeLossless(header);
  if (frame.process === PROGRESSIVE) throw new RadiographError("browser.no_deep_jpeg");
  if (frame.process !== JPEG_LS) return decodeTwelveBits(header);
  return decodeByCodec(await libraries.charLs(), await fileOf(header.pieces), frame, damaged("JPEG"));
}

/** @param {JpegHeader} header @returns {Promise<Uint8Array>} */
async function decodeEightBits(header) {
  const { frame } = header;
  const count = frame.components.length;
  if (count === 2) throw damaged("JPEG");
  checkEntropy(header);
  const file = await fileOf([adobeSegment(header), ...header.pieces]);
  const grey = count === 4 ? lumaOf : header.isRgb ? lumaOfRgb : firstOf;
  return decodeToGrey(file, "image/jpeg", "JPEG", frame.width, frame.height, grey);
}

/** A JPEG of these segments. @param {Uint8Array[]} pieces @returns {Promise<Uint8Array>} */
async function fileOf(pieces) {
  const parts = /** @type {BlobPart[]} */ ([START_OF_IMAGE, ...pieces, END_OF_IMAGE]);
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

/**
 * What tells the decoder to leave three components as they are, and four as their file has them.
 * @param {JpegHeader} header
 * @returns {Uint8Array}
 */
function adobeSegment({ frame, adobe }) {
  const count = frame.components.length;
  if (count === 1) return new Uint8Array(0);
  const transform = count === 3 ? 0 : (adobe ?? 0);
  const name = [...new TextEncoder().encode("Adobe")];
  return new Uint8Array([0xff, 0xee, 0, 14, ...name, 0, 100, 0, 0, 0, 0, transform]);
}

/** @param {number} red @returns {number} */
const firstOf = (red) => red;

/** @param {number} red @param {number} green @param {number} blue @returns {number} */
const lumaOfRgb = (red, green, blue) => (red * RED + green * GREEN + blue * BLUE + HALF) >> BITS;
