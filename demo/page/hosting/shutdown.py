"""Stopping without cutting anyone off: no new work is taken, and what was begun is answered."""

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass

from starlette.responses import Response

from demo.page.guard.asgi import API, App, Receive, Scope, Send
from demo.page.queue.gradio_queue import events_not_fetched, queue_lengths

SECONDS = 6.0  # of the ten that a container's host gives by default; the rest is for closing
SECONDS_TO_FETCH = 2.0  # for a client that has yet to come for an answer that is ready
_BEGINS_WORK = re.compile(rf"{API}/(upload|queue/join|(call|call/v2|run)/[^/]+)/?|/login/?")
_NEVER_ENDS = re.compile(rf"{API}/heartbeat/.*")


class Draining:
    """Whether the page is being stopped, and how many answers are on their way."""

    def __init__(self) -> None:
        self.begun = False
        self.open_answers = 0  # changed in the server's event loop alone

    def wait(self, blocks: object, seconds: float = SECONDS, clock: Callable[[], float] = time.monotonic) -> bool:
        """Take no new work from now on; return once all that was begun is answered, or after `seconds`.

        Args:
            blocks: Gradio's page.
            clock: seconds.

        Returns:
            Whether everything was answered.
        """
        self.begun = True
        started = clock()
        while not self._is_done(blocks, clock() - started):
            if clock() - started > seconds:
                return False
            time.sleep(0.02)
        return True

    def _is_done(self, blocks: object, seconds: float) -> bool:
        if self.open_answers or any(queue_lengths(blocks)):  # type: ignore[arg-type]
            return False
        # Between the call of an endpoint and the client's second request, for its answer, nothing is open.
        return not events_not_fetched(blocks) or seconds > SECONDS_TO_FETCH  # type: ignore[arg-type]


@dataclass(frozen=True)
class Drained:
    """ASGI middleware: counts answers on their way, and turns new work away once the page is being stopped.

    Attributes:
        app: the page.
        draining: its state.
    """

    app: App
    draining: Draining

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or _NEVER_ENDS.fullmatch(scope["path"]):
            await self.app(scope, receive, send)
            return
        if self.draining.begun and scope["method"] == "POST" and _BEGINS_WORK.fullmatch(scope["path"]):
            await _stopping()(scope, receive, send)
            return
        self.draining.open_answers += 1
        try:
            await self.app(scope, receive, send)
        finally:
            self.draining.open_answers -= 1


def _stopping() -> Response:
    body = json.dumps({"detail": "the page is being stopped; try again in a moment"})
    headers = {"retry-after": "10", "connection": "close", "cache-control": "no-store"}
    return Response(body, 503, headers, media_type="application/json")
