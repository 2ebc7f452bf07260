// Keeps the program, and nothing else, in the browser: the files of FILES (path → SHA-256), which the program that wrote
// this folder puts before this line. Another checksum makes this file another one, which is how a browser notices.

/** @type {Record<string, string>} */
const FILES = globalThis.pneumoscopeProgram;
const scope = new URL("./", location.href);
/** Of this copy alone: an origin may have several, in folders of their own. */
const KEPT = `pneumoscope ${scope.pathname}`;
const ONCE_SHARED = "pneumoscope"; // by all copies of an origin

/** A file is kept under its checksum, so that an older program finds its own until it has ended. */
const keyOf = (/** @type {string} */ path) => `${new URL(path, scope).href}?sha256=${FILES[path]}`;

/** @param {string} path @param {RequestCache} cache @returns {Promise<[Response, string]>} and its checksum */
async function fetched(path, cache) {
  const answer = await fetch(new URL(path, scope), { cache });
  if (!answer.ok) throw new Error(path);
  const content = await answer.arrayBuffer();
  const sum = new Uint8Array(await crypto.subtle.digest("SHA-256", content));
  const text = Array.from(sum, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return [new Response(content, { headers: answer.headers }), text];
}

async function keepAll() {
  const cache = await caches.open(KEPT);
  for (const path of Object.keys(FILES)) {
    if (await cache.match(keyOf(path))) continue;
    let [answer, sum] = await fetched(path, "default");
    if (sum !== FILES[path]) [answer, sum] = await fetched(path, "reload"); // an older one was kept on the way
    if (sum !== FILES[path]) throw new Error(path);
    await cache.put(keyOf(path), answer);
  }
}

async function forgetOthers() {
  const cache = await caches.open(KEPT);
  const keys = new Set(Object.keys(FILES).map(keyOf));
  for (const request of await cache.keys()) if (!keys.has(request.url)) await cache.delete(request);
}

/** Take what is this copy's out of the cache that all copies once shared. */
async function leaveShared() {
  if (!(await caches.has(ONCE_SHARED))) return;
  const cache = await caches.open(ONCE_SHARED);
  for (const request of await cache.keys()) if (pathOf(new URL(request.url))) await cache.delete(request);
  if (!(await cache.keys()).length) await caches.delete(ONCE_SHARED);
}

/** @param {URL} asked @returns {string | null} the path of a file of ours */
function pathOf(asked) {
  if (!asked.href.startsWith(scope.href)) return null;
  const path = decodeURIComponent(asked.pathname.slice(scope.pathname.length)) || "index.html";
  return Object.hasOwn(FILES, path) ? path : null;
}

/** @param {any} event */
async function answered({ request }) {
  const path = pathOf(new URL(request.url));
  const kept = path && (await (await caches.open(KEPT)).match(keyOf(path)));
  return kept || fetch(request);
}

addEventListener("install", (/** @type {any} */ event) => event.waitUntil(keepAll()));
addEventListener("activate", (/** @type {any} */ event) => {
  event.waitUntil(Promise.all([forgetOthers(), leaveShared()]).then(() => globalThis.clients.claim()));
});
addEventListener("message", ({ data }) => data === "take over" && globalThis.skipWaiting());
addEventListener("fetch", (/** @type {any} */ event) => {
  if (event.request.method === "GET") event.respondWith(answered(event));
});
