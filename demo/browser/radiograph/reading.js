// Any film file → an 8-bit grey film, as train.radiograph reads it: what is decoded here has the same greys, and what is
// not is refused.

import { readBmp } from "./bmp.js";
import { readDicom } from "./dicom/film.js";
import { detectFormat } from "./formats.js";
import { applyOrientation, to8Bits } from "./greyscale.js";
import { decodeJpeg } from "./jpeg.js";
import { readJpegHeader } from "./jpeg_header.js";
import { readPng } from "./png.js";
import { readTiff } from "./tiff.js";
import { readWebp } from "./webp.js";

/** @typedef {import("../libraries.js").Libraries} Libraries */
/** @typedef {import("./greyscale.js").Film} Film */

/**
 * Read a film.
 * @param {Uint8Array} data the file's bytes
 * @param {Libraries} libraries for films that need them
 * @returns {Promise<Film>}
 * @throws {import("./errors.js").RadiographError} no film, cut short, damaged, too large, or of a kind that a browser does not decode
 */
export async function readRadiograph(data, libraries) {
  switch (detectFormat(data)) {
    case "jpeg": {
      const header = readJpegHeader(data);
      const { width, height, precision: bits } = header.frame;
      const { data: greys, notes } = to8Bits(await decodeJpeg(header, libraries));
      return { film: applyOrientation({ width, height, data: greys }, header.orientation), notes, bits };
    }
    case "png":
      return readPng(data);
    case "bmp":
      return readBmp(data);
    case "webp":
      return readWebp(data);
    case "dicom":
      return readDicom(data, libraries);
    case "tiff":
      return readTiff(data);
  }
}
