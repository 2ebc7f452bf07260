// SHA-256 of bytes. Pages that come over plain HTTP have no `crypto.subtle`, so it can be computed here (FIPS 180-4).

const ROUNDS = 64;
const BLOCK = 64; // bytes

/**
 * The first 32 bits behind the point of roots of the first primes.
 * @param {number} power
 * @param {number} count
 * @returns {Uint32Array}
 */
function rootsOfPrimes(power, count) {
  /** @type {number[]} */
  const primes = [];
  for (let number = 2; primes.length < count; number++) {
    if (primes.every((prime) => number % prime)) primes.push(number);
  }
  return Uint32Array.from(primes, (prime) => (prime ** (1 / power) % 1) * 2 ** 32);
}

const START = rootsOfPrimes(2, 8);
const CONSTANTS = rootsOfPrimes(3, ROUNDS);

/**
 * The checksum of a file.
 * @param {Uint8Array} data
 * @returns {Promise<string>} 64 hexadecimal digits
 */
export async function sha256(data) {
  const subtle = globalThis.crypto?.subtle;
  const sum = subtle
    ? new Uint8Array(await subtle.digest("SHA-256", /** @type {BufferSource} */ (data)))
    : digest(data);
  return Array.from(sum, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * @param {Uint8Array} data
 * @returns {Uint8Array} [32]
 */
export function digest(data) {
  const state = START.slice();
  const whole = data.length - (data.length % BLOCK);
  const words = new DataView(data.buffer, data.byteOffset, data.byteLength);
  for (let place = 0; place < whole; place += BLOCK) mix(state, words, place);
  const rest = data.length - whole;
  const tail = new Uint8Array(rest < BLOCK - 8 ? BLOCK : 2 * BLOCK);
  tail.set(data.subarray(whole));
  tail[rest] = 0x80;
  const view = new DataView(tail.buffer);
  view.setBigUint64(tail.length - 8, BigInt(data.length) * 8n);
  for (let place = 0; place < tail.length; place += BLOCK) mix(state, view, place);
  const sum = new DataView(new ArrayBuffer(32));
  state.forEach((word, index) => sum.setUint32(4 * index, word));
  return new Uint8Array(sum.buffer);
}

const schedule = new Uint32Array(ROUNDS);

/** @param {number} word @param {number} bits @returns {number} */
const turn = (word, bits) => (word >>> bits) | (word << (32 - bits));

/** @param {Uint32Array} state is changed @param {DataView} data @param {number} place of the block */
function mix(state, data, place) {
  for (let round = 0; round < ROUNDS; round++) {
    if (round < 16) {
      schedule[round] = data.getUint32(place + 4 * round);
      continue;
    }
    const [two, fifteen] = [schedule[round - 2], schedule[round - 15]];
    const later = turn(two, 17) ^ turn(two, 19) ^ (two >>> 10);
    const earlier = turn(fifteen, 7) ^ turn(fifteen, 18) ^ (fifteen >>> 3);
    schedule[round] = schedule[round - 16] + earlier + schedule[round - 7] + later;
  }
  let [a, b, c, d, e, f, g, h] = state;
  for (let round = 0; round < ROUNDS; round++) {
    const choice = (e & f) ^ (~e & g);
    const first = (h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + choice + CONSTANTS[round] + schedule[round]) | 0;
    const second = ((turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    [h, g, f, e, d, c, b, a] = [g, f, e, (d + first) | 0, c, b, a, (first + second) | 0];
  }
  [a, b, c, d, e, f, g, h].forEach((value, index) => (state[index] += value));
}
