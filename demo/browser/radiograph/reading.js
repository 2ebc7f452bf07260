// Any film file → an 8-bit grey film, as train.radiograph reads it: what is decoded here has the same greys, and what is
// not is refused.

import { readBmp } from "./bmp.js";
import { readDicom } from "./dicom/film.js";
import { RadiographError } from "./errors.js";
import { detectFormat } from "./formats.js";
import { applyOrientation } from "./greyscale.js";
import { decodeJpeg } from "./jpeg.js";
import { readJpegHeader } from "./jpeg_header.js";
import { readPng } from "./png.js";
import { readWebp } from "./webp.js";

/** @typedef {import("./greyscale.js").Film} Film */

/**
 * Read a film.
 * @param {Uint8Array} data the file's bytes
 * @param {() => Promise<any>} dicomParser loads that library when a DICOM film comes
 * @returns {Promise<Film>}
 * @throws {RadiographError} no film, cut short, damaged, too large, or of a kind that a browser does not decode
 */
export async function readRadiograph(data, dicomParser) {
  switch (detectFormat(data)) {
    case "jpeg": {
      const header = readJpegHeader(data);
      const film = applyOrientation(await decodeJpeg(data, header), header.orientation);
      return { film, notes: [], bits: header.frame.precision };
    }
    case "png":
      return readPng(data);
    case "bmp":
      return readBmp(data);
    case "webp":
      return readWebp(data);
    case "dicom":
      return readDicom(data, await dicomParser());
    case "tiff":
      throw new RadiographError("browser.no_tiff");
  }
}
