"use strict";
// What the page does without asking the server: direction, theme, heatmap.
const pneumoscope = {
  // Gradio calls these before its own event; what they return is what the event is given.
  speak(language) {
    document.documentElement.lang = language;
    document.documentElement.dir = language === "he" ? "rtl" : "ltr";
    return language;
  },
  start(kept) {
    return pneumoscope.speak(kept === "he" ? "he" : "en");
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
document.addEventListener("DOMContentLoaded", () => {
  const chosen = localStorage.getItem("pneumoscope-theme");
  if (chosen) document.body.classList.toggle("dark", chosen === "dark");
});
