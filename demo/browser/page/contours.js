// Where a smooth field crosses a level: closed lines, found by marching squares.

/** Edges of a cell (0 top, 1 right, 2 bottom, 3 left) that a line joins, by which corners are inside. */
const JOINED = [
  [], [[3, 0]], [[0, 1]], [[3, 1]], [[1, 2]], [[3, 0], [1, 2]], [[0, 2]], [[3, 2]],
  [[2, 3]], [[2, 0]], [[0, 1], [2, 3]], [[2, 1]], [[1, 3]], [[1, 0]], [[0, 3]], [],
];

/**
 * @param {Float32Array} values [H × W]
 * @param {number} width
 * @param {number} height
 * @param {number} level
 * @returns {[number, number][][]} closed lines of (x, y), in samples; the field is 0 around its edge
 */
export function contours(values, width, height, level) {
  const columns = width + 2; // one sample of 0 around it: a line at the edge is closed, not lost
  const rows = height + 2;
  const at = (/** @type {number} */ x, /** @type {number} */ y) => {
    return x < 1 || y < 1 || x > width || y > height ? 0 : values[(y - 1) * width + x - 1];
  };
  /** @type {Map<number, number[]>} an edge → the edges that lines lead to from it */
  const links = new Map();
  const link = (/** @type {number} */ one, /** @type {number} */ other) => {
    if (!links.has(one)) links.set(one, []);
    /** @type {number[]} */ (links.get(one)).push(other);
  };
  for (let y = 0; y + 1 < rows; y++) {
    for (let x = 0; x + 1 < columns; x++) {
      const inside = [at(x, y), at(x + 1, y), at(x + 1, y + 1), at(x, y + 1)].map((value) => value >= level);
      const joined = JOINED[inside.reduce((sum, is, corner) => sum + (is ? 1 << corner : 0), 0)];
      const corner = 2 * (y * columns + x);
      const edges = [corner, corner + 3, corner + 2 * columns, corner + 1];
      for (const [one, other] of joined) {
        link(edges[one], edges[other]);
        link(edges[other], edges[one]);
      }
    }
  }
  const point = (/** @type {number} */ edge) => {
    const [x, y] = [(edge >> 1) % columns, Math.floor((edge >> 1) / columns)];
    const [dx, dy] = edge % 2 ? [0, 1] : [1, 0];
    const [first, second] = [at(x, y), at(x + dx, y + dy)];
    const share = (level - first) / (second - first);
    return /** @type {[number, number]} */ ([x + dx * share - 1, y + dy * share - 1]);
  };
  return loops(links).map((edges) => edges.map(point));
}

/** @param {Map<number, number[]>} links is emptied @returns {number[][]} */
function loops(links) {
  const found = [];
  for (const start of links.keys()) {
    const line = [];
    /** @type {number | undefined} */
    let edge = start;
    while (edge !== undefined && links.get(edge)?.length) {
      line.push(edge);
      const next = /** @type {number} */ (links.get(edge)?.pop());
      const back = /** @type {number[]} */ (links.get(next));
      back.splice(back.indexOf(edge), 1);
      edge = next;
    }
    if (line.length > 2) found.push(line);
  }
  return found;
}
