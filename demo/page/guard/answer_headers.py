"""What every answer carries: headers that bind the browser, and cookies of this site alone.

Gradio answers any site's page that it may read, where the page's name is not localhost's, and marks the cookie of a
login for other sites' pages: both are taken off.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from starlette.requests import Request
from starlette.responses import JSONResponse

from demo.page.guard.asgi import API, App, Message, Receive, Scope, Send

if TYPE_CHECKING:
    from fastapi.exceptions import RequestValidationError

# Gradio's page holds its script and its styles inside itself and makes functions of text: hence the three "unsafe".
# What counts is that nothing is loaded from and nothing is sent to another host, and that no other page frames it.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "media-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self' data: blob:",
        "worker-src 'self' blob:",
        "frame-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
    )
)
_FILE_POLICY = "default-src 'none'; sandbox"  # an uploaded file that is opened by itself runs nothing
_HEADERS = {
    "x-content-type-options": "nosniff",
    "x-robots-tag": "noindex",
    "referrer-policy": "no-referrer",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
_NEVER_CHANGES = ("/assets/", "/static/", "/svelte/")


@dataclass(frozen=True)
class AnswerHeaders:
    """ASGI middleware in front of everything that answers.

    Attributes:
        app: what answers.
        frame_ancestors: origins whose pages may show this one in a frame; nobody's if empty.
    """

    app: App
    frame_ancestors: Sequence[str] = ()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": with_ours(scope, message.get("headers", ()), self.frame_ancestors)}
            await send(message)

        await self.app(scope, receive, sending)


def failed(_: Request, __: Exception) -> JSONResponse:
    """The answer where the page fails; the server's log, which --debug shows, has the reason."""
    return JSONResponse({"detail": "the page failed at this; whoever runs it sees why with --debug"}, 500)


def not_understood(_: Request, error: Exception) -> JSONResponse:
    """The answer to a body whose fields are of no use to Gradio: one line, as everything else is refused."""
    fault = cast("RequestValidationError", error).errors()[0]
    return JSONResponse({"detail": f"{'.'.join(map(str, fault['loc'][1:]))}: {fault['msg']}"}, 422)


def with_ours(
    scope: Scope, given: Iterable[tuple[bytes, bytes]], frame_ancestors: Sequence[str] = ()
) -> list[tuple[bytes, bytes]]:
    """The headers of an answer: those that are given and may stay, and those that every answer has."""
    kept = []
    for name, value in given:
        lower = name.lower()
        if lower == b"set-cookie":
            kept.append((name, _bound_cookie(value, scope.get("scheme") == "https", bool(frame_ancestors))))
        elif not lower.startswith(b"access-control-"):
            kept.append((name, value))
    present = {name.lower() for name, _ in kept}
    headers = dict(_HEADERS)
    is_upload = scope["path"].startswith(f"{API}/file=")
    headers["content-security-policy"] = _FILE_POLICY if is_upload else _page_policy(frame_ancestors)
    if is_upload or not frame_ancestors:  # this older header cannot name origins
        headers["x-frame-options"] = "DENY"
    if not scope["path"].startswith(_NEVER_CHANGES):
        headers["cache-control"] = "no-store"  # readings and films are not for the browser's disk
    added = [(name.encode(), value.encode()) for name, value in headers.items() if name.encode() not in present]
    return kept + added


def _page_policy(frame_ancestors: Sequence[str]) -> str:
    framing = " ".join(("'self'", *frame_ancestors)) if frame_ancestors else "'none'"
    return f"{CONTENT_SECURITY_POLICY}; frame-ancestors {framing}"


def _bound_cookie(cookie: bytes, encrypted: bool, framed: bool) -> bytes:
    """A `Set-Cookie` that no other site's page has sent along, and that HTTPS alone carries where there is HTTPS.

    In another site's frame a browser keeps none but those that say "None". "Partitioned" binds it to the site that
    frames the page: what a third one asks for goes without it (CHIPS; where a browser does not know it, `Origins`
    still refuses).
    """
    parts = [part.strip() for part in cookie.split(b";")]
    ours = [part for part in parts if not part.lower().startswith((b"samesite", b"secure", b"partitioned"))]
    if framed and encrypted:
        return b"; ".join([*ours, b"SameSite=None", b"Secure", b"Partitioned"])
    return b"; ".join([*ours, b"SameSite=Lax", *([b"Secure"] if encrypted else [])])
