"""The gate in front of Gradio: what is let through, and what never arrives."""

import asyncio
import json
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo.page.guard.asgi import API
from demo.page.guard.bodies import MOST_EVENT_BYTES
from demo.page.request_filter import MOST_LOGIN_BYTES, RequestFilter

UPLOAD = "/folder/uploads/film.png"
PARAMETERS = {"compare": ("film", "operating_point"), "card": ("network",)}


def film(path=UPLOAD, **more):
    return {"path": path, "meta": {"_type": "gradio.FileData"}, **more}


def ask(method, path, body=b"", length=None):
    """Send a request through the gate: (status, headers, what the application received or None)."""
    received, sent = [], []
    given = [{"type": "http.request", "body": body[:7], "more_body": True}, {"type": "http.request", "body": body[7:]}]

    async def receive():
        return given.pop(0) if given else {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    async def gradio(scope, receive, send):
        data, more = b"", True
        while more:
            message = await receive()
            data, more = data + message["body"], message.get("more_body", False)
        assert int(dict(scope["headers"])[b"content-length"]) == len(data)
        assert (await receive())["type"] == "http.disconnect"
        received.append(data)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"X-Content-Type-Options", b"own")]})
        await send({"type": "http.response.body", "body": b""})

    blocks = SimpleNamespace(upload_file_set={UPLOAD})
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "headers": [(b"content-length", str(len(body) if length is None else length).encode())],
        "app": SimpleNamespace(get_blocks=lambda: blocks),
    }
    if length == "absent":
        scope["headers"] = []
    asyncio.run(RequestFilter(gradio, PARAMETERS)(scope, receive, send))
    headers = [(name.decode().lower(), value.decode()) for name, value in sent[0]["headers"]]
    return sent[0]["status"], headers, received[0] if received else None


def call(name, body):
    return ask("POST", f"{API}/call/{name}", json.dumps(body).encode())


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/config",
        "/assets/index.js",
        "/static/img/logo.svg",
        "/theme.css",
        "/favicon.ico",
        f"{API}/info",
        f"{API}/queue/data",
        f"{API}/heartbeat/abc",
        f"{API}/call/compare/0123",
        f"{API}/file=/folder/uploads/film.png",
    ],
)
def test_what_the_page_and_its_api_need_is_let_through(path):
    assert ask("GET", path)[::2] == (200, b"")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"{API}/file=https://example.org/film.png"),
        ("GET", f"{API}/file=http:/example.org/film.png"),
        ("GET", f"{API}/proxy=https://example.hf.space/"),
        ("GET", f"{API}/deep_link"),
        ("GET", f"{API}/runs"),
        ("GET", f"{API}/vibe-code"),
        ("GET", f"{API}/custom_component/1/client/component/index.js"),
        ("GET", f"{API}/stream/session/run/1/playlist.m3u8"),
        ("GET", "/monitoring"),
        ("GET", "/docs"),
        ("GET", "//example.org/"),
        ("POST", "/"),
        ("POST", f"{API}/component_server"),
        ("POST", f"{API}/process_recording"),
        ("POST", f"{API}/vibe-edit"),
        ("POST", f"{API}/call/private_event"),
        ("PUT", f"{API}/upload"),
        ("DELETE", f"{API}/queue/join"),
    ],
)
def test_everything_else_is_not_there(method, path):
    status, _, received = ask(method, path, b"{}")
    assert status == 404
    assert received is None


@pytest.mark.parametrize("path", ["queue/join", "call/compare", "call/v2/compare", "run/predict"])
@pytest.mark.parametrize(
    "place",
    ["https://example.org/film.png", "/etc/passwd", "file:///etc/passwd", UPLOAD + "/..", None, 5, [UPLOAD], ""],
)
def test_a_file_that_was_not_uploaded_is_refused_wherever_it_stands(path, place):
    for body in (
        {"data": [film(place)], "film": film(place)},
        {"data": [[{"deep": [film(place)]}]], "film": {"deep": film(place)}},
    ):
        status, _, received = ask("POST", f"{API}/{path}", json.dumps(body).encode())
        assert status == 400
        assert received is None


def test_an_upload_is_let_through():
    body = {"data": [film(), "f1"]}
    assert json.loads(call("compare", body)[2]) == body


def test_a_path_that_is_no_file_is_no_concern_of_the_gate():
    body = {"fn_index": 1, "data": [{"path": "film.png", "error": None}]}
    assert json.loads(ask("POST", f"{API}/queue/join", json.dumps(body).encode())[2]) == body


def test_arguments_that_were_left_out_are_null():
    assert json.loads(call("compare", {"data": [film()]})[2]) == {"data": [film(), None]}
    assert call("card", {"data": []})[0] == 422
    assert call("card", {"data": ["a", "b"]})[0] == 422
    assert call("card", {})[0] == 422
    assert call("v2/card", {"network": "a"})[0] == 200
    assert call("v2/card", {})[0] == 422
    assert call("v2/card", {"network": "a", "other": 1})[0] == 422


@given(st.binary(max_size=200) | st.recursive(st.none() | st.text(), lambda part: st.lists(part)).map(json.dumps))
def test_a_body_that_is_no_object_is_refused(body):
    data = body.encode() if isinstance(body, str) else body
    status, _, received = ask("POST", f"{API}/queue/join", data)
    try:
        is_object = isinstance(json.loads(data), dict)
    except ValueError:
        is_object = False
    assert (status, received is not None) == ((200, True) if is_object else (400, False))


def test_a_deeply_nested_body_is_refused():
    assert ask("POST", f"{API}/queue/join", b'{"data":' + b"[" * 40_000)[0] == 400


def test_what_is_too_large_or_has_no_length_is_refused_unread():
    for path, most in ((f"{API}/queue/join", MOST_EVENT_BYTES), ("/login", MOST_LOGIN_BYTES)):
        assert ask("POST", path, b"{}", length=most + 1)[::2] == (413, None)
        assert ask("POST", path, b"{}", length="9" * 5000)[::2] == (413, None)
        assert ask("POST", path, b"{}", length="absent")[::2] == (411, None)
        assert ask("POST", path, b"{}", length=-1)[::2] == (411, None)


def test_a_body_longer_than_it_says_is_refused():
    assert ask("POST", f"{API}/queue/join", b'{"data": []}', length=3)[::2] == (400, None)


def test_no_websocket():
    sent = []

    async def send(message):
        sent.append(message["type"])

    asyncio.run(RequestFilter(None, PARAMETERS)({"type": "websocket"}, None, send))
    assert sent == ["websocket.close"]
