"""What a browser or a program may ask of the page: everything else is turned away before Gradio sees it.

Gradio brings many routes that this page does not use: a proxy, a stream, deep links, an editor. And it lets whoever
calls an endpoint name an address instead of a film, which the server would then fetch. So the gate lets through only
the routes the page lives on, only films that were uploaded, and only what is no larger than a page would send.
"""

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from demo.page.guard.asgi import API, App, Message, Receive, RefusedError, Scope, Send, answer_refused
from demo.page.guard.bodies import arriving, check_one_end, read_object

MOST_LOGIN_BYTES = 10_000  # a name and a password

_READ = re.compile(
    r"/|/config/?|/theme\.css|/favicon\.ico|/robots\.txt|/manifest\.json|/logout|/login_check/?|/user/?"
    r"|/(assets|static|svelte)/.{1,200}"  # a longer name is none that a file can have
    r"|/icons/icon[-.\w]+|/bundles/[a-z]+\.zip"
    rf"|{API}/(info|openapi\.json|app_id|user|login_check|theme\.css|startup-events|upload_progress)/?"
    rf"|{API}/queue/(data|status)|{API}/heartbeat/[^/]+|{API}/call/(v2/)?[^/]+/[^/]+"
    rf"|{API}/file=/.+"
)
_EVENT = re.compile(rf"{API}/((?P<kind>queue/join|cancel|reset)|(?P<named>call|call/v2|run)/(?P<name>[^/]+))/?")
_UPLOAD = re.compile(rf"{API}/upload/?")
_LOGIN = re.compile(r"/login/?")


@dataclass(frozen=True)
class Event:
    """What a client asks Gradio to work on.

    Attributes:
        scope: of the request.
        kind: "queue/join", "call", "run", "cancel" or "reset".
        name: of the endpoint that is called or run; None for the other kinds.
        body: the JSON object; what a listener changes in it is what Gradio gets.
    """

    scope: Scope
    kind: str
    name: str | None
    body: dict[str, Any]


@dataclass(frozen=True)
class RequestFilter:
    """ASGI middleware in front of Gradio's application.

    Attributes:
        app: Gradio's application.
        parameters: the named API: endpoint → its parameters; the first is required, the others may be left out.
        listeners: told of each event before Gradio is; they refuse it by a RefusedError.
    """

    app: App
    parameters: Mapping[str, Sequence[str]]
    listeners: Sequence[Callable[[Event], None]] = ()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request through, or answer it with the reason why not."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":  # a WebSocket: nothing here speaks it
            await send({"type": "websocket.close", "code": 1008})
            return
        try:
            receive = await self._let_through(scope, receive)
        except RefusedError as refusal:
            await answer_refused(refusal, send)
            return
        await self.app(scope, receive, send)

    async def _let_through(self, scope: Scope, receive: Receive) -> Receive:
        """What the application is to receive. Raises RefusedError."""
        method, path = scope["method"], scope["path"]
        check_one_end(scope)
        if method in ("GET", "HEAD") and _READ.fullmatch(path):
            return receive
        if method == "POST":
            if _LOGIN.fullmatch(path):
                return arriving(scope, receive, MOST_LOGIN_BYTES)
            if _UPLOAD.fullmatch(path):
                return receive  # `Uploads` reads it
            if event := _EVENT.fullmatch(path):
                return await self._event(scope, receive, event["kind"] or event["named"], event["name"])
        raise RefusedError(HTTPStatus.NOT_FOUND, "there is nothing here; docs/api.md has what there is")

    async def _event(self, scope: Scope, receive: Receive, kind: str, name: str | None) -> Receive:
        called = kind in ("call", "call/v2")
        if called and name not in self.parameters:
            known = ", ".join(f"/{known}" for known in self.parameters)
            raise RefusedError(HTTPStatus.NOT_FOUND, f"no endpoint of that name; the endpoints are {known}")
        body = await read_object(scope, receive)
        # Gradio's own record of what its upload route has stored, by the path it gave the client.
        _check_files(body, scope["app"].get_blocks().upload_file_set)
        if called and name is not None:
            names = self.parameters[name]
            # By name or in their order, it is the same call.
            body = {"data": _all_arguments(body.get("data"), names) if kind == "call" else _by_name(body, names)}
            kind = "call"
            scope["path"] = f"{API}/call/{name}"
            scope["raw_path"] = scope["path"].encode()
        for listener in self.listeners:
            listener(Event(scope, kind, name, body))
        return _replay(scope, json.dumps(body).encode(), receive)


def files_of(value: object) -> Iterator[dict[str, Any]]:
    """All that Gradio takes for a file in a JSON value: by its mark, whatever else is in the object."""
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, list):
            pending += item
        elif isinstance(item, dict):
            pending += item.values()
            if "meta" in item and "path" in item:
                yield item


def _check_files(value: object, uploads: Collection[str]) -> None:
    """Refuse a file that was not uploaded: an address the server would fetch, or a file of the server's."""
    if not all(_is_upload(file["path"], uploads) for file in files_of(value)):
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


def _by_name(given: Mapping[str, object], names: Sequence[str]) -> list[object]:
    unknown = [name for name in given if name not in names]
    if unknown or names[0] not in given:
        raise RefusedError(HTTPStatus.UNPROCESSABLE_ENTITY, f"expected a JSON object of {', '.join(names)}")
    return [given.get(name) for name in names]


def _replay(scope: Scope, body: bytes, receive: Receive) -> Receive:
    """Give the application a body that was read already; afterwards it hears when the client leaves."""
    scope["headers"] = [pair for pair in scope["headers"] if pair[0] != b"content-length"]
    scope["headers"].append((b"content-length", str(len(body)).encode()))
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Message:
        return waiting.pop() if waiting else await receive()

    return replayed
