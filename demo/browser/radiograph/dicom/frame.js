// The element of a DICOM film's pixels → the bytes of its first frame, whatever wraps them.
// The rules of train/radiograph/dicom/frame.py. Source: DICOM PS3.5 section 8.2 and Annex A.4.

import { Bytes } from "../bytes.js";
import { RadiographError } from "../errors.js";

/** @typedef {import("./header.js").DicomHeader} DicomHeader */

/**
 * Bytes of the pixels.
 * @typedef {object} FrameBytes
 * @property {Uint8Array} data of all frames where they stand one behind the other, of the first where in fragments
 * @property {number} frames how many that are
 * @property {boolean} isInWords 8-bit pixels stand in 16-bit words (VR OW)
 * @property {boolean} isInFragments as compressed streams are kept
 */

export const RLE = "1.2.840.10008.1.2.5";
const ITEM = "\xfe\xff\x00\xe0";
const MAX_FRAGMENTS = 1_000_000;
const STREAM_STARTS = ["\xff\xd8\xff", "\xff\x4f\xff\x51", "\0\0\0\x0cjP  "]; // JPEG, JPEG 2000, its boxes
const END_OF_IMAGE = [0xff, 0xd9];

/**
 * Take the first frame out of the file.
 * @param {DicomHeader} header
 * @param {number} frames
 * @returns {FrameBytes}
 * @throws {RadiographError} there is no element of pixels, or it is empty
 */
export function readFrameBytes(header, frames) {
  const { pixels, data } = header;
  if (pixels === undefined || pixels.length === 0) throw new RadiographError("reader.dicom_no_picture");
  const { dataOffset: start, length } = pixels;
  if (!pixels.hadUndefinedLength) {
    const isInWords = header.isImplicit || pixels.vr === "OW";
    return { data: data.subarray(start, start + length), frames, isInWords, isInFragments: false };
  }
  const items = fragmentsFrom(new Bytes(data), start);
  if (items.length === 0) throw new RadiographError("reader.dicom_no_picture");
  return { data: firstFrame(items, frames, header.syntax), frames: 1, isInWords: false, isInFragments: true };
}

/**
 * The items from a place on: the offset table and the fragments, up to whatever is no item.
 * @param {Bytes} bytes
 * @param {number} position
 * @returns {Uint8Array[]}
 */
function fragmentsFrom(bytes, position) {
  const fragments = [];
  while (bytes.has(ITEM, position) && fragments.length < MAX_FRAGMENTS) {
    const length = bytes.little(position + 4, 4);
    fragments.push(bytes.data.subarray(position + 8, position + 8 + length));
    position += 8 + length;
  }
  return fragments;
}

/**
 * Join the fragments of the first frame; one frame is all of them, whatever the offset table says.
 * @param {Uint8Array[]} items
 * @param {number} frames
 * @param {string} syntax
 * @returns {Uint8Array}
 */
function firstFrame(items, frames, syntax) {
  let [table, ...fragments] = items;
  if (STREAM_STARTS.some((start) => new Bytes(table).has(start))) {
    [table, fragments] = [new Uint8Array(0), items]; // a writer left the table out
  }
  if (frames === 1) return joined(fragments);
  if (fragments.length === frames || syntax === RLE) return fragments[0] ?? new Uint8Array(0);
  const second = new Bytes(table).little(4, 4);
  const first = [];
  let place = 0;
  for (const fragment of fragments) {
    // Without a table, a frame goes on until a fragment ends as a stream does.
    const previous = first[first.length - 1];
    if (previous !== undefined && (second ? place >= second : endsAsStream(previous))) break;
    first.push(fragment);
    place += 8 + fragment.length;
  }
  return joined(first);
}

/** @param {Uint8Array} fragment @returns {boolean} */
function endsAsStream(fragment) {
  let end = fragment.length;
  while (end > 0 && fragment[end - 1] === 0) end--;
  return fragment[end - 2] === END_OF_IMAGE[0] && fragment[end - 1] === END_OF_IMAGE[1];
}

/** @param {Uint8Array[]} parts @returns {Uint8Array} */
function joined(parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let place = 0;
  for (const part of parts) {
    whole.set(part, place);
    place += part.length;
  }
  return whole;
}
