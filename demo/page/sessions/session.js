"use strict";
// Each request of the page says of which page it is; the server made the id for this one, and knows it again.
(() => {
  const session = document.querySelector("meta[name=pneumoscope-session]").content;
  const ofSession = /\/gradio_api\/(upload|queue|call|run|heartbeat|cancel|reset)(\/|$)/;
  const send = window.fetch;

  // Gradio's login page says what a wrong password is, and nothing of one that is not looked at.
  async function heard(answer) {
    if (answer.status === 429) alert((await answer.clone().json()).detail);
    return answer;
  }

  window.fetch = async (what, how) => {
    const { origin, pathname } = new URL(what instanceof Request ? what.url : what, location.href);
    if (pathname.endsWith("/login")) return heard(await send(what, how));
    if (origin !== location.origin || !ofSession.test(pathname)) return send(what, how);
    const request = new Request(what, how);
    request.headers.set("x-pneumoscope-session", session);
    return send(request);
  };
})();
