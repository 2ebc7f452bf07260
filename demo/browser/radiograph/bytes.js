// Numbers out of a file's bytes. A place beyond the end reads as 0, so that no header can end the reading.

/** A file's bytes, and numbers of either byte order in them. */
export class Bytes {
  /** @param {Uint8Array} data */
  constructor(data) {
    this.data = data;
    this.length = data.length;
  }

  /**
   * A whole number without sign, of 1 to 4 bytes, the highest first.
   * @param {number} place
   * @param {number} size
   * @returns {number}
   */
  big(place, size) {
    let value = 0;
    for (let at = place; at < place + size; at++) value = value * 256 + (this.data[at] ?? 0);
    return value;
  }

  /**
   * A whole number without sign, of 1 to 4 bytes, the lowest first.
   * @param {number} place
   * @param {number} size
   * @returns {number}
   */
  little(place, size) {
    let value = 0;
    for (let at = place + size - 1; at >= place; at--) value = value * 256 + (this.data[at] ?? 0);
    return value;
  }

  /**
   * Bytes as text, one character each.
   * @param {number} place
   * @param {number} size
   * @returns {string}
   */
  text(place, size) {
    return String.fromCharCode(...this.data.subarray(place, place + size));
  }

  /**
   * Whether these very bytes stand at a place.
   * @param {string} text one character a byte
   * @param {number} [place]
   * @returns {boolean}
   */
  has(text, place = 0) {
    for (let at = 0; at < text.length; at++) if (this.data[place + at] !== text.charCodeAt(at)) return false;
    return true;
  }
}
