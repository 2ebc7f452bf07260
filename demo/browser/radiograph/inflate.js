// Deflate streams with their checksum (zlib), by the browser's own decoder.

/**
 * Inflate a stream.
 * @param {Uint8Array[]} stream in parts
 * @param {number} most bytes that may come of it; what comes after them is not kept
 * @returns {Promise<Uint8Array | null>} null for a damaged one
 */
export async function inflated(stream, most) {
  const bytes = new Uint8Array(most);
  let filled = 0;
  try {
    const compressed = new Blob(/** @type {BlobPart[]} */ (stream)).stream();
    const reader = compressed.pipeThrough(new DecompressionStream("deflate")).getReader();
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      bytes.set(part.value.subarray(0, most - filled), filled);
      filled = Math.min(filled + part.value.length, most);
    }
  } catch {
    return null;
  }
  return bytes.subarray(0, filled);
}
