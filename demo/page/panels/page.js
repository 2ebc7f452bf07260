"use strict";
// What the page does without asking the server: direction, theme, heatmap, downloads, keyboard, explanations.
const pneumoscope = {
  // Gradio calls these before its own event; what they return is what the event is given.
  speak(language) {
    document.documentElement.lang = language;
    document.documentElement.dir = language === "he" ? "rtl" : "ltr";
    return language;
  },
  start(kept) {
    pneumoscope.dress(); // again: Gradio has meanwhile dressed the page as the system is
    // What the visitor chose before; or the first that the browser asks for and the page speaks.
    const wanted = [kept, ...(navigator.languages ?? [navigator.language])].map((tag) => String(tag).split("-")[0]);
    const spoken = wanted.map((tag) => (tag === "iw" ? "he" : tag)).find((tag) => ["en", "he"].includes(tag));
    return pneumoscope.speak(spoken ?? "en");
  },
  // The theme the visitor chose, if there is one.
  dress() {
    const chosen = localStorage.getItem("pneumoscope-theme");
    if (chosen) document.body.classList.toggle("dark", chosen === "dark");
  },
  theme() {
    const dark = document.body.classList.toggle("dark");
    localStorage.setItem("pneumoscope-theme", dark ? "dark" : "light");
  },
  save(file) {
    if (!file) return;
    const bytes = Uint8Array.from(atob(file.data), (letter) => letter.charCodeAt(0));
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([bytes], { type: file.kind }));
    link.download = file.name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  },
  layer(network) {
    document.documentElement.dataset.layer = network;
  },
  opacity(percent) {
    document.documentElement.style.setProperty("--heatmap-opacity", percent / 100);
  },
};

document.addEventListener("DOMContentLoaded", pneumoscope.dress);

// What Gradio leaves out for the keyboard: radios that belong together share a name, so that arrows choose among them.
function nameRadios() {
  let group = 0;
  for (const set of document.querySelectorAll("fieldset")) {
    group += 1;
    for (const radio of set.querySelectorAll("input[type=radio]")) {
      if (radio.name === `choice-${group}`) continue;
      const { checked } = radio; // a radio that joins a group may take the choice from another
      radio.name = `choice-${group}`;
      if (checked) radio.checked = true;
    }
  }
}

// Arrows go from tab to tab, Home and End to the first and the last.
document.addEventListener("keydown", (event) => {
  const tab = event.target.closest?.("[role=tab]");
  if (!tab || event.ctrlKey || event.altKey || event.metaKey) return;
  const tabs = [...tab.closest("[role=tablist]").querySelectorAll("[role=tab]")];
  const forward = document.documentElement.dir === "rtl" ? "ArrowLeft" : "ArrowRight";
  const back = document.documentElement.dir === "rtl" ? "ArrowRight" : "ArrowLeft";
  const place = tabs.indexOf(tab);
  const goal = { [forward]: (place + 1) % tabs.length, [back]: (place || tabs.length) - 1, Home: 0, End: tabs.length - 1 }[event.key];
  if (goal === undefined) return;
  event.preventDefault();
  tabs[goal].click();
  tabs[goal].focus();
});

// One popover for all explanations; the browser closes it with Escape or a press elsewhere.
const explanation = {
  of: null,
  top: 0, // where it was when it was shown
  element() {
    let made = document.getElementById("explanation");
    if (!made) {
      made = document.createElement("div");
      Object.assign(made, { id: "explanation", popover: "auto" });
      made.setAttribute("role", "note");
      made.addEventListener("toggle", (event) => {
        if (event.newState !== "closed") return;
        explanation.of?.setAttribute("aria-expanded", "false");
        explanation.of?.removeAttribute("aria-describedby");
      });
      document.body.append(made);
    }
    return made;
  },
  show(button) {
    const box = explanation.element();
    box.textContent = button.dataset.explains;
    box.showPopover();
    explanation.of = button;
    button.setAttribute("aria-expanded", "true");
    button.setAttribute("aria-describedby", "explanation");
    const at = button.getBoundingClientRect();
    explanation.top = at.top;
    const left = Math.min(Math.max(at.left, 8), innerWidth - box.offsetWidth - 8);
    const below = at.bottom + 6 + box.offsetHeight <= innerHeight;
    box.style.left = `${Math.max(left, 8)}px`;
    box.style.top = `${below ? at.bottom + 6 : Math.max(at.top - 6 - box.offsetHeight, 8)}px`;
  },
};
document.addEventListener("click", (event) => {
  const button = event.target.closest?.("button.explains");
  if (!button) return;
  if (button.getAttribute("aria-expanded") === "true") explanation.element().hidePopover();
  else explanation.show(button);
});
// It stands where its word stood: once that has moved, it is closed.
addEventListener("scroll", () => {
  const box = document.getElementById("explanation");
  if (!box?.matches(":popover-open")) return;
  if (Math.abs(explanation.of.getBoundingClientRect().top - explanation.top) > 4) box.hidePopover();
}, true);

let radiosNamed = true;
new MutationObserver(() => {
  if (!radiosNamed) return;
  radiosNamed = false;
  requestAnimationFrame(() => {
    radiosNamed = true;
    nameRadios();
  });
}).observe(document.documentElement, { childList: true, subtree: true, attributes: true, attributeFilter: ["name"] });
