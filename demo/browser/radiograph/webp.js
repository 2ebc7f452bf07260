// WebP → grey samples: whole, single pictures. The browser decodes the picture alone, without profile and orientation.
// The rules of train/radiograph/webp.py. Sources: RFC 9649 (WebP), RFC 6386 section 9.1 (VP8).

import { decodeToGrey } from "./bitmap.js";
import { Bytes } from "./bytes.js";
import { RadiographError, cutShort, damaged, moving } from "./errors.js";
import { exifOrientation } from "./exif.js";
import { checkPixels } from "./formats.js";
import { applyOrientation, lumaOf } from "./greyscale.js";

/** @typedef {import("./greyscale.js").Film} Film */

const MAX_CHUNKS = 1_000;
const ANIMATION = 0x02;
const HEAD = 12; // bytes before the first chunk
const ALPHA_IS_USED = 0x10; // in the last byte of a lossless picture's header
/** @type {Record<string, number>} bytes of the headers */
const LEAST = { VP8X: 10, "VP8 ": 10, VP8L: 5 };

/**
 * Read a WebP, lossy or lossless; EXIF orientation is undone.
 * @param {Uint8Array} data
 * @returns {Promise<Film>}
 */
export async function readWebp(data) {
  const bytes = new Bytes(data);
  const end = 8 + bytes.little(4, 4);
  if (end > data.length) throw cutShort("WebP");
  let orientation = 1;
  /** @type {{width: number, height: number, chunk: Uint8Array} | null} */
  let picture = null;
  let position = HEAD;
  for (let index = 0; index < MAX_CHUNKS && position + 8 <= end; index++) {
    const [name, size] = [bytes.text(position, 4), bytes.little(position + 4, 4)];
    if (position + 8 + size > end) throw cutShort("WebP");
    const body = new Bytes(data.subarray(position + 8, position + 8 + size));
    if (size < (LEAST[name] ?? 0)) throw damaged("WebP");
    if (name === "ANIM" || name === "ANMF" || (name === "VP8X" && body.data[0] & ANIMATION)) throw moving("WebP");
    if (name === "VP8X") checkPixels(1 + body.little(4, 3), 1 + body.little(7, 3));
    if (name === "VP8 " || name === "VP8L") {
      const { width, height } = sizeOf(name, body);
      checkPixels(width, height);
      picture = { width, height, chunk: data.slice(position, position + 8 + size + (size % 2)) };
    }
    if (name === "EXIF") orientation = exifOrientation(body.has("Exif\0\0") ? body.data.subarray(6) : body.data);
    position += 8 + size + (size % 2);
  }
  if (picture === null || position + 8 <= end) throw damaged("WebP");
  const { width, height } = picture;
  const pixels = await decodeToGrey(aloneInAFile(picture.chunk), "image/webp", "WebP", width, height, lumaOf);
  return { film: applyOrientation({ width, height, data: pixels }, orientation), notes: [], bits: 8 };
}

/**
 * A file of one chunk.
 * @param {Uint8Array} chunk
 * @returns {Uint8Array}
 */
function aloneInAFile(chunk) {
  if (chunk[3] === "L".charCodeAt(0) && chunk[8 + 4] & ALPHA_IS_USED) throw new RadiographError("browser.no_alpha");
  const file = new Uint8Array(HEAD + chunk.length);
  file.set(new TextEncoder().encode("RIFF"));
  new DataView(file.buffer).setUint32(4, file.length - 8, true);
  file.set(new TextEncoder().encode("WEBP"), 8);
  file.set(chunk, HEAD);
  return file;
}

/** @param {string} name @param {Bytes} body @returns {{width: number, height: number}} */
function sizeOf(name, body) {
  if (name === "VP8L") {
    const packed = body.little(1, 4);
    return { width: 1 + (packed & 0x3fff), height: 1 + ((packed >>> 14) & 0x3fff) };
  }
  if (!body.has("\x9d\x01\x2a", 3)) throw damaged("WebP");
  return { width: body.little(6, 2) & 0x3fff, height: body.little(8, 2) & 0x3fff };
}
