"use strict";
// A table that is wider than its place on a narrow screen becomes a list: a row is a block, a cell names its column.
const narrowTables = (() => {
  const NARROW = 900;
  const ROLES = { TABLE: "table", THEAD: "rowgroup", TBODY: "rowgroup", TR: "row", TD: "cell" };
  let waiting = null;

  function columns(table) {
    const heads = [...(table.tHead?.rows ?? [])].at(-1)?.cells ?? [];
    return [...heads].flatMap((head) => Array(head.colSpan).fill(head.textContent.trim()));
  }

  function stack(table) {
    const names = columns(table);
    table.classList.add("stacked");
    // Drawn otherwise than as a table it is none for a screen reader, unless it says so.
    for (const part of [table, ...table.querySelectorAll("*")]) {
      const role = part.tagName === "TH" ? (part.closest("thead") ? "columnheader" : "rowheader") : ROLES[part.tagName];
      if (role) part.setAttribute("role", role);
    }
    for (const body of table.tBodies) {
      for (const row of body.rows) {
        let place = 0;
        for (const cell of row.cells) {
          if (cell.tagName === "TD" && names[place]) cell.dataset.column = names[place];
          place += cell.colSpan;
        }
      }
    }
  }

  function fit() {
    if (innerWidth >= NARROW) {
      for (const table of document.querySelectorAll("table.stacked")) table.classList.remove("stacked");
      return;
    }
    for (const table of document.querySelectorAll("table:not(.stacked)")) {
      const isOurs = !table.closest(".batch-table"); // which has cards of its own
      if (isOurs && table.offsetParent && table.offsetWidth > table.parentElement.clientWidth + 1) stack(table);
    }
  }

  // Not while a page is still being drawn, and not for each of its pieces.
  function soon() {
    waiting ??= setTimeout(() => {
      waiting = null;
      fit();
    }, 60);
  }

  new MutationObserver(soon).observe(document.documentElement, { childList: true, subtree: true });
  addEventListener("resize", soon);
  document.addEventListener("click", soon); // a tab or a lid that opens shows tables that were there already
  document.addEventListener("toggle", soon, true);
  return { fit };
})();
