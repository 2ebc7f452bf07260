// Reads films in Node: node read.mjs CASES.json FILES OUT. CASES is a list of the films' sizes in bytes; FILES holds them
// one behind the other, OUT what becomes of them as JSON, their pixels as base64. It has no libraries.
import { readFileSync, writeFileSync } from "node:fs";

import { readRadiograph } from "../../../../demo/browser/radiograph/reading.js";

const [casesFile, filmsFile, outFile] = process.argv.slice(2);
const films = readFileSync(filmsFile);
const answers = [];
let place = 0;
for (const size of JSON.parse(readFileSync(casesFile, "utf8"))) {
  const data = new Uint8Array(films.subarray(place, place + size));
  place += size;
  try {
    const { film, notes, bits } = await readRadiograph(data, null);
    const pixels = Buffer.from(film.data).toString("base64");
    answers.push({ width: film.width, height: film.height, pixels, notes, bits, error: null });
  } catch (error) {
    if (error.key === undefined) throw error;
    answers.push({ error: { key: error.key, values: error.values } });
  }
}
writeFileSync(outFile, JSON.stringify(answers));
