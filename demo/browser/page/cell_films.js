// The films that one number of a confusion matrix counts, as demo/page/panels/evaluation/cell_films.py lists them.

import { escaped, rounded, say } from "./words.js";

/** @typedef {{network: string, cell: string, threshold: number}} Asked */

const MOST_FILMS = 400;

/**
 * List a cell's films, those nearest to the threshold first; films as near by name.
 * @param {{probabilities: string, labels: string}} scores packed, from the highest probability down
 * @param {string[]} names of the films, in the same order
 * @param {Asked} asked
 * @returns {string}
 */
export function cellFilmsHtml(scores, names, { network, cell, threshold }) {
  const { values } = pneumoscope.figures.unpacked(scores);
  const films = names
    .map((name, place) => ({ name, probability: values[place], isIll: scores.labels[place] === "1" }))
    .filter(({ probability, isIll }) => {
      return probability >= threshold === (cell[1] === "p") && isIll === (cell === "tp" || cell === "fn");
    })
    .map((film) => ({ ...film, distance: Math.abs(film.probability - threshold) }))
    .sort((one, other) => one.distance - other.distance || (one.name < other.name ? -1 : 1));
  const words = {
    network: say(`network.${network}`),
    threshold: threshold.toFixed(3),
    films: films.length.toLocaleString("en-US"),
  };
  const title = escaped(say(`evaluation.cell.${cell}`, words));
  const items = films.slice(0, MOST_FILMS).map(({ name, probability }) => {
    return `<li><span class='name' dir='ltr'>${escaped(name)}</span> <bdi>${escaped(rounded(probability))}</bdi></li>`;
  });
  const more = films.length - MOST_FILMS;
  const rest =
    more > 0
      ? `<p class='how'>${escaped(say("evaluation.cell.more", { films: more.toLocaleString("en-US") }))}</p>`
      : "";
  return (
    `<section class='cell-films' aria-label='${title}'><h3 tabindex='-1'>${title}</h3>` +
    `<p class='how'>${escaped(say("browser.cell_how"))}</p><ul>${items.join("")}</ul>${rest}</section>`
  );
}
