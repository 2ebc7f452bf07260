"use strict";
// The tab in the address: #evaluation, #about-limits. It survives a reload and goes with Back; no film is ever in it.
(() => {
  const TABS = ["compare", "evaluation", "experiments", "batch", "about"]; // the first is that of an address without a name
  const named = () => {
    const name = location.hash.slice(1).split("-")[0];
    return TABS.includes(name) ? name : TABS[0];
  };
  const button = (name) => document.querySelector(`[role=tab][data-tab-id="${name}"]`);
  const shown = () => TABS.find((name) => button(name)?.getAttribute("aria-selected") === "true");

  function open() {
    if (shown() !== named()) button(named())?.click();
    bringIntoView(60);
  }

  // A part of a tab is there some frames after the tab was opened.
  function bringIntoView(frames) {
    const part = location.hash.includes("-") && document.getElementById(location.hash.slice(1));
    if (part) part.scrollIntoView();
    else if (location.hash.includes("-") && frames) requestAnimationFrame(() => bringIntoView(frames - 1));
  }

  function write() {
    const name = shown();
    if (!name) return;
    const label = button(name).textContent.trim();
    document.title = name === TABS[0] ? "pneumoscope" : `${label} · pneumoscope`;
    if (name !== named()) history.pushState(null, "", `${location.pathname}${location.search}#${name}`);
  }

  // Called once Gradio is ready to hear of a tab that is opened.
  window.followAddress = () => {
    open();
    const tabs = button(TABS[0])?.closest("[role=tablist]");
    if (tabs) {
      const settings = { attributes: true, attributeFilter: ["aria-selected"], characterData: true, childList: true };
      new MutationObserver(write).observe(tabs, { ...settings, subtree: true });
    }
    addEventListener("popstate", open);
  };
})();
