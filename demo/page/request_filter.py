"""What a browser or a program may ask of the page: everything else is turned away before Gradio sees it.

Gradio brings many routes that this page does not use: a proxy, a stream, deep links, an editor. And it lets whoever
calls an endpoint name an address instead of a film, which the server would then fetch. So the gate lets through only
the routes the page lives on, only films that were uploaded, and only what is no larger than a page would send.
"""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from demo.page.guard.asgi import API, App, Message, Receive, RefusedError, Scope, Send, answer_refused, is_let_in
from demo.page.guard.bodies import arriving, read_object

MOST_LOGIN_BYTES = 10_000  # a name and a password

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


@dataclass(frozen=True)
class RequestFilter:
    """ASGI middleware in front of Gradio's application.

    Attributes:
        app: Gradio's application.
        parameters: the named API: endpoint → its parameters; the first is required, the others may be left out.
        asks_password: whether the page was started with passwords: nothing of a stranger's body is read then.
    """

    app: App
    parameters: Mapping[str, Sequence[str]]
    asks_password: bool = False

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
        if method in ("GET", "HEAD") and _READ.fullmatch(path):
            return receive
        if method == "POST":
            if _LOGIN.fullmatch(path):
                return arriving(scope, receive, MOST_LOGIN_BYTES)
            event = _EVENT.fullmatch(path)
            if (event or _UPLOAD.fullmatch(path)) and self.asks_password and not await is_let_in(self.app, scope):
                raise RefusedError(HTTPStatus.UNAUTHORIZED, "log in first")
            if event:
                return await self._event(scope, receive, event["kind"], event["name"])
            if _UPLOAD.fullmatch(path):
                return receive  # `Uploads` reads it
        raise RefusedError(HTTPStatus.NOT_FOUND, "there is nothing here; docs/api.md has what there is")

    async def _event(self, scope: Scope, receive: Receive, kind: str | None, name: str | None) -> Receive:
        called = kind in ("call", "call/v2")
        if called and name not in self.parameters:
            known = ", ".join(f"/{known}" for known in self.parameters)
            raise RefusedError(HTTPStatus.NOT_FOUND, f"no endpoint of that name; the endpoints are {known}")
        body = await read_object(scope, receive)
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


def _replay(scope: Scope, body: bytes, receive: Receive) -> Receive:
    """Give the application a body that was read already; afterwards it hears when the client leaves."""
    scope["headers"] = [pair for pair in scope["headers"] if pair[0] != b"content-length"]
    scope["headers"].append((b"content-length", str(len(body)).encode()))
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Message:
        return waiting.pop() if waiting else await receive()

    return replayed
