// Deflate streams with their checksum (zlib), by the browser's own decoder.

import { endOfStream } from "./deflate_end.js";

/**
 * Inflate a stream. Bytes behind its end are ignored, as zlib ignores them.
 * @param {Uint8Array[]} stream in parts
 * @param {number} most bytes that may come of it; what comes after them is not kept
 * @returns {Promise<Uint8Array | null>} null for a damaged one
 */
export async function inflated(stream, most) {
  const blob = new Blob(/** @type {BlobPart[]} */ (stream));
  const found = await whole(blob, most);
  if (found !== null) return found;
  // A browser's decoder takes nothing behind the end, and says as little of it as of damage.
  const end = endOfStream(new Uint8Array(await blob.arrayBuffer()));
  return end === null || end === blob.size ? null : whole(blob.slice(0, end), most);
}

/** @param {Blob} stream without a byte behind it @param {number} most @returns {Promise<Uint8Array | null>} */
async function whole(stream, most) {
  const bytes = new Uint8Array(most);
  let filled = 0;
  try {
    const reader = stream.stream().pipeThrough(new DecompressionStream("deflate")).getReader();
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      bytes.set(part.value.subarray(0, most - filled), filled);
      filled = Math.min(filled + part.value.length, most);
    }
  } catch {
    return null;
  }
  return bytes.subarray(0, filled);
}
