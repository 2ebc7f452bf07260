// Streams that codecs in WebAssembly decode. They either make a whole picture or none.

/** @typedef {import("./greyscale.js").Samples} Samples */
/** @typedef {import("./errors.js").RadiographError} RadiographError */

/**
 * Decode a picture of one component.
 * @param {any} Decoder the codec's class
 * @param {Uint8Array} stream
 * @param {{width: number, height: number, precision: number}} expected precision: bits of a sample
 * @param {RadiographError} fault where that is not what comes of it
 * @returns {Samples} width × height; of 16 bits where a sample has more than 8
 */
export function decodeByCodec(Decoder, stream, { width, height, precision }, fault) {
  const size = width * height;
  try {
    const decoder = new Decoder();
    decoder.getEncodedBuffer(stream.length).set(stream);
    decoder.decode();
    const info = decoder.getFrameInfo();
    const bytes = new Uint8Array(decoder.getDecodedBuffer()); // a copy: the codec's own memory goes with it
    const isWhole = info.width === width && info.height === height && info.componentCount === 1;
    if (isWhole && precision <= 8 && bytes.length === size) return bytes;
    if (isWhole && precision > 8 && bytes.length === 2 * size) return new Uint16Array(bytes.buffer);
  } catch {
    // A codec throws numbers, texts and errors of its own, which say nothing to a visitor.
  }
  throw fault;
}
