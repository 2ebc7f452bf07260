"""Sessions of a page that really runs: whose they are, what they cost, and that a storm of them stops nobody."""

import asyncio
import json
import re
import time
from urllib.parse import urlsplit

import cv2
import numpy as np
import pytest

pytest.importorskip("gradio", reason="the page needs Gradio, not installed here")
httpx = pytest.importorskip("httpx")

API = "/gradio_api"
FILM = cv2.imencode(".png", np.random.default_rng(0).integers(0, 256, (300, 400), np.uint8))[1].tobytes()


class Visitor:
    """What a browser does with the page, by hand."""

    def __init__(self, client):
        self.client = client
        self.session = re.search(r'name="pneumoscope-session" content="([\w-]+)"', client.get("/").text)[1]
        self.headers = {"x-pneumoscope-session": self.session}

    def ask(self, function, data, name="invented-by-the-browser"):
        """Let the page's own function work on values → (whether it could, what it answered)."""
        body = {"fn_index": function, "data": data, "session_hash": name}
        begun = self.client.post(f"{API}/queue/join", json=body, headers=self.headers)
        assert begun.status_code == 200, begun.text
        asked = {"session_hash": name}
        with self.client.stream("GET", f"{API}/queue/data", params=asked, headers=self.headers) as answers:
            for line in answers.iter_lines():
                message = json.loads(line.removeprefix("data:") or "{}")
                if message.get("msg") == "process_completed":
                    return message["success"], message["output"]
        raise AssertionError(line)

    def upload(self):
        """Send a film → what names it in a call."""
        files = {"files": ("film.png", FILM)}
        (path,) = self.client.post(f"{API}/upload", files=files, headers=self.headers).json()
        return {"path": path, "orig_name": "film.png", "meta": {"_type": "gradio.FileData"}}

    def open_film(self):
        assert self.ask(function_of(self.client, "upload"), [self.upload(), "youden", "en"])[0]

    def has_film(self):
        """Whether the server still has what is on this visitor's screen: it makes a report of it."""
        return self.ask(report_of(self.client), [None, "", "", "en"])[0]


def dependencies(client):
    return client.get("/config").json()["dependencies"]


def function_of(client, event):
    return next(each["id"] for each in dependencies(client) if any(target[1] == event for target in each["targets"]))


def report_of(client):
    """The function of the report as HTML: case, title, note, language."""
    return next(each["id"] for each in dependencies(client) if len(each["inputs"]) == 4 and each["queue"] is not False)


@pytest.fixture
def client(running_page):
    with httpx.Client(base_url=running_page, trust_env=False, timeout=60) as client:
        yield client


def test_calls_make_no_session_and_wipe_no_screen(client):
    visitor = Visitor(client)
    visitor.open_film()
    for _ in range(120):  # more than there were places for sessions
        begun = client.post(f"{API}/call/card", json={"data": ["a"], "session_hash": None})
        assert begun.status_code == 200
    assert visitor.has_film()


def test_nobody_gets_anothers_film_by_an_id(client):
    visitor, other = Visitor(client), Visitor(client)
    visitor.open_film()
    assert visitor.session != other.session
    assert not other.has_film()
    assert not Visitor(client).ask(report_of(client), [None, "", "", "en"], name=visitor.session)[0]
    other.headers = {}
    assert not other.ask(report_of(client), [None, "", "", "en"], name=visitor.session)[0]
    assert visitor.has_film()


def test_an_upload_is_its_pages_alone(client, running_page):
    visitor, other = Visitor(client), Visitor(client)
    film = visitor.upload()
    join = {"fn_index": function_of(client, "upload"), "data": [film, "youden", "en"], "session_hash": "x"}
    call = {"data": [film]}
    for path, body in (("queue/join", join), ("call/compare", call), ("call/v2/compare", {"film": film})):
        for headers in (other.headers, {}):
            refused = client.post(f"{API}/{path}", json=body, headers=headers)
            assert (refused.status_code, refused.json()["detail"][:22]) == (403, "this upload is not you")
    with httpx.Client(
        base_url=running_page, transport=httpx.HTTPTransport(local_address="127.0.0.2"), timeout=60
    ) as elsewhere:
        for path in (film["path"], film["path"].replace("/tmp/", "/tmp/../tmp/")):
            assert elsewhere.get(f"{API}/file={path}").status_code == 404
    assert client.get(f"{API}/file={film['path']}").content == FILM
    assert visitor.ask(function_of(client, "upload"), join["data"])[0]


def test_an_upload_of_a_program_is_its_addresss_alone(client, running_page):
    (path,) = client.post(f"{API}/upload", files={"files": ("film.png", FILM)}).json()
    call = {"data": [{"path": path, "meta": {"_type": "gradio.FileData"}}]}
    with httpx.Client(
        base_url=running_page, transport=httpx.HTTPTransport(local_address="127.0.0.2"), timeout=60
    ) as elsewhere:
        assert elsewhere.post(f"{API}/call/compare", json=call).status_code == 403
    assert client.post(f"{API}/call/compare", json=call, headers=Visitor(client).headers).status_code == 403
    event = client.post(f"{API}/call/compare", json=call).json()["event_id"]
    assert "event: complete" in client.get(f"{API}/call/compare/{event}").text


@pytest.mark.parametrize("session", ["", "x" * 44, "v" + "A" * 44, "x" * 5000, "../..", "v\xe9"])
def test_an_id_that_the_server_did_not_make_is_refused(client, session):
    headers = {"x-pneumoscope-session": session.encode("latin-1")}
    body = {"fn_index": 0, "data": []}
    with_it = client.post(f"{API}/queue/join", json=body, headers=headers)
    assert with_it.status_code == 403
    assert client.get(f"{API}/heartbeat/x", headers=headers).status_code == 403


@pytest.mark.parametrize("name", ["", "x" * 65, "a b", "é", "a\n", 5, ["a"], {}])
def test_a_program_names_its_session_in_letters(client, name):
    for path, body in (
        ("queue/join", {"fn_index": 0, "data": []}),
        ("run/speak", {"data": ["en"]}),
        ("reset", {"event_id": "x"}),
        ("cancel", {"fn_index": 0, "event_id": "x"}),
    ):
        answer = client.post(f"{API}/{path}", json=body | {"session_hash": name})
        assert (path, answer.status_code) == (path, 422)
    if isinstance(name, str):
        assert client.get(f"{API}/queue/data", params={"session_hash": name}).status_code == 422


def test_a_program_needs_no_heartbeat(client):
    answer = client.get(f"{API}/heartbeat/anything")
    assert (answer.status_code, answer.json()["detail"]) == (404, "no session of a page: a program needs no heartbeat")


def test_only_who_waits_can_cancel(client):
    film = cv2.imencode(".tif", np.zeros((4000, 4000), np.uint16))[1].tobytes()
    (path,) = client.post(f"{API}/upload", files={"files": film}).json()
    data = [{"path": path, "meta": {"_type": "gradio.FileData"}}]
    event = client.post(f"{API}/call/compare", json={"data": data}).json()["event_id"]
    body = {"session_hash": "mine", "fn_index": 0, "event_id": event}
    assert client.post(f"{API}/cancel", json=body).status_code == 404
    assert "event: complete" in client.get(f"{API}/call/compare/{event}").text
    assert client.get(f"{API}/call/compare/{event}").status_code == 404  # it was fetched


def test_an_endpoint_called_by_names_is_the_same_call(client):
    begun = client.post(f"{API}/call/v2/evaluation", json={"network": "a"}).json()
    assert '"split": "validation"' in client.get(f"{API}/call/v2/evaluation/{begun['event_id']}").text


async def _hearts(url, sessions):
    """Open a heartbeat for each session → their connections, the first beat heard."""
    address = urlsplit(url)

    async def one(session):
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        request = (
            f"GET {API}/heartbeat/x HTTP/1.1\r\nHost: {address.netloc}\r\nX-Pneumoscope-Session: {session}\r\n\r\n"
        )
        writer.write(request.encode())
        assert b" 200 " in await reader.readuntil(b"\r\n")
        await reader.readuntil(b"data: ALIVE")
        return writer

    opened = []
    for first in range(0, len(sessions), 100):
        opened += await asyncio.gather(*map(one, sessions[first : first + 100]))
    return opened


async def _longest_wait(url, seconds):
    """How long the slowest of many answers took."""
    longest, end = 0.0, time.monotonic() + seconds
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=60) as client:
        while time.monotonic() < end:
            begun = time.monotonic()
            assert (await client.get("/theme.css")).status_code == 200
            longest = max(longest, time.monotonic() - begun)
    return longest


@pytest.mark.slow
@pytest.mark.parametrize("pages", [50, pytest.param(225, marks=pytest.mark.exhaustive)])
def test_hundreds_of_heartbeats_closed_at_once_stop_nobody(client, running_page, pages):
    pages = [Visitor(client) for _ in range(pages)]  # the server has 1,000 connections; other tests' are among them
    for page in pages[::10]:  # some of them with something that is kept
        page.client.post(f"{API}/run/speak", json={"data": ["he"]}, headers=page.headers)

    async def storm():
        hearts = await _hearts(running_page, [page.session for page in pages] * 4)
        for heart in hearts:
            heart.close()
        return await _longest_wait(running_page, 3)

    assert asyncio.run(storm()) < 6  # it was seventeen seconds; a busy machine lets any process wait for two


def test_a_page_has_only_so_many_heartbeats(client, running_page):
    page = Visitor(client)

    async def open_many():
        hearts = await _hearts(running_page, [page.session] * 4)
        async with httpx.AsyncClient(base_url=running_page, trust_env=False) as other:
            refused = await other.get(f"{API}/heartbeat/x", headers=page.headers)
        for heart in hearts:
            heart.close()
        return refused

    refused = asyncio.run(open_many())
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "10")
