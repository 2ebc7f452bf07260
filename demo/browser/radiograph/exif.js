// Which way up a film is to be shown, out of an EXIF block. The rules of train/radiograph/tiff_tags.py.
// Source: EXIF 2.32 section 4.6.

import { ORIENTATION, TiffFile } from "./tiff_tags.js";

/**
 * The orientation an EXIF block asks for, 1 to 8; 1 where it does not say or cannot be read.
 * @param {Uint8Array} exif from its byte order mark on, without "Exif\0\0"
 * @returns {number}
 */
export function exifOrientation(exif) {
  try {
    const file = new TiffFile(exif);
    const orientation = file.tags(file.first).number(ORIENTATION, 1);
    return orientation >= 1 && orientation <= 8 ? orientation : 1;
  } catch {
    return 1; // whether a film is upright is not worth refusing it
  }
}
