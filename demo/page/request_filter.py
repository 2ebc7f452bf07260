"""What a browser or a program may ask of the page: everything else is turned away before Gradio sees it.

Gradio brings many routes that this page does not use: a proxy, a stream, deep links, an editor. And it lets whoever
calls an endpoint name an address instead of a film, which the server would then fetch. So the gate lets through only
the routes the page lives on, only films that were uploaded, and only what is no larger than a page would send.
"""

import json
import re
from collections.abc import Awaitable, Callable, Collection, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

API = "/gradio_api"
MOST_EVENT_BYTES = 4_000_000  # an event's values without its files: a batch of a thousand films takes 0.4 MB
MOST_UPLOAD_BYTES = 1_000_000_000  # of all files that are dropped at once

_READ = re.compile(
    r"/|/config/?|/theme\.css|/favicon\.ico|/robots\.txt|/manifest\.json|/logout|/login_check/?|/user/?"
    r"|/(assets|static|svelte)/.+"
    r"|/icons/icon[-.\w]+|/bundles/[a-z]+\.zip"
    rf"|{API}/(info|openapi\.json|app_id|token|user|login_check|theme\.css|startup-events|upload_progress)/?"
    rf"|{API}/queue/(data|status)|{API}/heartbeat/[^/]+|{API}/call/(v2/)?[^/]+/[^/]+"
    rf"|{API}/file=/.+"
)
_EVENT = re.compile(rf"{API}/(queue/join|(?P<kind>call|call/v2|run)/(?P<name>[^/]+)|cancel|reset)/?")
_UPLOAD = re.compile(rf"{API}/upload/?")
_LOGIN = re.compile(r"/login/?")
_NEVER_CHANGES = ("/assets/", "/static/", "/svelte/")

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
}


class RefusedError(Exception):
    """A request is not let through; this is its answer."""

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


@dataclass(frozen=True)
class RequestFilter:
    """ASGI middleware in front of Gradio's application.

    Attributes:
        app: Gradio's application.
        parameters: the named API: endpoint → its parameters; the first is required, the others may be left out.
        frame_ancestors: origins whose pages may show this one in a frame; nobody's if empty.
    """

    app: App
    parameters: Mapping[str, Sequence[str]]
    frame_ancestors: Sequence[str] = ()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request through, or answer it with the reason why not."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":  # a WebSocket: nothing here speaks it
            await send({"type": "websocket.close", "code": 1008})
            return
        with_headers = _adding_headers(scope["path"], self.frame_ancestors, send)
        try:
            receive = await self._let_through(scope, receive)
        except RefusedError as refusal:
            await _answer(refusal, with_headers)
            return
        await self.app(scope, receive, with_headers)

    async def _let_through(self, scope: Scope, receive: Receive) -> Receive:
        """What the application is to receive. Raises RefusedError."""
        method, path = scope["method"], scope["path"]
        if method in ("GET", "HEAD") and _READ.fullmatch(path):
            return receive
        if method == "POST":
            if _UPLOAD.fullmatch(path):
                _check_length(scope, MOST_UPLOAD_BYTES)
                return receive
            if _LOGIN.fullmatch(path):
                _check_length(scope, MOST_EVENT_BYTES)
                return receive
            if event := _EVENT.fullmatch(path):
                return await self._event(scope, receive, event["kind"], event["name"])
        raise RefusedError(HTTPStatus.NOT_FOUND, "there is nothing here; docs/api.md has what there is")

    async def _event(self, scope: Scope, receive: Receive, kind: str | None, name: str | None) -> Receive:
        called = kind in ("call", "call/v2")
        if called and name not in self.parameters:
            known = ", ".join(f"/{known}" for known in self.parameters)
            raise RefusedError(HTTPStatus.NOT_FOUND, f"no endpoint of that name; the endpoints are {known}")
        body = _parsed(await _body(scope, receive))
        # Gradio's own record of what its upload route has stored, by the path it gave the client.
        _check_files(body, scope["app"].get_blocks().upload_file_set)
        if kind == "call" and name is not None:
            body["data"] = _all_arguments(body.get("data"), self.parameters[name])
        elif kind == "call/v2" and name is not None:
            _check_names(body, self.parameters[name])
        return _replay(scope, json.dumps(body).encode(), receive)


def _check_files(value: object, uploads: Collection[str]) -> None:
    """Refuse a file that was not uploaded: an address the server would fetch, or a file of the server's."""
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, list):
            pending += item
        elif isinstance(item, dict):
            pending += item.values()
            # As Gradio tells a file: by its mark, whatever else is in the object.
            if "meta" in item and "path" in item and not _is_upload(item["path"], uploads):
                raise RefusedError(
                    HTTPStatus.BAD_REQUEST,
                    f"no such upload: send the file to {API}/upload first and name the path that it answers",
                )


def _is_upload(path: object, uploads: Collection[str]) -> bool:
    return isinstance(path, str) and path in uploads


def _all_arguments(given: object, names: Sequence[str]) -> list[object]:
    if not isinstance(given, list) or not 1 <= len(given) <= len(names):
        raise RefusedError(HTTPStatus.UNPROCESSABLE_ENTITY, f'expected {{"data": [{", ".join(names)}]}}')
    return given + [None] * (len(names) - len(given))


def _check_names(given: Mapping[str, object], names: Sequence[str]) -> None:
    unknown = [name for name in given if name not in names]
    if unknown or names[0] not in given:
        raise RefusedError(HTTPStatus.UNPROCESSABLE_ENTITY, f"expected a JSON object of {', '.join(names)}")


def _check_length(scope: Scope, most: int) -> None:
    lengths = [value for name, value in scope["headers"] if name == b"content-length"]
    if len(lengths) != 1 or not lengths[0].isdigit():
        raise RefusedError(HTTPStatus.LENGTH_REQUIRED, "expected a Content-Length")
    if int(lengths[0]) > most:
        raise RefusedError(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"more than {most // 1_000_000} MB at once: send fewer or smaller files",
        )


async def _body(scope: Scope, receive: Receive) -> bytes:
    _check_length(scope, MOST_EVENT_BYTES)  # the server holds the body to it
    body = bytearray()
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise RefusedError(HTTPStatus.BAD_REQUEST, "the request ended before its body")
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return bytes(body)


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        parsed = None
    if not isinstance(parsed, dict):
        raise RefusedError(HTTPStatus.BAD_REQUEST, "expected a JSON object")
    return parsed


def _replay(scope: Scope, body: bytes, receive: Receive) -> Receive:
    """Give the application a body that was read already; afterwards it hears when the client leaves."""
    scope["headers"] = [pair for pair in scope["headers"] if pair[0] != b"content-length"]
    scope["headers"].append((b"content-length", str(len(body)).encode()))
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Message:
        return waiting.pop() if waiting else await receive()

    return replayed


def _adding_headers(path: str, frame_ancestors: Sequence[str], send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            present = {name.lower() for name, _ in message["headers"]}
            headers = dict(_HEADERS)
            is_upload = path.startswith(f"{API}/file=")
            headers["content-security-policy"] = _FILE_POLICY if is_upload else _page_policy(frame_ancestors)
            if is_upload or not frame_ancestors:  # this older header cannot name origins
                headers["x-frame-options"] = "DENY"
            if not path.startswith(_NEVER_CHANGES):
                headers["cache-control"] = "no-store"  # readings and films are not for the browser's disk
            added = [(name.encode(), value.encode()) for name, value in headers.items() if name.encode() not in present]
            message = {**message, "headers": [*message["headers"], *added]}
        await send(message)

    return sending


def _page_policy(frame_ancestors: Sequence[str]) -> str:
    framing = " ".join(("'self'", *frame_ancestors)) if frame_ancestors else "'none'"
    return f"{CONTENT_SECURITY_POLICY}; frame-ancestors {framing}"


async def _answer(refusal: RefusedError, send: Send) -> None:
    body = json.dumps({"detail": refusal.reason}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": int(refusal.status), "headers": headers})
    await send({"type": "http.response.body", "body": body})
