// JPEG → grey samples: the decoder's own luma, which a browser does not give. It is told that three components are red,
// green and blue (an Adobe segment of transform 0), so that what it calls red is the luma plane, with no way through
// colours and back.

import { decodeToGrey } from "./bitmap.js";
import { RadiographError, damaged } from "./errors.js";
import { lumaOf } from "./greyscale.js";
import { checkEntropy } from "./jpeg_entropy.js";
import { isEightBit, readJpegHeader } from "./jpeg_header.js";

/** @typedef {import("../resize.js").Grey} Grey */
/** @typedef {import("./jpeg_header.js").JpegHeader} JpegHeader */

const START_OF_IMAGE = [0xff, 0xd8];
const END_OF_IMAGE = [0xff, 0xd9];
// libjpeg's own weights of RGB, in 16 bits
const [RED, GREEN, BLUE, HALF, BITS] = [19595, 38470, 7471, 1 << 15, 16];

/**
 * Decode an 8-bit JPEG to grey, as it is stored: EXIF orientation is not undone.
 * @param {Uint8Array} data
 * @param {JpegHeader} [header]
 * @returns {Promise<Grey>}
 * @throws {RadiographError} see `readJpegHeader`; or of more bits than browsers decode, or damaged
 */
export async function decodeJpeg(data, header = readJpegHeader(data)) {
  const { frame } = header;
  const count = frame.components.length;
  if (!isEightBit(frame)) throw new RadiographError(count === 1 ? "browser.no_deep_jpeg" : "reader.jpeg_colour");
  if (count === 2) throw damaged("JPEG");
  checkEntropy(header);
  const { width, height } = frame;
  const file = await new Blob(
    /** @type {BlobPart[]} */ ([
      new Uint8Array([...START_OF_IMAGE, ...adobeSegment(header)]),
      ...header.pieces,
      new Uint8Array(END_OF_IMAGE),
    ]),
  ).arrayBuffer();
  const grey = count === 4 ? lumaOf : header.isRgb ? lumaOfRgb : firstOf;
  return { width, height, data: await decodeToGrey(new Uint8Array(file), "image/jpeg", "JPEG", width, height, grey) };
}

/**
 * What tells the decoder to leave three components as they are, and four as their file has them.
 * @param {JpegHeader} header
 * @returns {number[]}
 */
function adobeSegment({ frame, adobe }) {
  const count = frame.components.length;
  if (count === 1) return [];
  const transform = count === 3 ? 0 : (adobe ?? 0);
  const name = [...new TextEncoder().encode("Adobe")];
  return [0xff, 0xee, 0, 14, ...name, 0, 100, 0, 0, 0, 0, transform];
}

/** @param {number} red @returns {number} */
const firstOf = (red) => red;

/** @param {number} red @param {number} green @param {number} blue @returns {number} */
const lumaOfRgb = (red, green, blue) => (red * RED + green * GREEN + blue * BLUE + HALF) >> BITS;
