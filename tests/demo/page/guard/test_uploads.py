"""Uploads of a running page: what does not come whole leaves nothing, and nothing but films is taken."""

import asyncio
import errno
import json
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

pytest.importorskip("gradio", reason="the page needs Gradio, not installed here")
httpx = pytest.importorskip("httpx")

from demo.page.guard import uploads  # noqa: E402
from demo.page.guard.upload_space import Owner, UploadSpace  # noqa: E402
from demo.page.guard.uploads import Uploads  # noqa: E402

API = "/gradio_api"
HEAD = b'--b\r\ncontent-disposition: form-data; name="files"; filename="film.png"\r\n\r\n'


def upload_head(length, *, path="/upload", boundary="b"):
    return (
        f"POST {API}{path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n"
        f"content-type: multipart/form-data; boundary={boundary}\r\n\r\n"
    ).encode()


@pytest.fixture(scope="module")
def client(site):
    with httpx.Client(base_url=f"{site[0].url}{API}", trust_env=False, timeout=30) as client:
        yield client


def wait_until(condition, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_an_upload_lies_by_itself_in_its_visitors_own_name(site, client, stored):
    before = set(stored(site[1]))
    names = ["film.png", "film.png", "../../etc/passwd", "..", "x" * 300 + ".dcm", "", "ראות.png"]
    answer = client.post("/upload", files=[("files", (name or " ", b"film")) for name in names])
    assert answer.status_code == 200
    paths = answer.json()
    new = set(stored(site[1])) - before
    assert {str(path) for path in new} == set(paths)
    assert len({path.parent for path in new}) == len(names) == len(new)
    assert [path.read_bytes() for path in new] == [b"film"] * len(names)
    assert paths[0].endswith("/film.png")
    assert paths[2].endswith("/passwd")
    assert all(path.parent.stat().st_mode & 0o077 == 0 for path in new)
    for path in new:
        path.unlink()


def test_uploads_that_are_broken_off_leave_nothing(site, connect, stored):
    page, temporary = site
    before = set(stored(temporary))
    wholes = HEAD + b"film\r\n"

    def break_off(number):
        with connect(page.url) as connection:
            connection.sendall(upload_head(2_000_000) + wholes * (number % 3) + HEAD + b"a" * 1_200_000)

    with ThreadPoolExecutor(8) as clients:
        list(clients.map(break_off, range(40)))
    wait_until(lambda: set(stored(temporary)) == before)


@pytest.mark.parametrize(
    "form",
    [
        {"data": {"other": "x" * 100_000}},
        {"files": {"other": b"film"}},
        {"files": [("files", b"film"), ("other", b"film")]},
        {"files": [("files", b"film")], "data": {"files": "text"}},
        {"content": b"film", "headers": {"content-type": "application/octet-stream"}},
        {"content": b"film", "headers": {"content-type": "multipart/form-data"}},
        {"content": b"film", "headers": {"content-type": "multipart/form-data; boundary=b"}},
        {"content": HEAD + b"film\r\n", "headers": {"content-type": "multipart/form-data; boundary=b"}},
        {"content": b"--b\r\n\r\n\r\n--b--", "headers": {"content-type": "multipart/form-data; boundary=b"}},
    ],
)
def test_nothing_but_whole_films_is_taken_and_nothing_stays(site, client, stored, form):
    before = set(stored(site[1]))
    answer = client.post("/upload", **form)
    assert answer.status_code == 400
    assert answer.json()["detail"]
    assert set(stored(site[1])) == before


def test_text_in_a_form_is_refused_before_it_fills_the_memory(site, connect, answer_of, peak_memory):
    page, _ = site
    before = peak_memory(page.process.pid)
    with connect(page.url) as connection:
        connection.sendall(upload_head(500_000_000) + b'--b\r\ncontent-disposition: form-data; name="text"\r\n\r\n')
        try:
            for _ in range(60):
                connection.sendall(b"a" * 1_000_000)
        except OSError:
            pass
        assert answer_of(connection)[0] == 400
    assert peak_memory(page.process.pid) - before < 20_000_000


@pytest.mark.parametrize("many", [[(b"", 100_000_001)], [(b"", 1)] * 1_001])
def test_too_large_or_too_many_at_once(site, client, stored, many):
    before = set(stored(site[1]))
    answer = client.post("/upload", files=[("files", b"a" * size) for _, size in many])
    assert answer.status_code == 413
    assert json.loads(answer.text)["detail"].startswith("a file is larger" if len(many) == 1 else "more than")
    assert set(stored(site[1])) == before


def test_one_clients_films_do_not_take_all_the_room(open_page, stored, tmp_path):
    environment = {"TMPDIR": str(tmp_path)}
    with (
        open_page("--client-quota", 3, environment=environment) as page,
        httpx.Client(base_url=f"{page.url}{API}", trust_env=False, timeout=30) as client,
    ):
        film = {"files": b"a" * 1_400_000}
        first, second = (client.post("/upload", files=film) for _ in range(2))
        assert first.status_code == second.status_code == 200
        refused = client.post("/upload", files=film)
        assert refused.status_code == 429
        assert "3 MB are the most" in refused.json()["detail"]
        assert int(refused.headers["retry-after"]) > 0
        assert len(stored(tmp_path)) == 2
        call = {"data": [{"path": first.json()[0], "meta": {"_type": "gradio.FileData"}}]}
        event = client.post("/call/compare", json=call).json()["event_id"]
        assert "event: complete" in client.get(f"/call/compare/{event}").text
        assert client.post("/upload", files=film).status_code == 200  # one was read


def test_a_browser_hears_how_far_its_upload_is(client):
    with ThreadPoolExecutor(1) as listener:
        told = listener.submit(client.get, "/upload_progress", params={"upload_id": "abc"})
        client.post("/upload", params={"upload_id": "abc"}, files={"files": ("film.png", b"a" * 300_000)})
        events = [json.loads(line.removeprefix("data: ")) for line in told.result().text.splitlines() if line]
    assert events[-1] == {"msg": "done"}
    assert sum(event["chunk_size"] for event in events[:-1]) == 300_000
    client.post("/upload", params={"upload_id": "late"}, files={"files": ("film.png", b"a")})
    assert '"done"' in client.get("/upload_progress", params={"upload_id": "late"}).text
    assert client.get("/upload_progress", params={"upload_id": "x" * 65}).status_code == 404


@pytest.mark.parametrize(
    ("error", "status"), [(OSError(errno.ENOSPC, "No space left on device"), 507), (KeyError("unforeseen"), None)]
)
def test_whatever_fails_while_it_is_written_leaves_nothing(tmp_path, stored, monkeypatch, error, status):
    written = []

    def fail(pieces):
        write(pieces[:1])
        written.extend(stored(tmp_path))
        raise error

    write = uploads._append
    monkeypatch.setattr(uploads, "_append", fail)
    space = UploadSpace()
    if status:
        assert sent_to(Uploads(None, space, lambda _: Owner(None, None, "unknown")), tmp_path)[0]["status"] == status
    else:
        with pytest.raises(KeyError, match="unforeseen"):
            sent_to(Uploads(None, space, lambda _: Owner(None, None, "unknown")), tmp_path)
    assert written
    assert list(tmp_path.iterdir()) == []
    assert (space.coming, space.stored) == ({}, {})


def sent_to(app, folder):
    """What is sent to a client that uploads a film to a folder."""
    body = HEAD + b"film\r\n--b--\r\n"
    given, sent = [{"type": "http.request", "body": body, "more_body": False}], []

    async def receive():
        return given.pop() if given else {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": f"{API}/upload",
        "query_string": b"",
        "headers": [
            (b"content-length", str(len(body)).encode()),
            (b"content-type", b"multipart/form-data; boundary=b"),
        ],
        "app": SimpleNamespace(uploaded_file_dir=str(folder)),
    }
    asyncio.run(app(scope, receive, send))
    return sent
