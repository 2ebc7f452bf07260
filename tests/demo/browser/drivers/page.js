// A page that starts the worker and waits for its answers. `films.load(networks)` and `films.read(address)` are for tests.

const worker = new Worker(new URL("worker.js", location.href), { type: "module" });
/** @type {((answer: any) => boolean)[]} */
let waiting = [];
const answers = [];
worker.addEventListener("message", ({ data }) => {
  answers.push(data);
  waiting = waiting.filter((take) => !take(data));
});

const address = (name) => new URL(name, location.href).href;

function answered(wanted) {
  return new Promise((resolve) => {
    waiting.push((answer) => {
      const isWanted = wanted(answer);
      if (isWanted) resolve(answer);
      return isWanted;
    });
  });
}

function bytesAsText(bytes) {
  let text = "";
  for (let place = 0; place < bytes.length; place += 32768)
    text += String.fromCharCode(...bytes.subarray(place, place + 32768));
  return btoa(text);
}

let films = 0;

globalThis.films = {
  answers,
  post: (message) => worker.postMessage(message),
  answered,

  /** Load networks by name, from models/NAME/. */
  async load(names = ["a", "b"], threads = 1) {
    const networks = Object.fromEntries(
      names.map((name) => [
        name,
        { card: address(`models/${name}/card.json`), model: address(`models/${name}/model.onnx`) },
      ]),
    );
    const runtime = {
      ort: address("ort.wasm.min.mjs"),
      wasmModule: address("ort-wasm-simd-threaded.mjs"),
      wasm: address("ort-wasm-simd-threaded.wasm"),
      dicomParser: address("dicom-parser.mjs"),
      openJpeg: { module: address("openjpeg.mjs"), wasm: address("openjpeg.wasm") },
      charLs: { module: address("charls.mjs"), wasm: address("charls.wasm") },
    };
    worker.postMessage({ type: "load", runtime, networks, threads });
    const { cards, faults } = await answered(({ type }) => type === "ready");
    return { cards: Object.keys(cards), faults };
  },

  /** Read the film at an address → what the worker says of it, its pixels as base64, and the milliseconds it took. */
  async read(name) {
    const file = await (await fetch(address(name))).blob();
    const id = ++films;
    const film = answered((answer) => answer.id === id);
    const end = answered((answer) => answer.id === id && answer.type !== "film");
    const started = performance.now();
    worker.postMessage({ type: "read", id, file });
    const [first, last] = [await film, await end];
    const milliseconds = performance.now() - started;
    if (first.type === "error") return { error: first.line };
    const { width, height, data } = first.film;
    const readings = (last.readings ?? []).map((reading) => ({
      ...reading,
      heatmap: reading.heatmap && { ...reading.heatmap, values: Array.from(reading.heatmap.values) },
    }));
    return {
      width,
      height,
      pixels: bytesAsText(data),
      bits: first.bits,
      notes: first.notes,
      error: last.line ?? null,
      readings,
      agree: last.agree,
      unreliable: last.unreliable,
      milliseconds,
    };
  },
};
