// DICOM radiographs → 8-bit grey films: what a file is, and which of it is the film. An optional element that is empty,
// malformed or contradictory is left out with a warning; only what pixels cannot do without refuses a film.
// The rules of train/radiograph/dicom/film.py.

import { RadiographError } from "../errors.js";
import { MAX_FRAMES, checkPixels } from "../formats.js";
import { readFrameBytes } from "./frame.js";
import { greyTable } from "./greys.js";
import { damagedDicom, readDicomHeader, unreadSyntax } from "./header.js";
import { readGreyscaleTransform } from "./lut.js";
import { DECODABLE, decodeStoredValues } from "./pixels.js";

/** @typedef {import("../../libraries.js").Libraries} Libraries */
/** @typedef {import("../greyscale.js").Film} Film */
/** @typedef {import("./header.js").DicomHeader} DicomHeader */
/** @typedef {import("./pixels.js").PixelLayout} PixelLayout */

const RADIOGRAPHS = ["CR", "DX", "DR", "RG", "PX", "XA", "RF", "OT"];
// Modalities that may be named in a message; anything else in that element might be somebody's name.
const OTHERS = (
  "BI BMD CT DG DOC ECG EEG ES GM IO IVOCT IVUS KO LS MG MR NM OCT OP OPT PR PT REG RTDOSE RTIMAGE RTPLAN RTRECORD " +
  "RTSTRUCT SC SEG SM SR TG US VL XC"
).split(" ");
const COLOUR_STARTS = ["RGB", "YBR", "PALETTE", "HSV", "ARGB", "CMYK", "XYB"];

/**
 * Read the first frame of a DICOM radiograph; padding pixels are black.
 * @param {Uint8Array} data
 * @param {Libraries} libraries
 * @returns {Promise<Film>}
 * @throws {RadiographError} not a radiograph, no pixels, colour, compressed in a way that is not read, damaged
 */
export async function readDicom(data, libraries) {
  const dicomParser = await libraries.dicomParser();
  try {
    const header = readDicomHeader(data, dicomParser);
    checkKind(header);
    if (header.isNamed && !DECODABLE.includes(header.syntax)) throw unreadSyntax();
    const layout = pixelLayout(header);
    const frame = readFrameBytes(header, layout.frames);
    const stored = await decodeStoredValues(frame, header.syntax, layout, libraries);
    const transform = readGreyscaleTransform(header, isInverse(header), layout, stored);
    const { table, notes } = greyTable(transform, stored.codes);
    const pixels = Uint8Array.from(stored.codes, (code) => table[code]);
    const film = { width: layout.columns, height: layout.rows, data: pixels };
    const frames = { key: "reader.only_first_frame", values: { count: layout.frames } };
    const bits = header.whole("BitsStored") ?? layout.stored;
    return { film, notes: [...header.notes, ...notes, ...(layout.frames > 1 ? [frames] : [])], bits };
  } catch (error) {
    throw error instanceof RadiographError ? error : damagedDicom();
  }
}

/** Refuse what is no plain X-ray. @param {DicomHeader} header */
function checkKind(header) {
  const modality = header.text("Modality");
  if (modality && !RADIOGRAPHS.includes(modality)) {
    if (OTHERS.includes(modality)) throw new RadiographError("reader.dicom_modality", { modality });
    throw new RadiographError("reader.dicom_no_modality");
  }
  const photometric = header.text("PhotometricInterpretation");
  const isColour = COLOUR_STARTS.some((start) => photometric.startsWith(start));
  if ((header.whole("SamplesPerPixel") || 1) !== 1 || isColour) throw new RadiographError("reader.dicom_colour");
}

/**
 * Whether low values are dense, which either of two elements says: the one does not undo the other.
 * @param {DicomHeader} header
 * @returns {boolean}
 */
function isInverse(header) {
  const photometric = header.text("PhotometricInterpretation");
  if (!["MONOCHROME1", "MONOCHROME2"].includes(photometric)) {
    header.notes.push({ key: "reader.dicom_polarity", values: {} });
  }
  return header.text("PresentationLUTShape") === "INVERSE" || photometric === "MONOCHROME1";
}

/**
 * How pixels are stored. Rows, columns and allocated bits are what they cannot do without.
 * @param {DicomHeader} header
 * @returns {PixelLayout}
 */
function pixelLayout(header) {
  const [rows, columns, allocated] = ["Rows", "Columns", "BitsAllocated"].map((name) => needed(header, name));
  checkPixels(columns, rows);
  if (allocated !== 8 && allocated !== 16) throw new RadiographError("reader.dicom_bits");
  const frames = header.whole("NumberOfFrames") || 1;
  if (frames < 1) header.leaveOut("NumberOfFrames");
  if (frames > MAX_FRAMES) throw new RadiographError("reader.dicom_frames", { limit: MAX_FRAMES });
  const isBit = (/** @type {number | null} */ bit) => bit !== null && bit >= 0 && bit < allocated;
  let [highBit, stored] = [header.whole("HighBit"), header.whole("BitsStored")];
  if (stored === null || stored < 1 || stored > allocated) {
    header.leaveOut("BitsStored");
    stored = highBit !== null && isBit(highBit) ? highBit + 1 : allocated;
  }
  if (highBit === null || !isBit(highBit) || highBit < stored - 1) {
    header.leaveOut("HighBit");
    highBit = stored - 1;
  }
  const isSigned = header.whole("PixelRepresentation") === 1;
  return { rows, columns, frames: Math.max(frames, 1), allocated, stored, highBit, isSigned };
}

/** @param {DicomHeader} header @param {string} name @returns {number} */
function needed(header, name) {
  const value = header.whole(name);
  if (value === null) throw new RadiographError("reader.dicom_element", { element: name });
  return value;
}
