"""The page's own socket and server: two pages begun together, and a clock that is set while they begin."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("gradio", reason="the page needs Gradio, not installed here")
httpx = pytest.importorskip("httpx")

from demo.page.hosting import own_server  # noqa: E402
from demo.page.hosting.own_server import PageServer, serving_on  # noqa: E402
from demo.page.serving import take_port  # noqa: E402
from train.common.errors import PneumoscopeError  # noqa: E402

ROOT = Path(__file__).resolve().parents[4]


async def answer(scope, receive, send):
    """An application that says the same to everyone."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


def started(listening, app=answer):
    from gradio import http_server

    with serving_on(listening):
        return http_server.start_server(app, server_name="127.0.0.1", server_port=1)


def test_gradio_serves_on_the_socket_that_it_is_given():
    with take_port("127.0.0.1", 0) as listening:
        name, port, url, server = started(listening)
        assert (name, port) == ("127.0.0.1", listening.getsockname()[1])
        assert httpx.get(url, trust_env=False).text == "ok"
        server.close()
        assert not server.thread.is_alive()


def test_small_answers_are_not_held_back():
    def asked(url, clients=20):
        times = []
        with httpx.Client(trust_env=False) as client:
            for _ in range(clients):
                started_at = time.perf_counter()
                client.post(url, content=b"ask")
                times.append(time.perf_counter() - started_at)
        return sorted(times)[clients // 2]

    with take_port("127.0.0.1", 0) as listening:
        *_, url, server = started(listening)
        assert asked(url) < 0.03  # 0.04 where the system waits for more to send
        server.close()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "::1"])
def test_it_greets_itself_wherever_it_listens(host):
    try:
        listening = take_port(host, 0)
    except Exception:
        if ":" not in host:
            raise
        pytest.skip("no IPv6 here")
    with listening:
        *_, url, server = started(listening)
        assert httpx.get(url, trust_env=False).text == "ok"
        server.close()


def test_a_clock_that_is_set_does_not_end_the_beginning(monkeypatch):
    clock = iter(range(0, 10**9, 3600))
    monkeypatch.setattr(time, "time", lambda: next(clock))
    with take_port("127.0.0.1", 0) as listening:
        *_, url, server = started(listening)
        assert httpx.get(url, trust_env=False).text == "ok"
        server.close()


def test_a_server_that_does_not_begin_is_one_line(monkeypatch):
    monkeypatch.setattr(PageServer, "run", lambda self: None)
    with take_port("127.0.0.1", 0) as listening, pytest.raises(PneumoscopeError, match="did not begin"):
        started(listening)


@pytest.mark.parametrize(("soft", "most"), [(-1, 1_000), (4_096, 1_000), (1_024, 724), (256, 1)])
def test_no_more_connections_than_files_may_be_open(monkeypatch, soft, most):
    limits = SimpleNamespace(RLIMIT_NOFILE=7, getrlimit=lambda _: (soft, soft), setrlimit=lambda *_: None)
    monkeypatch.setattr(own_server, "resource", limits)
    assert own_server._bounded().most == most


@pytest.mark.slow
def test_two_pages_that_are_begun_together_take_two_ports(tmp_path):
    with take_port("127.0.0.1", 0) as listening:
        port = str(listening.getsockname()[1])
    command = [sys.executable, "-P", "-c", "from demo.cli import app; app()", "demo", "--no-browser", "--port", port]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    pages = [subprocess.Popen(command, env=environment, **pipes) for _ in range(2)]
    try:
        urls = [page.stdout.readline().strip() for page in pages]
        assert all(url.startswith("http://") for url in urls)
        assert len(set(urls)) == 2
        for page in pages:
            page.send_signal(signal.SIGTERM)
        told = [page.communicate(timeout=60)[1] for page in pages]
        assert [page.returncode for page in pages] == [0, 0]
        assert not any("Traceback" in lines for lines in told)
    finally:
        for page in pages:
            page.kill()
            page.communicate()
