// The header of a DICOM film: its elements up to the pixels, found by dicom-parser, and their values, read with patience.
// The rules of train/radiograph/dicom/header.py. Only the elements in ELEMENTS are ever looked at.
// Source: DICOM PS3.10 section 7.1, PS3.5 section 7.

import { Bytes } from "../bytes.js";
import { RadiographError } from "../errors.js";

/** @typedef {import("../errors.js").Line} Line */

/**
 * An element as dicom-parser finds it; of a sequence, its items.
 * @typedef {object} Element
 * @property {string} [vr]
 * @property {number} dataOffset
 * @property {number} length
 * @property {boolean} [hadUndefinedLength]
 * @property {{dataSet: {elements: Record<string, Element>}}[]} [items]
 */

export const IMPLICIT_LITTLE = "1.2.840.10008.1.2";
export const EXPLICIT_LITTLE = "1.2.840.10008.1.2.1";
export const EXPLICIT_BIG = "1.2.840.10008.1.2.2";
const DEFLATED = "1.2.840.10008.1.2.1.99";
const PIXEL_DATA = "x7fe00010";

/** @type {Record<string, [string, string]>} tag and VR by keyword */
const ELEMENTS = {
  Modality: ["x00080060", "CS"],
  SamplesPerPixel: ["x00280002", "US"],
  PhotometricInterpretation: ["x00280004", "CS"],
  NumberOfFrames: ["x00280008", "IS"],
  Rows: ["x00280010", "US"],
  Columns: ["x00280011", "US"],
  BitsAllocated: ["x00280100", "US"],
  BitsStored: ["x00280101", "US"],
  HighBit: ["x00280102", "US"],
  PixelRepresentation: ["x00280103", "US"],
  PixelPaddingValue: ["x00280120", "xs"], // US or SS, by the sign of the pixels
  PixelPaddingRangeLimit: ["x00280121", "xs"],
  WindowCenter: ["x00281050", "DS"],
  WindowWidth: ["x00281051", "DS"],
  RescaleIntercept: ["x00281052", "DS"],
  RescaleSlope: ["x00281053", "DS"],
  VOILUTFunction: ["x00281056", "CS"],
  ModalityLUTSequence: ["x00283000", "SQ"],
  VOILUTSequence: ["x00283010", "SQ"],
  PresentationLUTShape: ["x20500020", "CS"],
};
const LONG_VRS = ["OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"];
/** @type {Record<string, [number, (view: DataView, place: number, little: boolean) => number]>} bytes, and how read */
const BINARY = {
  US: [2, (view, place, little) => view.getUint16(place, little)],
  SS: [2, (view, place, little) => view.getInt16(place, little)],
  UL: [4, (view, place, little) => view.getUint32(place, little)],
  SL: [4, (view, place, little) => view.getInt32(place, little)],
  FL: [4, (view, place, little) => view.getFloat32(place, little)],
  FD: [8, (view, place, little) => view.getFloat64(place, little)],
};
const TEXTUAL = ["DS", "IS", "CS", "SH", "LO", "LT", "ST", "UT", "UC"];
const DECIMAL = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
const UNDEFINED_LENGTH = 0xffffffff;
const MAX_META_ELEMENTS = 1_000;
const MAX_ELEMENT_BYTES = 200_000;

/** @returns {RadiographError} header and pixels do not fit together */
export const damagedDicom = () => new RadiographError("reader.dicom_damaged");

/** What stands before the pixels. Reading a value that cannot be read adds a note and gives none. */
export class DicomHeader {
  /**
   * @param {Uint8Array} data the file
   * @param {Record<string, Element>} elements by tag
   * @param {string} syntax the transfer syntax named, or guessed
   * @param {boolean} isNamed whether it is named
   * @param {boolean} isImplicit elements have no VR
   */
  constructor(data, elements, syntax, isNamed, isImplicit) {
    this.data = data;
    this.view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    this.elements = elements;
    this.syntax = syntax;
    this.isNamed = isNamed;
    this.isImplicit = isImplicit;
    this.isLittle = syntax !== EXPLICIT_BIG;
    /** @type {Line[]} */
    this.notes = [];
  }

  /** @returns {Element | undefined} */
  get pixels() {
    return this.elements[PIXEL_DATA];
  }

  /** The upper-case value of an element of text, "" without one. @param {string} name @returns {string} */
  text(name) {
    const element = this.elements[ELEMENTS[name][0]];
    return element === undefined ? "" : this.textOf(element).toUpperCase();
  }

  /**
   * The one number of an element; null where it is absent, empty, or anything else than one finite number.
   * @param {string} name
   * @returns {number | null}
   */
  number(name) {
    const numbers = this.numbers(name);
    if (numbers.length > 1) {
      this.leaveOut(name);
      return null;
    }
    return numbers[0] ?? null;
  }

  /** `number`, as a whole number. @param {string} name @returns {number | null} */
  whole(name) {
    const value = this.number(name);
    return value === null ? null : Math.trunc(value);
  }

  /**
   * The numbers of an element; none where it is absent, empty, or holds anything but finite numbers.
   * @param {string} name
   * @returns {number[]}
   */
  numbers(name) {
    const [tag, vr] = ELEMENTS[name];
    const element = this.elements[tag];
    if (element === undefined || element.length === 0) return [];
    const numbers = this.converted(element, vr);
    if (numbers.every(Number.isFinite)) return numbers;
    this.leaveOut(name);
    return [];
  }

  /**
   * The elements of the first item of a sequence.
   * @param {string} name
   * @returns {Record<string, Element> | null}
   */
  item(name) {
    return this.elements[ELEMENTS[name][0]]?.items?.[0]?.dataSet.elements ?? null;
  }

  /**
   * The bytes of an element as they stand in the file.
   * @param {Element} element
   * @returns {Uint8Array}
   */
  bytesOf({ dataOffset, length }) {
    if (length > MAX_ELEMENT_BYTES) throw damagedDicom();
    return this.data.subarray(dataOffset, dataOffset + length);
  }

  /** Note that an element is not used. @param {string} name */
  leaveOut(name) {
    const isNoted = this.notes.some(({ values }) => values.element === name);
    if (!isNoted) this.notes.push({ key: "reader.dicom_left_out", values: { element: name } });
  }

  /** @param {Element} element @returns {string} without the spaces and zeros that fill it up */
  textOf(element) {
    return String.fromCharCode(...this.bytesOf(element)).replace(/^[\s\0]+|[\s\0]+$/g, "");
  }

  /**
   * @param {Element} element
   * @param {string} usualVr of the element, where the file does not say
   * @returns {number[]} NaN for what is no number
   */
  converted(element, usualVr) {
    const usual = usualVr === "xs" ? (this.whole("PixelRepresentation") === 1 ? "SS" : "US") : usualVr;
    const isKnown = element.vr !== undefined && (element.vr in BINARY || TEXTUAL.includes(element.vr));
    const vr = isKnown ? /** @type {string} */ (element.vr) : usual;
    if (!(vr in BINARY)) {
      const text = this.textOf(element);
      if (text === "") return [];
      return text.split("\\").map((part) => (DECIMAL.test(part.trim()) ? Number(part) : NaN));
    }
    const [size, read] = BINARY[vr];
    if (element.length % size || element.dataOffset + element.length > this.data.length) return [NaN];
    const count = Math.min(element.length, MAX_ELEMENT_BYTES) / size;
    return Array.from({ length: count }, (_, at) => read(this.view, element.dataOffset + at * size, this.isLittle));
  }
}

/**
 * Read a header, and no more than it.
 * @param {Uint8Array} data
 * @param {any} dicomParser the library
 * @returns {DicomHeader}
 * @throws {RadiographError} it cannot be parsed, or is deflated
 */
export function readDicomHeader(data, dicomParser) {
  const { syntax: named, start } = metaInformation(new Bytes(data));
  if (named === DEFLATED) throw unreadSyntax();
  const hasVr = /^[A-Z]{2}$/.test(new Bytes(data).text(start + 4, 2));
  const syntax = named ?? guessedSyntax(data, start, hasVr);
  // The first element tells whether there are VRs, whatever the syntax says.
  const isImplicit = !hasVr;
  const little = syntax !== EXPLICIT_BIG;
  const parser = little ? dicomParser.littleEndianByteArrayParser : dicomParser.bigEndianByteArrayParser;
  const dataSet = new dicomParser.DataSet(parser, data, {});
  const parse = isImplicit ? dicomParser.parseDicomDataSetImplicit : dicomParser.parseDicomDataSetExplicit;
  try {
    parse(dataSet, new dicomParser.ByteStream(parser, data, start), data.length, { untilTag: PIXEL_DATA });
  } catch {
    // A file that ends within an element: what stands before tells what it lacks.
  }
  return new DicomHeader(data, dataSet.elements, syntax, named !== null, isImplicit);
}

/** @returns {RadiographError} compressed in a way that this page does not decode */
export const unreadSyntax = () => new RadiographError("browser.no_dicom_compression");

/**
 * The transfer syntax of element (0002,0010), if there is one, and where the elements after group 0002 begin.
 * @param {Bytes} bytes
 * @returns {{syntax: string | null, start: number}}
 */
function metaInformation(bytes) {
  let position = bytes.has("DICM", 128) ? 132 : 0;
  /** @type {string | null} */
  let syntax = null;
  for (let index = 0; index < MAX_META_ELEMENTS && bytes.has("\x02\0", position); index++) {
    const vr = bytes.text(position + 4, 2);
    const hasVr = /^[A-Z]{2}$/.test(vr); // some are written without, against the standard
    const isLong = LONG_VRS.includes(vr);
    const start = position + (hasVr && isLong ? 12 : 8);
    const length = hasVr && !isLong ? bytes.little(position + 6, 2) : bytes.little(start - 4, 4);
    if (length === UNDEFINED_LENGTH) throw damagedDicom();
    if (bytes.little(position + 2, 2) === 0x0010) {
      /** @type {string | null} */
      const before = syntax;
      syntax = bytes.text(start, Math.min(length, 64)).replace(/^[\0 ]+|[\0 ]+$/g, "");
      if (before !== null && before !== syntax) throw new RadiographError("reader.dicom_syntaxes");
    }
    position = start + length;
  }
  return { syntax: syntax || null, start: position };
}

/**
 * Of elements without file meta information: groups are small numbers.
 * @param {Uint8Array} data
 * @param {number} start
 * @param {boolean} hasVr
 * @returns {string}
 */
function guessedSyntax(data, start, hasVr) {
  if (!hasVr) return IMPLICIT_LITTLE;
  return data[start + 1] > 0 ? EXPLICIT_BIG : EXPLICIT_LITTLE;
}
