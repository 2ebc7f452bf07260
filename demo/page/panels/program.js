"use strict";
// Code to copy, onto the clipboard: About's with this page's own address in it, the commands of Experiments.
(() => {
  const address = new URL(".", document.baseURI).href.replace(/\/$/, "");

  function fill() {
    for (const place of document.querySelectorAll(".page-address:not([data-filled])")) {
      place.dataset.filled = "";
      place.textContent = address;
    }
  }

  // Where the page is not on this machine and without TLS, a browser gives no clipboard: then as a selection.
  async function copy(code) {
    if (navigator.clipboard && window.isSecureContext) return navigator.clipboard.writeText(code.textContent);
    const selection = window.getSelection();
    selection.selectAllChildren(code);
    document.execCommand("copy");
    selection.removeAllRanges();
  }

  document.addEventListener("click", async (event) => {
    const button = event.target.closest?.(".code .copy");
    if (!button) return;
    const status = button.parentElement.querySelector(".copy-status");
    await copy(button.closest(".code").querySelector("code"));
    status.textContent = button.dataset.copied;
    setTimeout(() => (status.textContent = ""), 4000);
  });
  // Gradio adds this script when the body is there, and writes About again with every change of language.
  new MutationObserver(fill).observe(document.body, { childList: true, subtree: true });
  fill();
})();
