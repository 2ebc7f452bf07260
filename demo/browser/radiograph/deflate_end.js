// Where a Deflate stream ends: its codes are read for their lengths alone, nothing is expanded. For streams with bytes
// behind them, which browsers refuse. Source: RFC 1950 and 1951 (1996), section 3.2.

const HEAD = 2;
const CHECKSUM = 4;
const HAS_DICTIONARY = 0x20;
const [STORED, FIXED, DYNAMIC] = [0, 1, 2];
const END_OF_BLOCK = 256;
const LONGEST = 15; // bits of a code
const ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]; // in which lengths of lengths are told
/** @type {Record<number, [number, number]>} length code of lengths → bits that tell how often, and the fewest */
const REPEATS = { 16: [2, 3], 17: [3, 3], 18: [7, 11] };
const FIXED_LENGTHS = Array.from({ length: 288 }, (_, code) => (code < 144 ? 8 : code < 256 ? 9 : code < 280 ? 7 : 8));
const LAST_LENGTH = 285; // stands for 258 without further bits

/** @typedef {{counts: number[], symbols: number[]}} Codes how many codes have each length, and what they stand for */

/** The bits of a stream, the lowest of a byte first. */
class Bits {
  /** @param {Uint8Array} data */
  constructor(data) {
    this.data = data;
    [this.at, this.bit] = [HEAD, 0];
  }

  /** @param {number} count @returns {number} */
  take(count) {
    let value = 0;
    for (let taken = 0; taken < count; taken++) {
      if (this.at >= this.data.length) throw new RangeError("cut short");
      value |= ((this.data[this.at] >> this.bit) & 1) << taken;
      this.bit = (this.bit + 1) & 7;
      if (this.bit === 0) this.at++;
    }
    return value;
  }

  /** Go on with the next whole byte. */
  align() {
    if (this.bit) [this.at, this.bit] = [this.at + 1, 0];
  }

  /** @param {Codes} codes @returns {number} what the next code stands for */
  symbol({ counts, symbols }) {
    let [code, first, index] = [0, 0, 0];
    for (let length = 1; length <= LONGEST; length++) {
      code |= this.take(1);
      const count = counts[length];
      if (code - count < first) return symbols[index + code - first];
      index += count;
      first = (first + count) << 1;
      code <<= 1;
    }
    throw new RangeError("no such code");
  }
}

/**
 * @param {Uint8Array} stream with zlib's head; bytes may follow it
 * @returns {number | null} its length with its checksum; null where no whole stream is there
 */
export function endOfStream(stream) {
  if (stream.length < HEAD || stream[1] & HAS_DICTIONARY) return null;
  const bits = new Bits(stream);
  try {
    for (let isLast = 0; !isLast; ) {
      isLast = bits.take(1);
      skipBlock(bits, bits.take(2));
    }
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
  bits.align();
  const end = bits.at + CHECKSUM;
  return end <= stream.length ? end : null;
}

/** @param {Bits} bits @param {number} kind */
function skipBlock(bits, kind) {
  if (kind === STORED) {
    bits.align();
    const size = bits.take(16);
    bits.at += 2 + size;
  } else if (kind === FIXED) skipCodes(bits, codesOf(FIXED_LENGTHS), codesOf(Array(30).fill(5)));
  else if (kind === DYNAMIC) skipCodes(bits, ...toldCodes(bits));
  else throw new RangeError("no such block");
}

/** @param {Bits} bits @param {Codes} literals and lengths @param {Codes} distances */
function skipCodes(bits, literals, distances) {
  for (let symbol = bits.symbol(literals); symbol !== END_OF_BLOCK; symbol = bits.symbol(literals)) {
    if (symbol < END_OF_BLOCK) continue;
    if (symbol > LAST_LENGTH) throw new RangeError("no such length");
    if (symbol >= 265 && symbol < LAST_LENGTH) bits.take((symbol - 261) >> 2);
    const distance = bits.symbol(distances);
    if (distance >= 4) bits.take((distance >> 1) - 1);
  }
}

/** The codes that a block brings. @param {Bits} bits @returns {[Codes, Codes]} */
function toldCodes(bits) {
  const [literals, distances, told] = [bits.take(5) + 257, bits.take(5) + 1, bits.take(4) + 4];
  const ofLengths = Array(ORDER.length).fill(0);
  for (const symbol of ORDER.slice(0, told)) ofLengths[symbol] = bits.take(3);
  const codes = codesOf(ofLengths);
  /** @type {number[]} */
  const lengths = [];
  while (lengths.length < literals + distances) {
    const symbol = bits.symbol(codes);
    if (symbol < 16) {
      lengths.push(symbol);
      continue;
    }
    const [further, fewest] = REPEATS[symbol];
    const repeated = symbol === 16 ? (lengths.at(-1) ?? 0) : 0;
    for (let times = bits.take(further) + fewest; times > 0; times--) lengths.push(repeated);
  }
  return [codesOf(lengths.slice(0, literals)), codesOf(lengths.slice(literals))];
}

/** @param {number[]} lengths of the code of each symbol; 0 for none @returns {Codes} */
function codesOf(lengths) {
  const counts = Array(LONGEST + 1).fill(0);
  for (const length of lengths) if (length) counts[length]++;
  const symbols = [];
  for (let length = 1; length <= LONGEST; length++) {
    lengths.forEach((one, symbol) => one === length && symbols.push(symbol));
  }
  return { counts, symbols };
}
