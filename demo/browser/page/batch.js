// The list of all films of this session.

import { asComparison, unreliableBeside } from "../compare.js";
import { state } from "./state.js";
import { escaped, rounded, say } from "./words.js";

/** @typedef {import("./state.js").Film} Film */

/** @returns {string} */
export function batchHtml() {
  const { films } = state;
  if (!films.length) return `<p class='batch-empty'>${escaped(say("browser.batch_empty"))}</p>`;
  const done = films.filter(({ readings, error }) => readings || error).length;
  const label = escaped(say("batch.progress", { done, films: films.length }));
  const heads = [say("batch.film"), "A", "B", say("batch.both")].map((head) => `<th scope='col'>${escaped(head)}</th>`);
  return (
    `<div class='batch-progress'><label for='batch-progress'>${label}</label>` +
    `<progress id='batch-progress' max='${films.length}' value='${done}'>${label}</progress></div>` +
    `<div class='batch-table'><table id='batch-readings'><thead><tr>${heads.join("")}</tr></thead>` +
    `<tbody>${films.map(row).join("")}</tbody></table></div>`
  );
}

/** All films as `predict --json` prints them, but for the words of what could not be read. @returns {string} */
export function batchJson() {
  const objects = state.films.map(({ name, readings, error }) => ({
    path: name,
    ...(readings ? asComparison(readings) : { readings: {}, agree: null }),
    error: error ? say(error.key, error.values) : null,
  }));
  return `${JSON.stringify(objects, null, 2)}\n`;
}

/** @param {Film} film @returns {string} */
function row({ id, name, readings, error }) {
  const label = escaped(say("batch.open", { name }));
  const head = `<th scope='row'><button type='button' data-film='${id}' aria-label='${label}'><bdi>${escaped(name)}</bdi></button></th>`;
  if (error) return `<tr class='unread'>${head}<td colspan='3'>${escaped(say(error.key, error.values))}</td></tr>`;
  if (!readings) return `<tr>${head}<td>…</td><td>…</td><td></td></tr>`;
  const beside = unreliableBeside(readings);
  const cells = ["a", "b"].map((network) => {
    const reading = readings.find((one) => one.network === network);
    const letter = network.toUpperCase();
    if (!reading) return `<td data-column='${letter}'>–</td>`;
    if (reading.refused) return `<td class='refused' data-column='${letter}'>${escaped(say("verdict.refused"))}</td>`;
    const kind = reading.positive ? "positive" : "negative";
    const tone = network in beside ? "unreliable" : kind;
    const number = `<bdi dir='ltr'>${escaped(rounded(reading.probability))}</bdi>`;
    return `<td class='says ${tone}' data-column='${letter}'>${escaped(say(`verdict.${kind}`))} ${number}</td>`;
  });
  const isRefused = readings.some(({ refused }) => refused);
  return `<tr class='${isRefused ? "refused" : ""}'>${head}${cells.join("")}${both(readings, beside)}</tr>`;
}

/** @param {import("../classify.js").Reading[]} readings @param {Record<string, string>} beside @returns {string} */
function both(readings, beside) {
  const [pair] = Object.entries(beside);
  if (pair) {
    const [other, refusing] = pair.map((name) => name.toUpperCase());
    return `<td>${escaped(say("batch.row.unreliable", { refusing, other }))}</td>`;
  }
  if (readings.length < 2 || readings.some(({ refused }) => refused)) return `<td>${escaped(say("batch.row.unjudged"))}</td>`;
  const kind = readings[0].positive === readings[1].positive ? "agree" : "differ";
  return `<td class='${kind}'>${escaped(say(`batch.row.${kind}`))}</td>`;
}
