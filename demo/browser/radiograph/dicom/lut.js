// The rules by which the stored values of a DICOM film become greys, as its header gives them (PS3.3 section C.11).
// What cannot be used is left out with a note. The rules of train/radiograph/dicom/lut.py.

/** @typedef {import("./header.js").DicomHeader} DicomHeader */
/** @typedef {import("./header.js").Element} Element */
/** @typedef {import("./pixels.js").PixelLayout} PixelLayout */
/** @typedef {import("./pixels.js").StoredValues} StoredValues */

/**
 * A table of PS3.3 section C.11.1.1: its entries, and the 16 bits of the first value that it maps.
 * @typedef {{entries: number[], first: number}} LookupTable
 */

/** @typedef {{centre: number, width: number, shape: string}} Window a VOI window (PS3.3 section C.11.2) */

/**
 * All that a header says about the meaning of stored values; nothing that says whose they are.
 * @typedef {object} GreyscaleTransform
 * @property {number} stored bits of a value, 1 to 16
 * @property {boolean} isSigned two's complement
 * @property {[number, number] | null} padding first and last value outside the film, in either order
 * @property {LookupTable | {slope: number, intercept: number}} modality
 * @property {LookupTable | Window | null} voi null for the film's own range
 * @property {boolean} isInverse low values are dense
 */

const LARGEST_OUTPUT = 1e300; // beyond it differences overflow
const MOST_STORED = 65535;
/** @type {Record<string, number>} by function; others do not exist */
const LEAST_WIDTHS = { LINEAR: 1, LINEAR_EXACT: 0, SIGMOID: 0 };
const [DESCRIPTOR, DATA] = ["x00283002", "x00283006"];

/**
 * Take the rules out of a header; of pixels that a lossy stream has rescaled, no table, window or padding.
 * @param {DicomHeader} header
 * @param {boolean} isInverse
 * @param {PixelLayout} layout
 * @param {StoredValues} values
 * @returns {GreyscaleTransform}
 */
export function readGreyscaleTransform(header, isInverse, layout, values) {
  if (values.isRescaled) header.notes.push({ key: "reader.dicom_fewer_bits", values: {} });
  const table = values.isRescaled ? null : lookupTable(header, "ModalityLUTSequence");
  const voi = values.isRescaled ? null : (lookupTable(header, "VOILUTSequence") ?? window(header));
  return {
    stored: values.bits,
    isSigned: layout.isSigned,
    padding: values.isRescaled ? null : padding(header, values.bits, layout.isSigned),
    modality: table ?? rescale(header),
    voi,
    isInverse,
  };
}

/**
 * First and last value outside the film; what no pixel can have is left out (PS3.3 section C.7.5.1.1.2).
 * @param {DicomHeader} header
 * @param {number} bits
 * @param {boolean} isSigned
 * @returns {[number, number] | null}
 */
function padding(header, bits, isSigned) {
  const first = paddingEdge(header, "PixelPaddingValue", bits, isSigned);
  if (first === null) return null;
  return [first, paddingEdge(header, "PixelPaddingRangeLimit", bits, isSigned) ?? first];
}

/**
 * @param {DicomHeader} header
 * @param {string} name
 * @param {number} bits
 * @param {boolean} isSigned
 * @returns {number | null}
 */
function paddingEdge(header, name, bits, isSigned) {
  let edge = header.whole(name);
  if (edge === null) return null;
  // Writers confuse the signed and the unsigned form, but in the element's 16 bits: the stored ones alone, fewer of
  // them, are those of some grey of an unsigned film too.
  if (edge >= -(2 ** 15) && edge < 2 ** 16) {
    edge = (edge + 2 ** 16) % 2 ** 16;
    if (isSigned && edge >= 2 ** 15) edge -= 2 ** 16;
    if (isSigned && edge >= 2 ** (bits - 1) && edge < 2 ** bits) edge -= 2 ** bits;
  }
  const least = isSigned ? -(2 ** (bits - 1)) : 0;
  if (edge >= least && edge < least + 2 ** bits) return edge;
  header.leaveOut(name);
  return null;
}

/** @param {DicomHeader} header @returns {{slope: number, intercept: number}} */
function rescale(header) {
  const slope = header.number("RescaleSlope") ?? 1;
  const intercept = header.number("RescaleIntercept") ?? 0;
  if (slope !== 0 && Math.abs(slope) * MOST_STORED + Math.abs(intercept) < LARGEST_OUTPUT) return { slope, intercept };
  header.leaveOut("RescaleSlope");
  return { slope: 1, intercept: 0 };
}

/** The first of the windows: pairs of a centre and a width. @param {DicomHeader} header @returns {Window | null} */
function window(header) {
  const centres = header.numbers("WindowCenter");
  const widths = header.numbers("WindowWidth");
  if (centres.length !== widths.length) {
    header.leaveOut("WindowCenter");
    return null;
  }
  if (centres.length === 0) return null;
  const shape = header.text("VOILUTFunction") || "LINEAR";
  if (widths[0] < (LEAST_WIDTHS[shape] ?? Infinity) || widths[0] <= 0) {
    header.leaveOut("WindowWidth");
    return null;
  }
  return { centre: centres[0], width: widths[0], shape };
}

/**
 * The table in the first item of a sequence; null, and a note, if the item holds none.
 * @param {DicomHeader} header
 * @param {string} name
 * @returns {LookupTable | null}
 */
function lookupTable(header, name) {
  const item = header.item(name);
  if (item === null) return null;
  const descriptor = item[DESCRIPTOR] && words(header, header.bytesOf(item[DESCRIPTOR]));
  const data = item[DATA] && header.bytesOf(item[DATA]);
  const isDescribed = descriptor && item[DESCRIPTOR].length % 2 === 0 && descriptor.length === 3;
  if (!isDescribed || data === undefined || descriptor[2] < 1 || descriptor[2] > 16) {
    header.leaveOut(name);
    return null;
  }
  const count = descriptor[0] || 65536;
  // Bytes where there is one an entry; a table of words that ends early is a short table of words.
  const isBytewise = data.length === count || data.length === count + 1 || (descriptor[2] <= 8 && data.length < count);
  const entries = isBytewise ? Array.from(data) : words(header, data);
  if (entries.length === 0) {
    header.leaveOut(name);
    return null;
  }
  return { entries: entries.slice(0, count), first: descriptor[1] };
}

/** @param {DicomHeader} header @param {Uint8Array} data @returns {number[]} */
function words({ isLittle }, data) {
  return Array.from({ length: data.length >> 1 }, (_, at) => {
    const [first, second] = [data[2 * at], data[2 * at + 1]];
    return isLittle ? first | (second << 8) : (first << 8) | second;
  });
}
