// Prepares films in Node: node prepare.mjs CASES.json PIXELS OUT. CASES is a list of {width, height, spec}; PIXELS holds
// the films' bytes one behind the other, OUT what becomes of them.
import { readFileSync, writeFileSync } from "node:fs";

import { prepare } from "../../../../demo/browser/prepare.js";

const [casesFile, pixelsFile, outFile] = process.argv.slice(2);
const pixels = readFileSync(pixelsFile);
const prepared = [];
let place = 0;
for (const { width, height, spec } of JSON.parse(readFileSync(casesFile, "utf8"))) {
  const data = new Uint8Array(pixels.subarray(place, place + width * height));
  prepared.push(prepare({ width, height, data }, spec));
  place += width * height;
}
writeFileSync(outFile, Buffer.concat(prepared));
