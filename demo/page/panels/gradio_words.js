"use strict";
// Gradio's own words in the page's language, by what layout.py has put into `gradioWords`.
(() => {
  const ATTRIBUTES = ["aria-label", "title"];
  const TEXTS = ".toast-wrap, .uploading";
  const escaped = (text) => text.replace(/[.*+?^$()|[\]\\]/g, "\\$&");
  const pattern = (text) => new RegExp(`^${escaped(text).replace(/\{(\w+)\}/g, "(?<$1>.+)")}$`);
  const known = Object.fromEntries(
    Object.entries(window.gradioWords).map(([language, pairs]) => [
      language,
      pairs.map(([english, meant]) => [pattern(english), meant]),
    ]),
  );
  const written = new WeakMap(); // element → attribute → what Gradio wrote, and what stands there for it

  function meant(text) {
    for (const [fits, other] of known[document.documentElement.lang] ?? []) {
      const found = fits.exec(text.trim());
      if (found) return other.replace(/\{(\w+)\}/g, (_, name) => found.groups[name]);
    }
    return text;
  }

  function dress(element) {
    for (const name of ATTRIBUTES) {
      const now = element.getAttribute(name);
      if (now === null) continue;
      const kept = written.get(element) ?? {};
      const english = kept[name]?.shown === now ? kept[name].english : now;
      const shown = meant(english);
      if (shown !== english || kept[name]) written.set(element, { ...kept, [name]: { english, shown } });
      if (shown !== now) element.setAttribute(name, shown);
    }
  }

  function reword(part) {
    const texts = document.createTreeWalker(part, NodeFilter.SHOW_TEXT);
    for (let text = texts.nextNode(); text; text = texts.nextNode()) {
      const shown = meant(text.data);
      if (shown !== text.data) text.data = shown;
    }
  }

  function dressAll(part) {
    if (part.nodeType !== Node.ELEMENT_NODE) return;
    dress(part);
    part.querySelectorAll("[aria-label], [title]").forEach(dress);
    if (part.closest(TEXTS)) reword(part);
    else part.querySelectorAll(TEXTS).forEach(reword);
  }

  function changed(mutations) {
    for (const { type, target, addedNodes } of mutations) {
      if (type === "attributes" && target === document.documentElement) dressAll(document.body);
      else if (type === "attributes") dress(target);
      else addedNodes.forEach(dressAll);
    }
  }

  const observer = new MutationObserver(changed);
  observer.observe(document.body, { childList: true, subtree: true, attributes: true, attributeFilter: ATTRIBUTES });
  observer.observe(document.documentElement, { attributes: true, attributeFilter: ["lang"] });
  dressAll(document.body);
})();
