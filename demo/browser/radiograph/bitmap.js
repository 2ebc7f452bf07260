// A picture's samples as the browser decodes them, without a profile, an orientation or an alpha of its own.

import { RadiographError, damaged } from "./errors.js";

const TILE = 1024; // pixels a side, read at once: a large film is not there twice, and no canvas is too wide
const CHECK = [0, 1, 2, 127, 128, 254, 255];

/**
 * Decode a picture with the browser's own decoder.
 * @param {Uint8Array} file without profile, orientation and alpha
 * @param {string} type of its media
 * @param {string} kind as errors name it
 * @param {number} width that the decoder must find
 * @param {number} height
 * @param {(red: number, green: number, blue: number) => number} grey of a pixel
 * @returns {Promise<Uint8Array>} width × height
 */
export async function decodeToGrey(file, type, kind, width, height, grey) {
  checkReadBack();
  const blob = new Blob([/** @type {BlobPart} */ (file)], { type }); // of one part: Firefox decodes no other
  let bitmap;
  try {
    bitmap = await createImageBitmap(blob, { colorSpaceConversion: "none", premultiplyAlpha: "none" });
  } catch {
    throw damaged(kind);
  }
  try {
    if (bitmap.width !== width || bitmap.height !== height) throw damaged(kind);
    return readTiles(bitmap, grey);
  } finally {
    bitmap.close();
  }
}

/**
 * @param {ImageBitmap} bitmap
 * @param {(red: number, green: number, blue: number) => number} grey
 * @returns {Uint8Array}
 */
function readTiles(bitmap, grey) {
  const { width, height } = bitmap;
  const data = new Uint8Array(width * height);
  const context = contextOf(Math.min(width, TILE), Math.min(height, TILE));
  for (let top = 0; top < height; top += TILE) {
    for (let left = 0; left < width; left += TILE) {
      const [columns, rows] = [Math.min(TILE, width - left), Math.min(TILE, height - top)];
      context.drawImage(bitmap, -left, -top);
      const { data: samples } = context.getImageData(0, 0, columns, rows);
      for (let row = 0, place = 0; row < rows; row++) {
        const start = (top + row) * width + left;
        for (let pixel = start; pixel < start + columns; pixel++, place += 4) {
          data[pixel] = grey(samples[place], samples[place + 1], samples[place + 2]);
        }
      }
    }
  }
  return data;
}

/** @param {number} width @param {number} height @returns {OffscreenCanvasRenderingContext2D} */
function contextOf(width, height) {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true, alpha: false, colorSpace: "srgb" });
  if (context === null) throw new RadiographError("browser.no_canvas");
  context.imageSmoothingEnabled = false;
  return context;
}

/** Some browsers change what is read back of a canvas, so that nobody is known by it; a film would be changed too. */
function checkReadBack() {
  const context = contextOf(CHECK.length, CHECK.length);
  const known = new ImageData(CHECK.length, CHECK.length);
  known.data.forEach((_, place) => (known.data[place] = place % 4 === 3 ? 255 : CHECK[(place * 5) % CHECK.length]));
  context.putImageData(known, 0, 0);
  const read = context.getImageData(0, 0, CHECK.length, CHECK.length).data;
  if (!read.every((sample, place) => sample === known.data[place])) throw new RadiographError("browser.no_canvas");
}
