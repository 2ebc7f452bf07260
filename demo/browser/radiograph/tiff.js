// TIFF → grey samples of 8 or 16 bits: grey, RGB or a palette, in strips or tiles. Browsers read none, so it is read here.
// The rules of train/radiograph/tiff.py; samples that are signed, of 32 bits or floats are refused.
// Source: TIFF 6.0 (Adobe, 1992).

import { RadiographError, cutShort, damaged } from "./errors.js";
import { MAX_FRAMES, MAX_PIXELS, checkDecodedBytes, checkPixels } from "./formats.js";
import { applyOrientation, luma, lumaOf, to8Bits } from "./greyscale.js";
import { COMPRESSIONS, LZW, PACKBITS, PLAIN, decompressed } from "./tiff_strips.js";
import { ORIENTATION, TiffFile } from "./tiff_tags.js";

/** @typedef {import("./errors.js").Line} Line */
/** @typedef {import("./greyscale.js").Film} Film */
/** @typedef {import("./greyscale.js").Samples} Samples */
/** @typedef {import("./tiff_tags.js").TiffTags} TiffTags */

const [WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC] = [256, 257, 258, 259, 262];
const [FILL_ORDER, STRIP_OFFSETS, SAMPLES, ROWS_PER_STRIP, STRIP_SIZES, PLANAR] = [266, 273, 277, 278, 279, 284];
const [PREDICTOR, COLOUR_MAP, TILE_WIDTH, TILE_HEIGHT] = [317, 320, 322, 323];
const [TILE_OFFSETS, TILE_SIZES, FORMAT] = [324, 325, 339];
const [WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE] = [0, 1, 2, 3];
const [NONE, DIFFERENCES] = [1, 2]; // predictors
const LOWEST_FIRST = 2; // of the bits of a byte
const COLOURS = 256;
/** Kinds of samples that Python reads: whole numbers without a sign, with one, floats; by their bits. */
const READABLE = ["1,8", "1,16", "1,32", "2,8", "2,16", "2,32", "3,16", "3,32", "3,64"];
const READABLE_HERE = READABLE.slice(0, 2);
/** Each byte with its bits in the other order. */
const TURNED = Uint8Array.from({ length: 256 }, (_, byte) => {
  return Array.from({ length: 8 }, (_bit, bit) => ((byte >> bit) & 1) << (7 - bit)).reduce((sum, each) => sum | each);
});

/**
 * @typedef {object} Layout
 * @property {number} width
 * @property {number} height
 * @property {number} samples of a pixel
 * @property {boolean} isSeparate planes one after the other instead of interleaved
 * @property {number} depth 8 or 16 bits
 * @property {number} compression
 * @property {number} photometric
 */

/**
 * Read the first picture of a TIFF; what is wrong with the pages after it does not matter.
 * @param {Uint8Array} data
 * @returns {Promise<Film>}
 * @throws {RadiographError} cut short, damaged, too large, or stored in a way that is not read
 */
export async function readTiff(data) {
  const file = new TiffFile(data);
  const tags = file.tags(file.first);
  const pages = countPages(file);
  const layout = layoutOf(tags);
  const { data: greys, notes } = to8Bits(grey(await samplesOf(tags, layout), tags, layout));
  const film = applyOrientation(
    { width: layout.width, height: layout.height, data: greys },
    tags.number(ORIENTATION, 1),
  );
  return { film, notes: [...pages, ...notes], bits: layout.depth };
}

/** What is to be warned of: pages that are not read, or cannot be. @param {TiffFile} file @returns {Line[]} */
function countPages(file) {
  let offset = file.next(file.first);
  const seen = new Set([file.first]);
  while (offset) {
    if (seen.size === MAX_FRAMES) throw new RadiographError("reader.tiff_pictures", { limit: MAX_FRAMES });
    let following = offset;
    try {
      following = file.next(offset);
    } catch {
      // A page that is not there: the list is broken.
    }
    if (seen.has(offset) || following === offset) return [{ key: "reader.tiff_pages", values: {} }];
    seen.add(offset);
    offset = following;
  }
  return seen.size > 1 ? [{ key: "reader.only_first_page", values: { count: seen.size } }] : [];
}

/** @param {TiffTags} tags @returns {Layout} */
function layoutOf(tags) {
  const [width, height] = [tags.number(WIDTH), tags.number(HEIGHT)];
  checkPixels(width, height);
  const samples = tags.number(SAMPLES, 1);
  const photometric = tags.number(PHOTOMETRIC, -1);
  const compression = tags.number(COMPRESSION, 1);
  // One value a sample, or one for all of them.
  const [bits, formats] = [tags.values(BITS), tags.values(FORMAT)].map(
    (values) => new Set(values.length ? values : [1]),
  );
  const kind = bits.size === 1 && formats.size === 1 ? `${[...formats]},${[...bits]}` : "";
  if (!READABLE.includes(kind)) throw new RadiographError("reader.tiff_depth");
  if (!COMPRESSIONS.includes(compression)) throw new RadiographError("reader.tiff_compression");
  if (photometric < 0) throw new RadiographError("reader.tiff_photometric");
  const isHere = READABLE_HERE.includes(kind);
  const [depth] = bits;
  /** @type {Record<number, boolean>} */
  const isReadable = {
    [WHITE_IS_ZERO]: samples <= 2,
    [BLACK_IS_ZERO]: samples <= 2,
    [RGB]: (samples === 3 || samples === 4) && isHere,
    [PALETTE]: samples === 1 && isHere && depth === 8 && tags.values(COLOUR_MAP).length === 3 * COLOURS,
  };
  if (samples < 1 || !isReadable[photometric]) throw new RadiographError("reader.tiff_samples");
  checkDecodedBytes(width * height, (samples * depth) / 8);
  if (!isHere) throw new RadiographError("browser.no_deep_tiff");
  const isSeparate = samples > 1 && tags.number(PLANAR, 1) === 2;
  return { width, height, samples, isSeparate, depth, compression, photometric };
}

/**
 * The samples of all strips or tiles, which must be all there and whole.
 * @param {TiffTags} tags
 * @param {Layout} layout
 * @returns {Promise<Samples>} interleaved
 */
async function samplesOf(tags, layout) {
  const { width, height, samples, isSeparate, depth, compression } = layout;
  const isTiled = tags.entries.has(TILE_WIDTH);
  const columns = isTiled ? tags.number(TILE_WIDTH) : width;
  const rows = isTiled ? tags.number(TILE_HEIGHT) : Math.min(tags.number(ROWS_PER_STRIP, 0) || height, height);
  if (columns < 1 || rows < 1 || columns * rows > MAX_PIXELS) throw damaged("TIFF");
  const [across, down] = [Math.ceil(width / columns), Math.ceil(height / rows)];
  const channels = isSeparate ? 1 : samples; // of a piece
  const rowBytes = (columns * channels * depth) / 8;
  const picture = depth === 16 ? new Uint16Array(width * height * samples) : new Uint8Array(width * height * samples);
  const undo = predictorOf(tags, layout);
  for (const [index, piece] of piecesOf(tags, across * down * (isSeparate ? samples : 1)).entries()) {
    const place = index % (across * down);
    const [left, top] = [(place % across) * columns, Math.floor(place / across) * rows];
    const least = rowBytes * (isTiled ? rows : Math.min(rows, height - top));
    const bytes = await decompressed(inOrder(piece, tags, compression), compression, least, rowBytes * rows);
    const [plane, step] = isSeparate ? [Math.floor(index / (across * down)), samples] : [0, channels];
    for (let row = 0; row < rows && top + row < height; row++) {
      const line = lineOf(bytes, row * rowBytes, columns * channels, depth, tags.file.isLittle);
      undo(line, channels);
      const count = Math.min(columns, width - left);
      let target = ((top + row) * width + left) * samples + plane;
      for (let x = 0; x < count; x++, target += step) {
        for (let channel = 0; channel < channels; channel++) picture[target + channel] = line[x * channels + channel];
      }
    }
  }
  return picture;
}

/**
 * The strips or tiles as they stand in the file. Some writers keep the places of tiles in the tags of strips.
 * @param {TiffTags} tags
 * @param {number} count
 * @returns {Uint8Array[]}
 */
function piecesOf(tags, count) {
  const { data } = tags.file.bytes;
  const first = (/** @type {number} */ tag, /** @type {number} */ other) => {
    const values = tags.values(tag);
    return values.length ? values : tags.values(other);
  };
  const [offsets, sizes] = [first(TILE_OFFSETS, STRIP_OFFSETS), first(TILE_SIZES, STRIP_SIZES)];
  if (offsets.length !== count || (sizes.length && sizes.length !== count)) throw damaged("TIFF");
  return offsets.map((offset, index) => {
    const size = sizes[index] || 0; // 0 where the file does not say: then all that follows
    if (offset + size > data.length) throw cutShort("TIFF");
    return data.subarray(offset, size ? offset + size : data.length);
  });
}

/**
 * A piece with the highest bit of each byte first.
 * @param {Uint8Array} piece
 * @param {TiffTags} tags
 * @param {number} compression
 * @returns {Uint8Array}
 */
function inOrder(piece, tags, compression) {
  const isTurned = tags.number(FILL_ORDER, 1) === LOWEST_FIRST && [PLAIN, LZW, PACKBITS].includes(compression);
  return isTurned ? piece.map((byte) => TURNED[byte]) : piece;
}

/**
 * @param {Uint8Array} bytes
 * @param {number} start
 * @param {number} count
 * @param {number} depth
 * @param {boolean} isLittle
 * @returns {Samples} a copy
 */
function lineOf(bytes, start, count, depth, isLittle) {
  if (depth === 8) return bytes.slice(start, start + count);
  const view = new DataView(bytes.buffer, bytes.byteOffset + start);
  return Uint16Array.from({ length: count }, (_, index) => view.getUint16(2 * index, isLittle));
}

/**
 * How a line is made of the differences that are stored instead, where they are (section 14).
 * @param {TiffTags} tags
 * @param {Layout} layout
 * @returns {(line: Samples, channels: number) => void}
 */
function predictorOf(tags, { compression }) {
  const predictor = compression === PLAIN || compression === PACKBITS ? NONE : tags.number(PREDICTOR, NONE);
  if (predictor !== NONE && predictor !== DIFFERENCES) throw damaged("TIFF");
  if (predictor === NONE) return () => {};
  return (line, channels) => {
    for (let at = channels; at < line.length; at++) line[at] += line[at - channels];
  };
}

/** @param {Samples} samples @param {TiffTags} tags @param {Layout} layout @returns {Samples} one a pixel */
function grey(samples, tags, { samples: channels, depth, photometric }) {
  if (photometric === PALETTE) {
    const greys = greysOf(tags.values(COLOUR_MAP));
    return Uint8Array.from(samples, (index) => greys[index]);
  }
  const film = luma(samples, channels);
  const white = 2 ** depth - 1;
  return photometric === WHITE_IS_ZERO ? film.map((sample) => white - sample) : film;
}

/** @param {number[]} colours all reds, all greens, all blues @returns {number[]} the grey of each index */
function greysOf(colours) {
  const shift = Math.max(...colours) > 255 ? 8 : 0; // some writers fill the low half of the 16 bits only
  return colours.slice(0, COLOURS).map((red, index) => {
    return lumaOf(red >> shift, colours[COLOURS + index] >> shift, colours[2 * COLOURS + index] >> shift);
  });
}
