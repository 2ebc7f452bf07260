"use strict";
// Opened as a file, a page of many files cannot start its modules, whatever it holds: it says what to do instead.
if (location.protocol === "file:") {
  const line = document.getElementById("loading");
  line.textContent = line.dataset.fromFile;
}
