// The program kept for when there is no network: service-worker.js, and what the page says of a newer version.

import { isSingleFile } from "./place.js";

let isAsked = false;

/** Keep the program in the browser, where it may be kept; a newer one is offered, not forced upon a film. */
export async function keepOffline() {
  if (isAsked || isSingleFile() || !("serviceWorker" in navigator)) return;
  isAsked = true;
  const offer = /** @type {HTMLElement} */ (document.querySelector("#new-version"));
  const hadOne = navigator.serviceWorker.controller !== null;
  navigator.serviceWorker.addEventListener("controllerchange", () => hadOne && location.reload());
  try {
    const registered = await navigator.serviceWorker.register("service-worker.js");
    const watch = () => {
      const { waiting } = registered;
      offer.hidden = !waiting || !navigator.serviceWorker.controller;
    };
    registered.addEventListener("updatefound", () => registered.installing?.addEventListener("statechange", watch));
    watch();
    offer.querySelector("button")?.addEventListener("click", () => registered.waiting?.postMessage("take over"));
    navigator.serviceWorker.ready.then(() => (document.documentElement.dataset.offline = ""));
  } catch {
    // Where a host or a setting forbids it, the page works all the same, as long as there is a network.
  }
}
