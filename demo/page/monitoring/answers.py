"""Each answer of the page, told to whoever counts or logs it: what kind of request, how it went, never of what film.

A path may hold a film's name or a visitor's session, a query anything. So what is told is the kind of path alone.
"""

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from demo.page.guard.asgi import API, App, Message, Receive, Scope, Send

OTHER = "other"
_KINDS = (
    (re.compile(rf"({API}/file=).*"), r"\1*"),
    (re.compile(rf"({API}/heartbeat/).*"), r"\1*"),
    (re.compile(rf"({API}/call/(?:v2/)?(?:compare|classify|batch|evaluation|card))"), r"\1"),
    (re.compile(rf"({API}/call/(?:v2/)?(?:compare|classify|batch|evaluation|card))/[^/]+"), r"\1/*"),
    (re.compile(r"/(assets|static|svelte|icons|bundles)/.*"), r"/\1/*"),
    (
        re.compile(
            rf"(/|/config|/theme\.css|/favicon\.ico|/robots\.txt|/manifest\.json|/log(?:in|out)|/(?:health|ready)z"
            rf"|/version|/metrics|{API}/(?:upload|upload_progress|queue/(?:join|data|status)|cancel|reset|info"
            rf"|openapi\.json|app_id|login_check|startup-events))/?"
        ),
        r"\1",
    ),
)
_METHODS = {"GET", "HEAD", "POST", "OPTIONS", "PUT", "DELETE", "PATCH"}


@dataclass(frozen=True)
class Answer:
    """One answer.

    Attributes:
        kind: the path without what a visitor put into it; "other" for one that the page does not know.
        status: 0 where the client left, or the server failed, before there was one.
        sent: bytes of the body.
        seconds: from the request's head to the answer's end.
    """

    method: str
    kind: str
    status: int
    sent: int
    seconds: float


@dataclass(frozen=True)
class ToldAnswers:
    """ASGI middleware: tells each answer to all listeners once it is over.

    Attributes:
        app: what answers.
        listeners: called in the server's event loop, so they must not wait.
    """

    app: App
    listeners: Sequence[Callable[[Answer], None]]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        status = sent = 0

        async def sending(message: Message) -> None:
            nonlocal status, sent
            if message["type"] == "http.response.start":
                status = message["status"]
            sent += len(message.get("body", b""))
            await send(message)

        try:
            await self.app(scope, receive, sending)
        finally:
            method = scope["method"] if scope["method"] in _METHODS else OTHER
            told = Answer(method, kind_of(scope["path"]), status, sent, time.perf_counter() - started)
            for listener in self.listeners:
                listener(told)


def kind_of(path: str) -> str:
    """A request's path without what a visitor put into it."""
    for pattern, kind in _KINDS:
        if found := pattern.fullmatch(path):
            return found.expand(kind)
    return OTHER
