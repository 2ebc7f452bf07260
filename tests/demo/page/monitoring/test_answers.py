"""What is told of each answer, logged and counted: never what a visitor put into a request."""

import asyncio
import io
import json
from contextlib import suppress
from types import SimpleNamespace

import pytest

from demo.page.monitoring.access_log import access_log
from demo.page.monitoring.answers import OTHER, Answer, ToldAnswers, kind_of

ONE = Answer("GET", "/gradio_api/file=*", 200, 512, 0.01234)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "/"),
        ("/readyz", "/readyz"),
        ("/gradio_api/upload", "/gradio_api/upload"),
        ("/gradio_api/file=/tmp/x/Anna Example.dcm", "/gradio_api/file=*"),
        ("/gradio_api/heartbeat/2f8a", "/gradio_api/heartbeat/*"),
        ("/gradio_api/call/compare", "/gradio_api/call/compare"),
        ("/gradio_api/call/v2/batch/2f8a", "/gradio_api/call/v2/batch/*"),
        ("/gradio_api/call/Anna", OTHER),
        ("/assets/index-1.js", "/assets/*"),
        ("/Anna Example.dcm", OTHER),
        ("/gradio_api/upload/Anna", OTHER),
    ],
)
def test_the_kind_of_a_path_holds_nothing_of_a_visitor(path, kind):
    assert kind_of(path) == kind


def tell(app, method="GET", path="/"):
    told = []

    async def nowhere(*_):
        pass

    scope = {"type": "http", "method": method, "path": path, "query_string": b"name=Anna"}
    with suppress(RuntimeError):
        asyncio.run(ToldAnswers(app, [told.append])(scope, nowhere, nowhere))
    return told


def test_an_answer_is_told_once_it_is_over():
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 404, "headers": []})
        await send({"type": "http.response.body", "body": b"abc", "more_body": True})
        await send({"type": "http.response.body", "body": b"de"})

    (told,) = tell(app, "BREW", "/Anna")
    assert (told.method, told.kind, told.status, told.sent) == (OTHER, OTHER, 404, 5)
    assert told.seconds >= 0


def test_a_request_that_fails_is_told_too():
    async def app(scope, receive, send):
        raise RuntimeError("the film of Anna")

    (told,) = tell(app)
    assert told.status == 0


def test_a_line_for_machines_and_one_for_people():
    to = io.StringIO()
    access_log("json", to)(ONE)
    line = json.loads(to.getvalue())
    assert line.pop("time").endswith("+00:00")
    assert line == {"method": "GET", "path": ONE.kind, "status": 200, "bytes": 512, "milliseconds": 12.3}
    to = io.StringIO()
    access_log("text", to)(ONE)
    assert to.getvalue().split(" ", 1)[1] == "GET /gradio_api/file=* 200 512 bytes 12.3 ms\n"


def test_a_log_that_is_gone_does_not_stop_the_page():
    def broken(text):
        raise BrokenPipeError

    access_log("text", SimpleNamespace(write=broken))(ONE)
    closed = io.StringIO()
    closed.close()
    access_log("json", closed)(ONE)
