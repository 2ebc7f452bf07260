"""Bodies: no larger than announced, no larger parsed than a page's, and none of a stranger's is read."""

import json

import pytest

API = "/gradio_api"
PAIR = "content-length: 10\r\ntransfer-encoding: chunked\r\n"


def head(method, path, *lines):
    return f"{method} {API}{path} HTTP/1.1\r\nhost: localhost\r\n{''.join(lines)}\r\n".encode()


@pytest.mark.parametrize("path", ["/queue/join", "/upload", "/run/compare", "/cancel"])
def test_a_length_beside_chunks_is_refused_whatever_follows(site, connect, answer_of, peak_memory, path):
    page, _ = site
    before = peak_memory(page.process.pid)
    chunk = b"%x\r\n" % 1_000_000 + b"a" * 1_000_000 + b"\r\n"
    with connect(page.url) as connection:
        connection.sendall(head("POST", path, PAIR, "content-type: multipart/form-data; boundary=b\r\n"))
        try:
            for _ in range(60):
                connection.sendall(chunk)
        except OSError:
            pass  # it has heard enough
        status, headers, body = answer_of(connection)
    assert status == 400
    assert "Content-Length alone" in json.loads(body)["detail"]
    assert headers["x-content-type-options"] == "nosniff"
    assert peak_memory(page.process.pid) - before < 20_000_000


def test_a_length_beside_chunks_is_refused_of_a_plain_read_too(site, connect, answer_of):
    with connect(site[0].url) as connection:
        connection.sendall(head("GET", "/info", PAIR) + b"0\r\n\r\n")
        status, headers, _ = answer_of(connection)
    assert (status, headers["connection"]) == (400, "close")


def test_a_websocket_is_no_way_past_the_headers(site, connect, answer_of):
    upgrade = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: eA==\r\n"
    with connect(site[0].url) as connection:
        connection.sendall(head("GET", "/queue/join", upgrade))
        status, headers, _ = answer_of(connection)
    assert (status, "content-security-policy" in headers) == (404, True)


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ("transfer-encoding: chunked\r\n", 411),
        ("", 411),
        ("content-length: 1000001\r\n", 413),
        ("content-length: 99999999999999999999\r\n", 413),
    ],
)
def test_a_body_of_unknown_or_too_great_length_is_refused_before_it_comes(site, connect, answer_of, lines, status):
    with connect(site[0].url) as connection:
        connection.sendall(head("POST", "/queue/join", lines))
        assert answer_of(connection)[0] == status


def test_more_elements_than_a_page_sends_are_refused(site, connect, answer_of, peak_memory):
    page, _ = site
    before = peak_memory(page.process.pid)
    body = b'{"data":[' + b"{}," * 300_000 + b"1]}"
    with connect(page.url) as connection:
        connection.sendall(head("POST", "/queue/join", f"content-length: {len(body)}\r\n") + body)
        status, _, answer = answer_of(connection)
    assert (status, "elements" in json.loads(answer)["detail"]) == (413, True)
    assert peak_memory(page.process.pid) - before < 20_000_000


@pytest.mark.parametrize("path", ["/queue/join", "/upload", "/run/compare", "/call/card", "/cancel", "/reset"])
def test_a_stranger_is_sent_to_the_login_before_anything_is_read(locked_site, connect, answer_of, path):
    with connect(locked_site.url) as connection:
        connection.sendall(head("POST", path, "content-length: 900000\r\n", "content-type: application/json\r\n"))
        assert answer_of(connection)[0] == 401  # though nothing of the body has come


def test_a_login_that_is_no_name_and_password_is_refused(locked_site, connect, answer_of):
    with connect(locked_site.url) as connection:
        connection.sendall(
            b"POST /login HTTP/1.1\r\nhost: localhost\r\ncontent-length: 20000\r\n"
            b"content-type: application/x-www-form-urlencoded\r\n\r\n"
        )
        assert answer_of(connection)[0] == 413
