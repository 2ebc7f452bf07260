// The program kept for when there is no network: service-worker.js, and what the page says of a newer version.

import { isSingleFile } from "./place.js";
import { state } from "./state.js";

let isAsked = false;

/** Keep the program in the browser, where it may be kept; a newer one is offered, not forced upon a film. */
export async function keepOffline() {
  if (isAsked || isSingleFile() || !("serviceWorker" in navigator)) return;
  isAsked = true;
  const { serviceWorker } = navigator;
  const offer = /** @type {HTMLElement} */ (document.querySelector("#new-version"));
  let { controller } = serviceWorker;
  let isPressed = false;
  let isBehind = false; // a newer program has taken over, asked by another tab
  serviceWorker.addEventListener("controllerchange", () => {
    const before = controller;
    controller = serviceWorker.controller;
    if (!before) return; // the first one: it keeps what this page is made of
    if (isPressed || !state.films.length) return location.reload();
    isBehind = true; // films of this tab would be lost: it reloads when it is told to
    offer.hidden = false;
  });
  try {
    const registered = await serviceWorker.register("service-worker.js");
    const watch = () => {
      offer.hidden = !isBehind && !(registered.waiting && serviceWorker.controller);
    };
    registered.addEventListener("updatefound", () => registered.installing?.addEventListener("statechange", watch));
    watch();
    offer.querySelector("button")?.addEventListener("click", () => {
      isPressed = true;
      if (registered.waiting) registered.waiting.postMessage("take over");
      else location.reload();
    });
    serviceWorker.ready.then(() => (document.documentElement.dataset.offline = ""));
  } catch {
    // Where a host or a setting forbids it, the page works all the same, as long as there is a network.
  }
}
