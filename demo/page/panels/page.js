"use strict";
// What the page does without asking the server: direction, theme, heatmap, downloads, films dropped anywhere.
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
  // Hand films to Compare's file field, as if they had been chosen there.
  open(files) {
    const field = document.querySelector("#drop input[type=file]");
    if (!field || !files.length) return;
    const one = new DataTransfer();
    one.items.add(files[0]);
    field.files = one.files;
    field.dispatchEvent(new Event("change", { bubbles: true }));
  },
};

function comparing(event) {
  const shown = document.querySelector("#compare-panel");
  return shown && shown.offsetParent !== null && !event.target.closest?.("#drop");
}

document.addEventListener("DOMContentLoaded", pneumoscope.dress);
document.addEventListener("dragover", (event) => {
  if (!comparing(event)) return;
  event.preventDefault();
  document.body.classList.add("dropping");
});
for (const end of ["dragleave", "dragend", "drop"]) {
  document.addEventListener(end, () => document.body.classList.remove("dropping"));
}
document.addEventListener("drop", (event) => {
  if (!comparing(event) || !event.dataTransfer.files.length) return;
  event.preventDefault();
  pneumoscope.open(event.dataTransfer.files);
});
document.addEventListener("paste", (event) => {
  if (comparing(event) && event.clipboardData.files.length) pneumoscope.open(event.clipboardData.files);
});
document.addEventListener("click", (event) => {
  if (event.target.closest?.(".film.empty")) document.querySelector("#drop input[type=file]")?.click();
});
