// A heatmap over its film: colours and lines, as demo/inference/heatmap_drawing.py draws them.

import { contours } from "./contours.js";
import { state } from "./state.js";
import { escaped, percent, say } from "./words.js";

/** @typedef {import("../classify.js").Heatmap} Heatmap */
/** @typedef {import("../classify.js").Reading} Reading */
/** @typedef {import("../prepare.js").PrepareSpec} PrepareSpec */
/** @typedef {import("./state.js").Film} Film */
/** @typedef {{x: number, y: number, width: number, height: number}} Area in shares of the film */

const SMOOTHED = 2; // pixels that OpenCV's smoothed lines are wider than they are asked to be

/**
 * Two pictures a network that lie over the film, hidden until asked for: its colours, and its lines above them.
 * @param {Film} film that was read
 * @returns {Promise<HTMLImageElement[]>}
 */
export async function heatmapLayers({ pixels, readings }) {
  if (!pixels || !readings) return [];
  const layers = [];
  for (const { network, refused, heatmap } of readings) {
    if (heatmap === null) continue;
    const scale = state.page.heatmap.side / Math.max(pixels.width, pixels.height);
    const [width, height] = [pixels.width, pixels.height].map((side) => Math.max(1, Math.round(side * scale)));
    const area = covered(state.cards[network].prepare, pixels.width, pixels.height);
    // Half as fine is enough for what is smooth: the browser enlarges it.
    const [columns, rows] = [Math.ceil(width / 2), Math.ceil(height / 2)];
    const values = overFilm(heatmap, columns, rows, area);
    const pictures = { colours: colours(values, columns, rows), lines: lines(values, columns, rows, width, height) };
    for (const [kind, canvas] of Object.entries(pictures)) {
      const picture = new Image();
      picture.className = `layer ${network}${refused ? " refused" : ""} ${kind}`;
      picture.alt = "";
      picture.draggable = false;
      picture.src = await pictureAddress(canvas, "image/png");
      layers.push(picture);
    }
  }
  return layers;
}

/** The scale, and a sentence for each network in which nothing stands out. @param {Film} film @returns {string} */
export function legendHtml({ readings }) {
  const shown = (readings ?? []).filter(({ heatmap }) => heatmap !== null);
  if (!shown.length) return "";
  const faint = shown.map((reading) => {
    const sentence = faintSentence(reading);
    const kind = `faint ${reading.network}${reading.refused ? " refused" : ""}`;
    return sentence ? `<p class='${kind}'>${escaped(sentence)}</p>` : "";
  });
  const [title, how] = [escaped(say("heatmap.scale")), escaped(say("heatmap.lines"))];
  return (
    `<div class='heatmap-legend'><p class='scale'>${title}<span role='img' aria-label='${title}, 0–1'>` +
    `${state.words.html.legend}</span></p><p class='how'>${how}</p>${faint.join("")}</div>`
  );
}

/**
 * A canvas as an address that lasts as long as the page. @param {HTMLCanvasElement} canvas @param {string} kind
 * @returns {Promise<string>}
 */
export function pictureAddress(canvas, kind) {
  return new Promise((resolve) => canvas.toBlob((blob) => resolve(blob ? URL.createObjectURL(blob) : "data:,"), kind, 0.92));
}

/** @param {Reading} reading @returns {string} "" where something stands out */
function faintSentence({ network, heatmap }) {
  const strongest = Math.min(Math.max(0, .../** @type {Heatmap} */ (heatmap).values), 1);
  if (strongest >= state.page.heatmap.standsOut) return "";
  if (strongest === 0) return say("heatmap.nothing", { network: network.toUpperCase() });
  const share = strongest < 0.01 ? `<${percent(0.01, 0)}` : percent(Math.floor(strongest * 100) / 100, 0);
  return say("heatmap.faint", { network: network.toUpperCase(), share });
}

/** Which part of a film the network was given. @param {PrepareSpec} spec @param {number} width @param {number} height @returns {Area} */
function covered(spec, width, height) {
  const crop = spec.centre_crop ?? 1;
  const inner = { x: (1 - crop) / 2, y: (1 - crop) / 2, width: crop, height: crop };
  if (spec.resize === "squash") return inner;
  const [wide, high] = [width * crop, height * crop];
  const edge = spec.resize === "crop" ? Math.min(wide, high) : Math.max(wide, high);
  return { x: (width - edge) / 2 / width, y: (height - edge) / 2 / height, width: edge / width, height: edge / height };
}

/**
 * A heatmap enlarged over the film: a cell's middle keeps its value, what is between lies between, without a crease.
 * @param {Heatmap} heatmap
 * @param {number} columns
 * @param {number} rows
 * @param {Area} area
 * @returns {Float32Array} [rows × columns], 0 where the network saw nothing
 */
function overFilm(heatmap, columns, rows, area) {
  const across = weights(heatmap.width, columns, area.x, area.width);
  const down = weights(heatmap.height, rows, area.y, area.height);
  const values = new Float32Array(rows * columns);
  const cell = (/** @type {number} */ y, /** @type {number} */ x) => {
    const value = heatmap.values[y * heatmap.width + x];
    return value > 0 ? Math.min(value, 1) : 0; // a value that is no number is none
  };
  down.forEach((row, y) => {
    if (row === null) return;
    across.forEach((column, x) => {
      if (column === null) return;
      const [upper, lower] = [row.before, row.after].map((line) => {
        return cell(line, column.before) * (1 - column.share) + cell(line, column.after) * column.share;
      });
      values[y * columns + x] = upper * (1 - row.share) + lower * row.share;
    });
  });
  return values;
}

/** @param {number} cells @param {number} samples @param {number} start @param {number} length in shares of the film */
function weights(cells, samples, start, length) {
  return Array.from({ length: samples }, (_, sample) => {
    const place = ((sample + 0.5) / samples - start) / length;
    if (place < 0 || place > 1) return null;
    const exact = Math.min(Math.max(place * cells - 0.5, 0), cells - 1);
    const before = Math.min(Math.floor(exact), Math.max(cells - 2, 0));
    const share = exact - before;
    return { before, after: Math.min(before + 1, cells - 1), share: share * share * (3 - 2 * share) };
  });
}

/** @param {number} width @param {number} height @returns {[HTMLCanvasElement, CanvasRenderingContext2D]} */
function canvasOf(width, height) {
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width, height });
  return [canvas, /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"))];
}

/** @param {Float32Array} values @param {number} width @param {number} height @returns {HTMLCanvasElement} */
function colours(values, width, height) {
  const palette = Uint8Array.from(atob(state.page.heatmap.colours), (letter) => letter.charCodeAt(0));
  const [canvas, context] = canvasOf(width, height);
  const picture = context.createImageData(width, height);
  values.forEach((value, place) => {
    const level = Math.round(value * 255);
    picture.data.set([...palette.subarray(3 * level, 3 * level + 3), level], 4 * place);
  });
  context.putImageData(picture, 0, 0);
  return canvas;
}

/**
 * @param {Float32Array} values @param {number} columns @param {number} rows
 * @param {number} width @param {number} height of the picture, in pixels
 * @returns {HTMLCanvasElement} white lines within black ones, broken at the lower level
 */
function lines(values, columns, rows, width, height) {
  const [canvas, context] = canvasOf(width, height);
  context.scale(width / columns, height / rows);
  const scale = columns / width;
  context.lineJoin = context.lineCap = "round";
  for (const { level, black, white, dash, gap } of state.page.heatmap.contours) {
    const found = contours(values, columns, rows, level);
    const stroke = (/** @type {string} */ colour, /** @type {number} */ thickness, /** @type {number} */ space) => {
      context.strokeStyle = colour;
      context.lineWidth = (thickness + SMOOTHED) * scale;
      for (const line of found) {
        const period = space ? lengthOf(line) / Math.max(1, Math.round(lengthOf(line) / ((dash + gap) * scale))) : 0;
        context.setLineDash(space ? [(period * dash) / (dash + gap), (period * gap) / (dash + gap)] : []);
        context.beginPath();
        line.forEach(([x, y]) => context.lineTo(x + 0.5, y + 0.5));
        context.closePath();
        context.stroke();
      }
    };
    stroke("#000", black, 0);
    stroke("#fff", white, gap);
  }
  return canvas;
}

/** @param {[number, number][]} line closed @returns {number} */
function lengthOf(line) {
  return line.reduce((sum, [x, y], place) => {
    const [nextX, nextY] = line[(place + 1) % line.length];
    return sum + Math.hypot(nextX - x, nextY - y);
  }, 0);
}
