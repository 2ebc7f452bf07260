// What a visitor would see overlap, touch or be cut, on the page as it is laid out now: a list of words about it.
() => {
  const LEAST_GAP = 4; // pixels between the words of two cells of a row
  const found = [];
  const isSeen = (element) =>
    element.checkVisibility({ contentVisibilityAuto: true, visibilityProperty: true, opacityProperty: true }) &&
    !element.closest(".unseen, #js-plotly-tester, #page-says, #explanation");
  const isLoose = (element) => {
    for (let at = element; at; at = at.parentElement)
      if (["fixed", "sticky"].includes(getComputedStyle(at).position)) return true;
    return false;
  };
  /** The part of a box that no ancestor cuts off; null where nothing is left. */
  const left = (element, box) => {
    let { left, right, top, bottom } = box;
    for (let at = element; at && at !== document.body; at = at.parentElement) {
      const style = getComputedStyle(at);
      if (style.overflowX === "visible" && style.overflowY === "visible") continue;
      const bounds = at.getBoundingClientRect();
      [left, right] = [Math.max(left, bounds.left), Math.min(right, bounds.right)];
      [top, bottom] = [Math.max(top, bounds.top), Math.min(bottom, bounds.bottom)];
    }
    return right - left > 2 && bottom - top > 4 ? { left, right, top, bottom } : null;
  };

  if (document.documentElement.scrollWidth > innerWidth) found.push("the page scrolls sideways");
  const lines = [];
  for (const element of document.querySelectorAll("body *")) {
    if (!isSeen(element)) continue;
    const overflow = getComputedStyle(element).overflowX;
    const isField = element.matches("input:not([type]), input[type=text], textarea");
    const texts = [...element.childNodes].filter((node) => node.nodeType === 3 && node.textContent.trim());
    const isCut = element.scrollWidth > element.clientWidth + 1 && element.clientWidth > 2;
    if (isCut && (isField || (texts.length && ["hidden", "clip"].includes(overflow))))
      found.push(`cut: ${element.value ?? element.textContent.trim()}`);
    for (const text of texts) {
      const range = document.createRange();
      range.selectNodeContents(text);
      for (const box of range.getClientRects()) {
        const part = left(element, box);
        if (!part) continue;
        lines.push({ text, cell: element.closest("td, th"), loose: isLoose(element), ...part });
        if (part.left < -1 || part.right > innerWidth + 1) found.push(`outside: ${text.textContent.trim()}`);
      }
    }
  }
  lines.forEach((one, place) => {
    for (const other of lines.slice(place + 1)) {
      if (one.text === other.text || one.loose !== other.loose) continue;
      const across = Math.min(one.right, other.right) - Math.max(one.left, other.left);
      const down = Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top);
      const isRow = one.cell && other.cell && one.cell !== other.cell;
      if (down > 4 && (across > 2 || (isRow && across > -LEAST_GAP)))
        found.push(`${one.text.textContent.trim()} | ${other.text.textContent.trim()}`);
    }
  });
  return [...new Set(found)];
}
