// The films of this session: how they come, and that they are read one after the other, the one on screen first.

import { decide } from "../classify.js";
import { loadNetworks, readFilm } from "./networks.js";
import { state } from "./state.js";

/** @typedef {import("../messages.js").Answer} Answer */
/** @typedef {import("./state.js").Film} Film */

let ids = 0;
/** @type {Film | null} */
let reading = null;
/** @type {{changed: (film: Film | null) => void, progressed: () => void}} */
let told = { changed() {}, progressed() {} };

/**
 * Load networks, and from then on read films.
 * @param {string[]} networks
 * @param {{changed: (film: Film | null) => void, progressed: () => void}} tell `changed` when a film was decoded, read
 *   or found unreadable, or (null) the networks are there; `progressed` while they come
 */
export function start(networks, tell) {
  told = tell;
  state.isReady = false;
  loadNetworks(networks, take);
  for (const film of state.films) film.readings = null; // by other networks
  if (reading) readFilm(reading.id, reading.file);
}

/** @param {{name: string, file: Blob}[]} files @returns {Film[]} as films of this session */
export function addFilms(files) {
  const added = files.map(({ name, file }) => {
    return { id: ++ids, name, file, pixels: null, bits: 8, notes: [], readings: null, error: null };
  });
  state.films.push(...added);
  return added;
}

/** Put a film on screen. @param {Film} film */
export function open(film) {
  if (state.current && state.current !== film) state.current.pixels = null;
  state.current = film;
  next();
}

/** Read what waits, if nothing is being read. */
export function next() {
  if (reading) return;
  const isWaiting = (/** @type {Film} */ film) => !film.error && (film.readings === null || film === state.current && !film.pixels);
  const film = state.current && isWaiting(state.current) ? state.current : state.films.find(isWaiting);
  if (!film) return;
  reading = film;
  readFilm(film.id, film.file);
}

/** @returns {Film | null} the film that is read now */
export const beingRead = () => reading;

/** Forget all films; one that is being read is forgotten when it is. */
export function clear() {
  state.films = [];
  state.current = null;
}

/** Evaluate all films at another operating point; no network runs. @param {string} point */
export function decideAt(point) {
  state.point = point;
  for (const film of state.films) if (film.readings) film.readings = film.readings.map(decided);
}

/** @param {import("../classify.js").Reading} reading */
const decided = (reading) => decide(reading, state.cards[reading.network], state.point);

/** @param {Answer} answer */
function take(answer) {
  if (answer.type === "progress") return told.progressed();
  if (answer.type === "ready") {
    Object.assign(state, { isReady: true, cards: answer.cards });
    Object.assign(state.faults, answer.faults);
    next();
    return told.changed(null);
  }
  const film = reading;
  if (!film || film.id !== answer.id) return;
  if (answer.type === "film") {
    Object.assign(film, { notes: answer.notes, bits: answer.bits });
    if (film === state.current) film.pixels = answer.film;
    return told.changed(film);
  }
  if (answer.type === "error") film.error = answer.line;
  if (answer.type === "readings") film.readings = answer.readings.map(decided);
  reading = null;
  told.changed(film);
  next();
}
