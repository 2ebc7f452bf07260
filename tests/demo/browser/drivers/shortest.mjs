// Prints the fewest digits of floats, a line for each: node shortest.mjs FLOATS, a file of float32.
import { readFileSync } from "node:fs";

import { shortest } from "../../../../demo/browser/classify.js";

const bytes = readFileSync(process.argv[2]);
const floats = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
console.log(Array.from(floats, shortest).join("\n"));
