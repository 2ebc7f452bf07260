// The readings of one film as HTML: a column a network, and one line on whether they agree. As
// demo/page/panels/compare_readings.py writes them.

import { agreement, averagedReading, unreliableBeside } from "../compare.js";
import { DOTS, alikeFilms, dots, proportion } from "./alike_films.js";
import { state } from "./state.js";
import { againstLimit, escaped, isolated, percent, rounded, say } from "./words.js";

/** @typedef {import("../classify.js").Reading} Reading */
/** @typedef {import("./alike_films.js").AlikeFilms} AlikeFilms */
/** @typedef {import("./state.js").Film} Film */

const NETWORKS = ["a", "b"];
const SHARE = /\u2066?[\d.]+ ?% \[[\d.]+–[\d.]+\]\u2069?/g;

/** @param {boolean | null} positive @returns {string} */
const verdictKind = (positive) => (positive === null ? "refused" : positive ? "positive" : "negative");

/** @param {Film | null} film null or one that was not read: the columns are empty @returns {string} */
export function readingsHtml(film) {
  const readings = film?.readings ?? [];
  const beside = unreliableBeside(readings);
  const columns = NETWORKS.map((name) => {
    const refusing = beside[name]?.toUpperCase();
    const unreliable = refusing ? say("compare.unreliable", { refusing, other: name.toUpperCase() }) : "";
    return column(name, readings.find(({ network }) => network === name), unreliable);
  });
  const [line, remark] = readings.length ? agreementLines(readings) : ["", say("compare.waiting")];
  const strong = line ? `<strong>${escaped(line)}</strong> ` : "";
  const notes = (film?.notes ?? []).map((note) => `<p class='notice'>${escaped(say(note.key, note.values))}</p>`);
  return (
    `<div class='readings'>${columns.join("")}</div>` +
    `<p class='agreement' role='status'>${strong}${unbroken(remark)}</p>${notes.join("")}${averagedHtml(readings)}`
  );
}

/** @param {import("../radiograph/errors.js").Line} error why a film could not be read @returns {string} */
export function errorHtml(error) {
  return (
    `<div class='fault' role='alert'><strong>${escaped(say("compare.unreadable"))}</strong>` +
    `<p>${escaped(say(error.key, error.values))}</p><p>${escaped(say("browser.readable"))}</p></div>`
  );
}

/** The readings in a few words, above the film on narrow screens. @param {Film} film @returns {string} */
export function stripHtml({ readings, error }) {
  if (error) return `<div class='verdict-strip fault'><p>${escaped(say("compare.unreadable"))}</p></div>`;
  if (!readings?.length) return "";
  const beside = unreliableBeside(readings);
  const cells = readings.map((reading) => {
    const kind = reading.network in beside ? "unreliable" : verdictKind(reading.positive);
    const says = kind === "unreliable" ? say("strip.unreliable") : say(`verdict.${kind}`);
    const isNumber = kind === "positive" || kind === "negative";
    const number = isNumber ? ` <bdi dir='ltr'>${escaped(rounded(reading.probability))}</bdi>` : "";
    return (
      `<p class='${reading.network} ${kind}'><span class='badge'>${reading.network.toUpperCase()}</span> ` +
      `<span>${escaped(says)}${number}</span></p>`
    );
  });
  const [line, remark] = agreementLines(readings);
  return `<div class='verdict-strip'>${cells.join("")}<p class='both'>${escaped(line || remark)}</p></div>`;
}

/**
 * @param {Reading[]} readings
 * @returns {[string, string]} whether the networks agree, and how often such a pair was right or why not
 */
export function agreementLines(readings) {
  if (readings.length < 2) return ["", say("compare.one_network")];
  const verdicts = readings.map(({ positive }) => positive);
  if (agreement(verdicts) === null) {
    const lines = Object.entries(unreliableBeside(readings)).map(([other, refusing]) => {
      return say("compare.unreliable", { refusing: refusing.toUpperCase(), other: other.toUpperCase() });
    });
    return [lines.join(" "), say("compare.refused")];
  }
  return state.words.pairs[readings[0].operatingPoint][verdicts.join(" ")];
}

/** @param {string} name @param {Reading | undefined} reading @param {string} unreliable @returns {string} */
function column(name, reading, unreliable) {
  const head = `<h2>${state.words.heads[name]}</h2>${state.words.placeholders[name] ?? ""}`;
  let tone = name;
  let body;
  if (state.faults[name]) body = `<p class='notice'>${escaped(say(state.faults[name]))}</p>`;
  else if (reading === undefined) body = "<p class='verdict none'>–</p><div class='bar'></div>";
  else if (reading.refused) {
    tone += " refused";
    body = refusalHtml(reading);
  } else if (unreliable) {
    // What such a number was worth, and how good the network is, holds for chest films alone.
    tone += " unreliable";
    body = `<p class='why'>${escaped(unreliable)}</p>${verdictHtml(reading)}${barHtml(reading)}`;
  } else {
    const record = state.words.records[name][reading.operatingPoint];
    body = `${verdictHtml(reading)}${barHtml(reading)}${worthHtml(reading)}${record}`;
  }
  return `<section class='network ${tone}' aria-label='${escaped(say(`network.${name}`))}'>${head}${body}</section>`;
}

/** @param {Reading} reading @returns {string} */
function verdictHtml({ positive }) {
  const kind = verdictKind(positive);
  return `<p class='verdict ${kind}'>${escaped(say(`verdict.${kind}`))}</p>`;
}

/** @param {Reading} reading @returns {string} */
function refusalHtml(reading) {
  const { novelty, noveltyLimit, network, heatmap } = reading;
  const isMeasured = novelty !== null && noveltyLimit !== null;
  const beyond = isMeasured ? say("compare.beyond", againstLimit(novelty, noveltyLimit)) : "";
  const why = isMeasured ? `${beyond} ${state.words.refused[network]}` : say("compare.refused_unmeasured");
  const warning = say(heatmap ? "compare.all_the_same.warning" : "compare.all_the_same.warning_plain");
  const isPositive = Math.fround(reading.probability) >= reading.threshold;
  const would = say("compare.would_say", { verdict: say(`verdict.${verdictKind(isPositive)}`) });
  return (
    `${verdictHtml(reading)}<p class='why'>${unbroken(why)}</p>` +
    `<details class='all-the-same'><summary>${escaped(say("compare.all_the_same"))}</summary>` +
    `<p>${escaped(warning)}</p><p class='would-say'>${escaped(would)}</p>${barHtml(reading)}</details>`
  );
}

/** @param {Reading} reading @returns {string} */
function barHtml(reading) {
  const { explained } = state.words;
  const [probability, threshold] = [rounded(reading.probability), rounded(reading.threshold)];
  const numbers = [
    [explained.probability, probability],
    [explained.threshold, threshold],
    [explained.logit, reading.logit.toFixed(2)],
    [escaped(say("word.time")), say("compare.milliseconds", { milliseconds: reading.milliseconds.toFixed(0) })],
  ];
  let cells = numbers.map(([name, value]) => `<div><dt>${name}</dt><dd><bdi>${escaped(value)}</bdi></dd></div>`).join("");
  if (reading.novelty !== null && reading.noveltyLimit !== null) {
    const novelty = say("compare.of_limit", againstLimit(reading.novelty, reading.noveltyLimit));
    cells += `<div class='line'><dt>${explained.novelty}</dt><dd><bdi>${escaped(novelty)}</bdi></dd></div>`;
  }
  const label = escaped(say("compare.bar", { probability, threshold }));
  return (
    `<div class='bar' role='img' aria-label='${label}'>` +
    `<div class='fill' data-style='inline-size:${(reading.probability * 100).toFixed(2)}%'></div>` +
    `<div class='mark' data-style='inset-inline-start:${(reading.threshold * 100).toFixed(2)}%'></div></div>` +
    `<dl class='numbers'>${cells}</dl>`
  );
}

/** What the number was worth on known films. @param {Reading} reading @returns {string} */
function worthHtml({ network, probability }) {
  const found = Object.entries(state.page.scores[network] ?? {})
    .map(([split, scores]) => alikeFilms(pneumoscope.figures.unpacked(scores), split, probability))
    .filter((alike) => alike !== null);
  if (!found.length) return "";
  const filled = dots(found[0]);
  const circles = Array.from({ length: DOTS }, (_, place) => {
    return `<circle class='${place < filled ? "ill" : "well"}' cx='${12 * place + 6}' cy='6' r='4.5'/>`;
  });
  const [first, ...others] = found.map((alike, place) => unbroken(worthLine(network, alike, place === 0)));
  const label = escaped(say("compare.worth.dots", { filled, dots: DOTS }));
  return (
    `<div class='worth'><h3>${escaped(say("compare.worth.title"))}</h3>` +
    `<div class='strip'><svg class='dots' viewBox='0 0 ${12 * DOTS} 12' role='img' aria-label='${label}'>` +
    `${circles.join("")}</svg><small aria-hidden='true'>${escaped(say("compare.worth.legend"))}</small></div>` +
    `<p>${first}${others.map((line) => ` <small>${line}</small>`).join("")}</p></div>`
  );
}

/** @param {string} network @param {AlikeFilms} alike @param {boolean} isFirst @returns {string} */
function worthLine(network, alike, isFirst) {
  const { fixed } = pneumoscope.figures;
  const { value, low, high } = proportion(alike.pneumonia, alike.films);
  const share = isolated(`${percent(value)} [${fixed(100 * low, 1)}–${fixed(100 * high, 1)}]`);
  const counts = { films: alike.films, split: say(`word.${alike.split}`), pneumonia: alike.pneumonia, share };
  if (!isFirst) return say("compare.worth.beside", counts);
  const [least, most] = [rounded(alike.lowest), rounded(alike.highest)];
  const ends = { low: isolated(least), high: isolated(most) };
  const range = least === most ? isolated(least) : say("compare.worth.range", ends);
  return say("compare.worth", { ...counts, network: network.toUpperCase(), range });
}

/** A and B averaged, as demo/page/panels/compare_averaged.py writes them. @param {Reading[]} readings @returns {string} */
function averagedHtml(readings) {
  const reading = averagedReading(readings, state.page.averageThresholds);
  if (reading === null) return "";
  const title = `<strong>${escaped(say("evaluation.against.average"))}</strong>`;
  if (reading.refusedBy.length) {
    const why = say("compare.averaged.refused", { networks: reading.refusedBy.join(", ").toUpperCase() });
    return `<p class='averaged refused'>${title} <span>${escaped(why)}</span></p>`;
  }
  const verdict = say("compare.averaged.verdict", {
    verdict: say(`verdict.${verdictKind(reading.positive)}`),
    probability: rounded(reading.probability),
    threshold: rounded(reading.threshold),
  });
  return (
    `<details class='averaged'><summary>${title} <span>${escaped(verdict)}</span></summary>` +
    `<p class='how'>${escaped(say("compare.averaged.how"))}</p>${state.words.averaged[reading.operatingPoint]}</details>`
  );
}

/** A sentence as HTML in which no line breaks inside a share with its interval. @param {string} text @returns {string} */
function unbroken(text) {
  return escaped(text).replace(SHARE, (share) => `<span class='figure'>${share}</span>`);
}
