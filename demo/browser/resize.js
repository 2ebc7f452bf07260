// Resizing as OpenCV does it, to the bit: what stands in a network's input must not hang on who prepared it.
//
// Source: OpenCV 5 (Apache-2.0), INTER_AREA and INTER_CUBIC of 8-bit pictures of one channel, described in own words:
// areas and cubic splines are weighted in float32, which Math.fround keeps to at each step. The order of the steps in
// the splines is the one of its builds for x86-64 with FMA; found by experiment, and held by tests/demo/browser.

/**
 * A grey picture.
 * @typedef {object} Grey
 * @property {number} width pixels
 * @property {number} height pixels
 * @property {Uint8Array} data row by row, width × height; bright = dense where it is a film
 */

const CUBIC_TAPS = 4;
const COLUMNS_AT_ONCE = 4;
const LEAST_OVERLAP = 1e-3; // of a pixel; a smaller part does not count
const EXACT = 2.220446049250313e-16; // how near to a whole number a scale counts as one

/**
 * Round to the nearest whole number, halves to the even one, as IEEE 754, NumPy and OpenCV do.
 * @param {number} value
 * @returns {number}
 */
export function roundHalfEven(value) {
  const below = Math.floor(value);
  const rest = value - below;
  if (rest !== 0.5) return rest < 0.5 ? below : below + 1;
  return below % 2 === 0 ? below : below + 1;
}

/**
 * Resize: a side that shrinks is averaged, a side that grows is interpolated.
 * @param {Grey} film
 * @param {number} width of the result
 * @param {number} height of the result
 * @returns {Grey} a new picture
 */
export function resize(film, width, height) {
  const fewer = { width: Math.min(width, film.width), height: Math.min(height, film.height) };
  let resized = film;
  if (fewer.width !== film.width || fewer.height !== film.height) {
    resized = shrink(film, fewer.width, fewer.height);
  }
  if (fewer.width !== width || fewer.height !== height) return enlarge(resized, width, height);
  return resized === film ? { ...film, data: film.data.slice() } : resized;
}

/**
 * Average over areas (INTER_AREA); neither side grows.
 * @param {Grey} film
 * @param {number} width
 * @param {number} height
 * @returns {Grey}
 */
export function shrink(film, width, height) {
  const across = 1 / (width / film.width);
  const down = 1 / (height / film.height);
  const isWhole = Math.abs(across - Math.trunc(across)) < EXACT && Math.abs(down - Math.trunc(down)) < EXACT;
  const data = isWhole
    ? averageBlocks(film, width, height, Math.trunc(across), Math.trunc(down))
    : averageAreas(film, width, height, areaWeights(film.width, width, across), areaWeights(film.height, height, down));
  return { width, height, data };
}

/**
 * Blocks of whole pixels.
 * @param {Grey} film
 * @param {number} width
 * @param {number} height
 * @param {number} across pixels of a block
 * @param {number} down rows of a block
 * @returns {Uint8Array}
 */
function averageBlocks(film, width, height, across, down) {
  const data = new Uint8Array(width * height);
  const isFour = across === 2 && down === 2;
  const share = Math.fround(1 / (across * down));
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      let sum = 0;
      for (let row = 0; row < down; row++) {
        const start = (y * down + row) * film.width + x * across;
        for (let place = start; place < start + across; place++) sum += film.data[place];
      }
      data[y * width + x] = isFour ? (sum + 2) >> 2 : roundHalfEven(Math.fround(Math.fround(sum) * share));
    }
  }
  return data;
}

/**
 * Which pixels of a line make up each pixel of a shorter one, and with what weight.
 * @typedef {{from: Int32Array, to: Int32Array, weight: Float32Array}} AreaWeights
 */

/**
 * @param {number} pixels of the line
 * @param {number} fewer pixels of the shorter line
 * @param {number} scale pixels in each of the fewer
 * @returns {AreaWeights} ascending by `to`
 */
function areaWeights(pixels, fewer, scale) {
  /** @type {number[]} */
  const from = [];
  /** @type {number[]} */
  const to = [];
  /** @type {number[]} */
  const weight = [];
  const add = (/** @type {number} */ source, /** @type {number} */ target, /** @type {number} */ share) => {
    from.push(source);
    to.push(target);
    weight.push(share);
  };
  for (let target = 0; target < fewer; target++) {
    const start = target * scale;
    const end = start + scale;
    const extent = Math.min(scale, pixels - start);
    const last = Math.min(Math.floor(end), pixels - 1);
    const first = Math.min(Math.ceil(start), last);
    if (first - start > LEAST_OVERLAP) add(first - 1, target, (first - start) / extent);
    for (let source = first; source < last; source++) add(source, target, 1 / extent);
    if (end - last > LEAST_OVERLAP) add(last, target, Math.min(Math.min(end - last, 1), extent) / extent);
  }
  return { from: Int32Array.from(from), to: Int32Array.from(to), weight: Float32Array.from(weight) };
}

/**
 * @param {Grey} film
 * @param {number} width
 * @param {number} height
 * @param {AreaWeights} columns
 * @param {AreaWeights} rows
 * @returns {Uint8Array}
 */
function averageAreas(film, width, height, columns, rows) {
  const data = new Uint8Array(width * height);
  const line = new Float32Array(width);
  const sum = new Float32Array(width);
  const { fround } = Math;
  for (let index = 0; index < rows.from.length; index++) {
    line.fill(0);
    const start = rows.from[index] * film.width;
    for (let place = 0; place < columns.from.length; place++) {
      line[columns.to[place]] += fround(film.data[start + columns.from[place]] * columns.weight[place]);
    }
    const weight = rows.weight[index];
    const isFirst = index === 0 || rows.to[index] !== rows.to[index - 1];
    for (let x = 0; x < width; x++) sum[x] = isFirst ? weight * line[x] : sum[x] + fround(weight * line[x]);
    if (index + 1 === rows.from.length || rows.to[index + 1] !== rows.to[index]) {
      const target = rows.to[index] * width;
      for (let x = 0; x < width; x++) data[target + x] = roundHalfEven(sum[x]);
    }
  }
  return data;
}

/**
 * Interpolate with cubic splines (INTER_CUBIC, a = -0.75); neither side shrinks.
 * @param {Grey} film
 * @param {number} width
 * @param {number} height
 * @returns {Grey}
 */
export function enlarge(film, width, height) {
  const { fround } = Math;
  const columns = cubicWeights(film.width, width);
  const rows = cubicWeights(film.height, height);
  const lines = new Float32Array(width * film.height); // each row interpolated across
  const sums = sumsOfColumns(columns.from);
  for (let y = 0; y < film.height; y++) {
    const row = film.data.subarray(y * film.width, (y + 1) * film.width);
    for (let x = 0; x < width; x++) lines[y * width + x] = sums[x](row, columns, x * CUBIC_TAPS);
  }
  const data = new Uint8Array(width * height);
  for (let y = 0, tap = 0; y < height; y++, tap += CUBIC_TAPS) {
    const [first, second, third, fourth] = rows.from.subarray(tap, tap + CUBIC_TAPS).map((row) => row * width);
    const [one, two, three, four] = rows.weight.subarray(tap, tap + CUBIC_TAPS);
    for (let x = 0; x < width; x++) {
      // Where OpenCV multiplies and adds in one step, a product is not rounded: a double holds all of it.
      const upper = fround(lines[first + x] * one + fround(lines[second + x] * two));
      const lower = fround(lines[third + x] * three + fround(lines[fourth + x] * four));
      data[y * width + x] = Math.min(Math.max(roundHalfEven(fround(upper + lower)), 0), 255);
    }
  }
  return { width, height, data };
}

/**
 * Where four pixels of a row stand, and their weights.
 * @typedef {{from: Int32Array, weight: Float32Array}} CubicWeights each [N × 4]
 */

/**
 * How each column is summed up. Where all four pixels are in the row, four columns are computed at once; what is left
 * at the end is computed by other steps, and so is what lies at either end of the row.
 * @param {Int32Array} from [N × 4]
 * @returns {((row: Uint8Array, columns: CubicWeights, tap: number) => number)[]}
 */
function sumsOfColumns(from) {
  const isInside = Array.from({ length: from.length / CUBIC_TAPS }, (_, x) => {
    return from[x * CUBIC_TAPS + CUBIC_TAPS - 1] - from[x * CUBIC_TAPS] === CUBIC_TAPS - 1;
  });
  const end = isInside.lastIndexOf(true) + 1;
  const leftOver = end - (isInside.filter(Boolean).length % COLUMNS_AT_ONCE);
  return isInside.map((inside, x) => (inside ? (x < leftOver ? sumOfPairs : sumOfLeftOver) : sumAtEnd));
}

/** @param {Uint8Array} row @param {CubicWeights} columns @param {number} tap @returns {number} */
function sumOfPairs(row, { from, weight }, tap) {
  const { fround } = Math;
  const left = fround(fround(row[from[tap]] * weight[tap]) + fround(row[from[tap + 1]] * weight[tap + 1]));
  return left + fround(fround(row[from[tap + 2]] * weight[tap + 2]) + fround(row[from[tap + 3]] * weight[tap + 3]));
}

/** @param {Uint8Array} row @param {CubicWeights} columns @param {number} tap @returns {number} */
function sumOfLeftOver(row, { from, weight }, tap) {
  const { fround } = Math;
  const even = fround(fround(row[from[tap]] * weight[tap]) + fround(row[from[tap + 2]] * weight[tap + 2]));
  return even + fround(fround(row[from[tap + 1]] * weight[tap + 1]) + fround(row[from[tap + 3]] * weight[tap + 3]));
}

/** @param {Uint8Array} row @param {CubicWeights} columns @param {number} tap @returns {number} */
function sumAtEnd(row, { from, weight }, tap) {
  let sum = 0;
  for (let place = tap; place < tap + CUBIC_TAPS; place++) sum = Math.fround(row[from[place]] * weight[place] + sum);
  return sum;
}

/**
 * The four pixels of a line around each pixel of a longer one, and their weights; beyond an end its pixel repeats.
 * @param {number} pixels
 * @param {number} more
 * @returns {CubicWeights}
 */
function cubicWeights(pixels, more) {
  const { fround } = Math;
  const scale = pixels / more;
  const from = new Int32Array(more * CUBIC_TAPS);
  const weight = new Float32Array(more * CUBIC_TAPS);
  for (let target = 0; target < more; target++) {
    const place = (target + 0.5) * scale - 0.5;
    const before = Math.floor(place);
    const share = fround(1 + fround(place - before)) - 1; // it keeps 23 bits behind the point
    weight.set(cubicShares(share), target * CUBIC_TAPS);
    for (let tap = 0; tap < CUBIC_TAPS; tap++) {
      from[target * CUBIC_TAPS + tap] = Math.min(Math.max(before - 1 + tap, 0), pixels - 1);
    }
  }
  return { from, weight };
}

/**
 * @param {number} x how far behind the second of four pixels, in 0..1
 * @returns {number[]} the four weights, which add up to 1
 */
function cubicShares(x) {
  const a = -0.75;
  return [
    a * x - 2 * a * x * x + a * x * x * x,
    1 - (a + 3) * x * x + (a + 2) * x * x * x,
    -a * x + (2 * a + 3) * x * x - (a + 2) * x * x * x,
    a * x * x - a * x * x * x,
  ];
}
