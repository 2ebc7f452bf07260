"""The page behind the example of a gateway: a real nginx, a real page, both on this machine's loopback."""

import json
import re
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager

import cv2
import numpy as np
import pytest

from tests.demo.deploy.examples import CONTAINER

pytest.importorskip("gradio", reason="the page needs Gradio, not installed here")
httpx = pytest.importorskip("httpx")

API = "/gradio_api"
FILM = cv2.imencode(".png", np.random.default_rng(0).integers(0, 256, (300, 400), np.uint8))[1].tobytes()
WHO = ("anna", "open sesame")


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as found:
        return found.getsockname()[1]


@pytest.fixture(scope="module")
def page(open_page):
    """The page, told what docs/hosting.md says it is to be told."""
    if shutil.which("nginx") is None or shutil.which("openssl") is None:
        pytest.skip("nginx, or openssl, is not installed here")
    with open_page("--allowed-host", "films.example.org") as page:
        yield page


@pytest.fixture(scope="module")
def gateway(page, tmp_path_factory):
    """nginx with the example's lines, but for names of files, ports and the page's address: (HTTPS, HTTP) ports."""
    folder = tmp_path_factory.mktemp("nginx")
    certify = ("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1")
    files = ("-keyout", folder / "key.pem", "-out", folder / "cert.pem")
    subprocess.run(["openssl", *certify, "-subj", "/CN=films.example.org", *files], check=True, capture_output=True)
    hashed = subprocess.run(
        ["openssl", "passwd", "-apr1", WHO[1]], check=True, capture_output=True, text=True
    ).stdout.strip()
    (folder / "htpasswd").write_text(f"{WHO[0]}:{hashed}\n")
    https, http = free_port(), free_port()
    text = (CONTAINER / "nginx.conf").read_text()
    for here, there in (
        ("listen 80;", f"listen 127.0.0.1:{http};"),
        ("listen 443 ssl;", f"listen 127.0.0.1:{https} ssl;"),
        ("/etc/ssl/films.example.org.pem", str(folder / "cert.pem")),
        ("/etc/ssl/private/films.example.org.key", str(folder / "key.pem")),
        ("/etc/nginx/films.htpasswd", str(folder / "htpasswd")),
        ("http://127.0.0.1:7860", page.url),
    ):
        assert here in text, here
        text = text.replace(here, there)
    own = "".join(f"{kind}_temp_path {folder};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    (folder / "nginx.conf").write_text(
        # As the tests' own user: another could not read its files.
        f"user root;\npid {folder}/pid;\nerror_log {folder}/errors;\nevents {{}}\nhttp {{\n{own}{text}}}\n"
    )
    command = ["nginx", "-p", folder, "-e", folder / "errors", "-c", folder / "nginx.conf", "-g", "daemon off;"]
    process = subprocess.Popen(command)
    try:
        wait_for(https, process, folder / "errors")
        yield https, http
    finally:
        process.terminate()
        process.wait(10)


def wait_for(port, process, errors):
    deadline = time.monotonic() + 20
    while True:
        assert process.poll() is None, errors.read_text()
        try:
            socket.create_connection(("127.0.0.1", port), 5).close()
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        else:
            return


@contextmanager
def client(port, address="127.0.0.1", **more):
    """A visitor's browser, or program, at an address of its own."""
    transport = httpx.HTTPTransport(local_address=address, verify=False)
    headers = {"host": f"films.example.org:{port}"} | more.pop("headers", {})
    with httpx.Client(
        base_url=f"https://127.0.0.1:{port}", transport=transport, headers=headers, timeout=60, auth=WHO, **more
    ) as visitor:
        yield visitor


def uploaded(visitor):
    (path,) = visitor.post(f"{API}/upload", files={"files": ("film.png", FILM)}).raise_for_status().json()
    return {"data": [{"path": path, "meta": {"_type": "gradio.FileData"}}]}


def test_who_has_no_login_sees_nothing_and_what_is_inside_stays_there(gateway):
    https, http = gateway
    redirected = httpx.get(f"http://127.0.0.1:{http}/x", headers={"host": "films.example.org"}, trust_env=False)
    assert (redirected.status_code, redirected.headers["location"]) == (301, "https://films.example.org/x")
    with client(https) as visitor:
        assert visitor.get("/", auth=None).status_code == 401
        assert visitor.get("/").status_code == 200
        for path in ("/metrics", "/healthz", "/readyz", "/version"):
            assert visitor.get(path).status_code == 404
        assert visitor.get("/", headers={"host": "other.example.org"}).status_code == 421


def test_a_film_is_uploaded_and_read_through_it(gateway):
    with client(gateway[0]) as visitor:
        begun = visitor.post(f"{API}/call/compare", json=uploaded(visitor)).json()
        answer = visitor.get(f"{API}/call/compare/{begun['event_id']}").text
        (reading,) = json.loads(answer.split("data: ")[-1])
        assert (reading["error"], sorted(reading["readings"])) == (None, ["a", "b"])
        assert visitor.get("/config").json()["root"] == f"https://films.example.org:{gateway[0]}"


def test_an_upload_larger_than_nginx_takes_by_default_goes_through(gateway):
    with client(gateway[0]) as visitor:
        sent = visitor.post(f"{API}/upload", files={"files": ("film.png", b"a" * 30_000_000)})
        assert sent.status_code == 200


def test_a_heartbeat_is_heard_as_it_is_sent_and_its_end_is_noticed(gateway):
    with client(gateway[0]) as visitor:
        session = re.search(r'pneumoscope-session" content="([\w-]+)"', visitor.get("/").text)[1]
        headers = {"x-pneumoscope-session": session}
        for _ in range(6):  # a page has four at most: those that were closed are gone
            with visitor.stream("GET", f"{API}/heartbeat/x", headers=headers) as beats:
                assert next(beats.iter_lines()) == "data: ALIVE"


def test_the_page_knows_each_visitors_own_address(gateway):
    with (
        client(gateway[0], "127.0.0.2") as anna,
        client(gateway[0], "127.0.0.3", headers={"x-forwarded-for": "127.0.0.2"}) as ben,
    ):
        call = uploaded(anna)
        assert ben.post(f"{API}/call/compare", json=call).status_code == 403  # whatever he says
        assert anna.post(f"{API}/call/compare", json=call).status_code == 200


def test_who_opens_the_page_anew_and_anew_gets_all_its_files(gateway):
    with client(gateway[0], "127.0.0.4") as visitor:
        answers = [visitor.get("/theme.css").status_code for _ in range(180)]  # two loads, faster than a browser's
        assert answers == [200] * 180
        calls = [visitor.get(f"{API}/queue/status").status_code for _ in range(200)]
        assert {200, 429} == set(calls)


@pytest.mark.slow
def test_a_browser_sees_the_whole_page_through_it(gateway, chromium, tmp_path):
    answers = []
    (tmp_path / "film.png").write_bytes(FILM)
    credentials = {"username": WHO[0], "password": WHO[1]}
    with chromium.new_context(ignore_https_errors=True, http_credentials=credentials) as context:
        seen = context.new_page()
        seen.on("response", lambda answer: answers.append((answer.status, answer.url)))
        seen.goto(f"https://localhost:{gateway[0]}/")
        seen.set_input_files("#drop input[type=file]", tmp_path / "film.png")
        seen.wait_for_selector(".verdict.positive, .verdict.negative, .verdict.refused")
        for tab in seen.get_by_role("tab").all():
            tab.click()
        seen.reload()
        seen.get_by_role("tab").first.wait_for()
        seen.wait_for_function("document.readyState === 'complete'")
    assert len(answers) > 50
    assert [answer for answer in answers if answer[0] >= 400] == []
