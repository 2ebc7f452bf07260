"""Connections that say nothing, too little, or take nothing: they end, and lock nobody out."""

import json
import resource
import socket
import threading
import time

import pytest

httpx = pytest.importorskip("httpx")
uvicorn = pytest.importorskip("uvicorn")

from demo.page.guard import connections  # noqa: E402
from demo.page.guard.connections import BoundedProtocol  # noqa: E402

GET = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n"
PIECES = 2_000


def test_connections_that_say_nothing_lock_nobody_out(site, connect):
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < 2_000:
        pytest.skip("this machine lets a process open too few files for it")
    page, _ = site
    held = []
    try:
        for number in range(1_400):
            connection = connect(page.url)
            held.append(connection)
            if number % 2:
                connection.sendall(GET[:20])
        started = time.monotonic()
        with httpx.Client(trust_env=False, timeout=20) as client:
            assert client.get(f"{page.url}/gradio_api/queue/status").status_code == 200
        assert time.monotonic() - started < 5
    finally:
        for connection in held:
            connection.close()


async def app(scope, receive, send):
    """Answers with much, or, for a POST, once the body has come."""
    more = scope["method"] == "POST"
    while more:
        message = await receive()
        more = message.get("more_body", False) and message["type"] == "http.request"
    much = scope["path"] == "/much"
    headers = [] if much else [(b"content-length", b"65536")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    for number in range(PIECES if much else 1):
        await send({"type": "http.response.body", "body": b"a" * 65_536, "more_body": much})
        if number + 1 == PIECES:
            await send({"type": "http.response.body", "body": b""})


@pytest.fixture
def server(monkeypatch):
    """Serves `app` with at most three connections and times of tenths of a second."""
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.4)
    monkeypatch.setattr(connections, "IDLE_SECONDS", 1)
    monkeypatch.setattr(connections, "TAKING_SECONDS", 0.4)
    monkeypatch.setattr(connections, "BODY_SECONDS", 0.2)
    protocol = type("Three", (BoundedProtocol,), {"most": 3})
    config = uvicorn.Config(app, port=0, http=protocol, lifespan="off", log_level="critical")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield server
    server.should_exit = server.force_exit = True
    thread.join()


@pytest.fixture
def serve(server):
    """Connect to the server: the asking address → socket."""
    port = server.servers[0].sockets[0].getsockname()[1]
    return lambda asking="127.0.0.1": socket.create_connection(("127.0.0.1", port), 30, (asking, 0))


@pytest.mark.parametrize("said", [b"", GET[:10], GET + GET[:10], b"POST / HTTP/1.1\r\nhost: l"])
def test_a_connection_whose_request_does_not_come_ends(serve, said):
    with serve() as connection:
        connection.sendall(said)
        while connection.recv(100_000):
            pass  # until it is closed


def test_a_request_that_drips_ends(serve):
    with serve() as connection:
        sent = 0
        try:
            for byte in GET[:-1] * 10:
                connection.sendall(bytes([byte]))
                sent += 1
                time.sleep(0.02)
        except ConnectionError:
            pass
    assert sent < 60


def test_an_answer_that_is_not_taken_ends(serve):
    with serve() as connection:
        connection.sendall(GET.replace(b" / ", b" /much "))
        time.sleep(1.5)
        received = 0
        try:
            while piece := connection.recv(1_000_000):
                received += len(piece)
        except ConnectionError:
            pass
    assert received < PIECES * 65_536


def test_a_connection_that_is_in_use_stays(serve):
    with serve() as connection:
        for _ in range(8):
            connection.sendall(GET)
            received = 0
            while received < 65_536:
                received += len(connection.recv(100_000))
            time.sleep(0.1)


def test_a_connection_that_has_its_answer_may_wait_longer_than_a_request_may_take(serve, answer_of):
    with serve() as connection:
        connection.sendall(GET)
        assert len(answer_of(connection)[2]) == 65_536
        time.sleep(connections.HEAD_SECONDS * 1.5)
        connection.sendall(GET)
        assert answer_of(connection)[0] == 200
        while connection.recv(100_000):
            pass  # until it has waited long enough


def test_a_page_ends_no_connection_before_those_who_use_it_do():
    """nginx keeps one to what it stands before for 60 seconds, httpx for 5: the last request would else be lost."""
    assert connections.IDLE_SECONDS > 60


def test_a_request_that_came_while_the_server_stood_still_is_answered(server, serve, answer_of):
    with serve() as connection:
        connection.sendall(GET)
        assert answer_of(connection)[0] == 200
        (idle,) = server.server_state.connections
        stands, sent = threading.Event(), threading.Event()

        def stand_still():
            stands.set()
            sent.wait(10)
            idle.timeout_keep_alive_handler()  # its time is up, before the loop looks at the socket

        idle.loop.call_soon_threadsafe(stand_still)
        stands.wait(10)
        connection.sendall(GET)
        sent.set()
        assert answer_of(connection)[0] == 200


def test_of_too_many_the_one_that_waits_longest_goes(serve, answer_of):
    first, second, third = serve(), serve(), serve()
    with first, second, third, serve() as fourth:
        assert first.recv(1) == b""
        for connection in (second, third, fourth):
            connection.sendall(GET)
            assert answer_of(connection)[0] == 200


def test_a_new_one_is_turned_away_politely_where_all_are_in_use(serve, answer_of):
    held = [serve() for _ in range(3)]
    for connection in held:
        connection.sendall(GET.replace(b" / ", b" /much "))
        assert connection.recv(100)
    with serve() as fourth:
        status, headers, body = answer_of(fourth)
        assert (status, int(headers["retry-after"]) > 0) == (503, True)
        assert "too many connections" in json.loads(body)["detail"]
    for connection in held:
        connection.close()


def test_one_client_cannot_hold_all_with_connections_in_use(serve, answer_of):
    held = [serve() for _ in range(3)]
    for connection in held:
        connection.sendall(GET.replace(b" / ", b" /much "))
        assert connection.recv(100)
    with serve("127.0.0.2") as other:
        other.sendall(GET)
        assert answer_of(other)[0] == 200
    for connection in held:
        connection.close()


def test_a_body_that_does_not_come_counts_as_waiting(serve, answer_of):
    held = [serve() for _ in range(3)]
    for connection in held:
        connection.sendall(b"POST / HTTP/1.1\r\nhost: l\r\ncontent-length: 10\r\n\r\n")
    time.sleep(0.3)
    with serve() as fourth:
        fourth.sendall(GET)
        assert answer_of(fourth)[0] == 200
    for connection in held:
        connection.close()


def test_what_is_no_http_is_refused_in_json(serve, answer_of):
    with serve() as connection:
        connection.sendall(b"nonsense\r\n\r\n")
        status, headers, body = answer_of(connection)
    assert (status, headers["content-type"]) == (400, "application/json")
    assert "default-src 'self'" in headers["content-security-policy"]
    assert json.loads(body)["detail"]
