// What a film's first bytes say it is, and the limits every format is held to before anything is decoded.
// The rules of train/radiograph/formats.py.

import { Bytes } from "./bytes.js";
import { RadiographError } from "./errors.js";

/** @typedef {"jpeg" | "png" | "tiff" | "bmp" | "webp" | "dicom"} FilmKind */

export const MAX_BYTES = 100_000_000;
export const MAX_PIXELS = 50_000_000;
export const MAX_DECODED_BYTES = 200_000_000;
export const MAX_FRAMES = 1_000;

const MILLION = 1_000_000;
const JPEG_FILLER = 400; // bytes that some writers put behind the first marker
const BMP_HEADER_SIZES = [12, 40, 52, 56, 64, 108, 124];
const TIFF_STARTS = ["II*\0", "MM\0*", "II+\0", "MM\0+"];
const SHORTEST_VALUE = 64;
/** @type {[string, string][]} */
const STRANGERS = [
  ["GIF8", "gif"],
  ["\0\0\0\x0cjP  ", "jpeg_2000"],
  ["\xff\x4f\xff\x51", "jpeg_2000"],
  ["\0\0\0\x0cJXL ", "jpeg_xl"],
  ["\xff\x0a", "jpeg_xl"],
  ["8BPS", "photoshop"],
  ["PK\x03\x04", "zip"],
  ["\x1f\x8b", "gzip"],
  ["7z\xbc\xaf\x27\x1c", "seven_zip"],
  ["Rar!", "rar"],
  ["%PDF", "pdf"],
  ["\xd0\xcf\x11\xe0", "office"],
  ["\x93NUMPY", "numpy"],
  ["\x89HDF", "hdf5"],
  ["NRRD", "nrrd"],
];
const START_BYTES = 512;

/**
 * Detect a film's format from its first bytes, whatever it is called.
 * @param {Uint8Array} data
 * @returns {FilmKind}
 * @throws {RadiographError} empty, larger than MAX_BYTES, or no format of a film
 */
export function detectFormat(data) {
  if (data.length === 0) throw new RadiographError("reader.empty");
  if (data.length > MAX_BYTES) throw new RadiographError("reader.too_large", { megabytes: MAX_BYTES / MILLION });
  const bytes = new Bytes(data);
  if (isJpeg(data)) return "jpeg";
  if (bytes.has("\x89PNG\r\n\x1a\n")) return "png";
  // Before TIFF: the 128 free bytes of a DICOM file may hold a TIFF header (PS3.10 section 7.1).
  if (bytes.has("DICM", 128) || isDicomWithoutPreamble(bytes)) return "dicom";
  if (TIFF_STARTS.some((start) => bytes.has(start))) return "tiff";
  if (bytes.has("RIFF") && bytes.has("WEBP", 8)) return "webp";
  if (bytes.has("BM") && BMP_HEADER_SIZES.includes(bytes.little(14, 4))) return "bmp";
  throw new RadiographError("reader.stranger", { what: `reader.what.${describe(bytes)}` });
}

/**
 * Refuse a picture without pixels or with more than MAX_PIXELS.
 * @param {number} width
 * @param {number} height
 * @throws {RadiographError}
 */
export function checkPixels(width, height) {
  if (width < 1 || height < 1) throw new RadiographError("reader.no_size", { width, height });
  if (width * height > MAX_PIXELS) {
    throw new RadiographError("reader.too_many_pixels", { width, height, limit: MAX_PIXELS / MILLION });
  }
}

/**
 * Refuse a picture whose decoded samples would take more than MAX_DECODED_BYTES.
 * @param {number} pixels
 * @param {number} bytesAPixel
 * @throws {RadiographError}
 */
export function checkDecodedBytes(pixels, bytesAPixel) {
  if (pixels * bytesAPixel > MAX_DECODED_BYTES) {
    const megabytes = Math.floor((pixels * bytesAPixel) / MILLION);
    throw new RadiographError("reader.too_many_samples", { megabytes, limit: MAX_DECODED_BYTES / MILLION });
  }
}

/** @param {Uint8Array} data @returns {boolean} */
function isJpeg(data) {
  if (data[0] !== 0xff || data[1] !== 0xd8) return false;
  for (let place = 2; place <= JPEG_FILLER + 2; place++) {
    if (data[place] === 0xff && data[place + 1] >= 0xc0 && data[place + 1] <= 0xfe) return true;
  }
  return false;
}

/**
 * Old files start with their first element: group 0002 or 0008, little endian, with or without a VR.
 * @param {Bytes} bytes
 * @returns {boolean}
 */
function isDicomWithoutPreamble(bytes) {
  const { data } = bytes;
  if (data.length < 16 || !(bytes.has("\x02\0") || bytes.has("\x08\0")) || data[3] !== 0) return false;
  return /^[A-Z]{2}$/.test(bytes.text(4, 2)) || bytes.little(4, 4) <= SHORTEST_VALUE;
}

/** @param {Bytes} bytes @returns {string} a key below reader.what */
function describe(bytes) {
  for (const [start, name] of STRANGERS) if (bytes.has(start)) return name;
  if (bytes.has("ftyp", 4)) return bytes.has("avi", 8) ? "avif" : "heic";
  const start = bytes.text(0, START_BYTES).replace(/^[\xef\xbb\xbf \t\r\n]+/, "");
  if (start.startsWith("<")) return "web";
  // eslint-disable-next-line no-control-regex
  return /[\x00-\x08\x0e-\x1f\x7f]/.test(start) ? "unknown" : "text";
}
