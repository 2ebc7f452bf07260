"""The page's server: ports, surroundings, silence; that it looks nothing up, and that a browser finds it whole."""

import errno
import os
import signal
import socket
import sys
import threading
import time
import warnings
from ipaddress import ip_address
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from demo.page import serving
from demo.page.guard.hosts import allowed_hosts
from demo.page.serving import check_installed, open_share_link, prepare_environment, silence, take_port
from train.common.errors import PneumoscopeError, UsageError

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def taken():
    """A port that is in use."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_port_in_use_gives_the_next_free_one(taken):
    with take_port("127.0.0.1", taken) as next_one:
        found = next_one.getsockname()[1]
        assert taken < found < taken + serving.PORTS_TRIED
        with take_port("localhost", found) as another:  # taken from the moment it is found
            assert another.getsockname()[1] > found
    with take_port("0.0.0.0", taken) as everywhere, take_port("127.0.0.1", 0) as any_port:
        assert everywhere.getsockname()[1] != taken
        assert any_port.getsockname()[1] > 0


def test_a_port_is_free_again_at_once(taken):
    with take_port("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            first.accept()[0].close()  # the server closes first, and the system remembers the connection
            client.recv(1)
    with take_port("127.0.0.1", port) as again:
        assert again.getsockname()[1] == port


def test_no_port_is_free(monkeypatch, taken):
    monkeypatch.setattr(serving, "PORTS_TRIED", 1)
    with pytest.raises(UsageError, match=rf"--port {taken}: .*choose another"):
        take_port("127.0.0.1", taken)


@pytest.mark.parametrize("host", ["example.org", "", "127.0.0.1:80", "1.2.3"])
def test_a_host_that_is_no_address_is_not_looked_up(host, monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", None)
    with pytest.raises(UsageError, match=r"--host .*expected an address"):
        take_port(host, 7860)


def test_an_address_of_another_machine():
    with pytest.raises(UsageError, match="no address of this machine"):
        take_port("192.0.2.1", 7860)  # RFC 5737: of no machine


def test_a_port_that_only_administrators_may_take(monkeypatch):
    def bind(self, address):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(serving.socket, "socket", type("Socket", (socket.socket,), {"bind": bind}))
    with pytest.raises(UsageError, match="--port 80: needs an administrator"):
        take_port("127.0.0.1", 80)


def test_the_surroundings_of_the_page(monkeypatch, tmp_path):
    kept = dict(os.environ) | {"GRADIO_ROOT_PATH": "/page", "no_proxy": "intranet"}
    changing = {"GRADIO_ALLOWED_PATHS": "/", "GRADIO_SHARE": "True", "GRADIO_ANALYTICS_ENABLED": "True"}
    monkeypatch.setattr(os, "environ", kept | changing)
    prepare_environment(tmp_path)
    assert os.environ["GRADIO_TEMP_DIR"] == str(tmp_path)
    assert os.environ["GRADIO_ROOT_PATH"] == "/page"
    assert os.environ["no_proxy"] == "intranet,localhost,127.0.0.1,::1"
    assert {name: os.environ[name] for name in serving.NO_TELEMETRY} == serving.NO_TELEMETRY
    assert "GRADIO_ALLOWED_PATHS" not in os.environ
    assert "GRADIO_SHARE" not in os.environ


@pytest.mark.parametrize("package", ["gradio", "plotly"])
def test_a_missing_package_is_named_with_the_extra(monkeypatch, package):
    monkeypatch.setattr(serving, "find_spec", lambda name: None if name == package else object())
    with pytest.raises(UsageError, match=rf"needs {package}, .*pip install 'pneumoscope\[cpu,page\]'"):
        check_installed()


def test_what_dependencies_print_and_warn_of_is_kept_from_the_terminal(capsys):
    with silence(debug=False):
        sys.stdout.write("banner")
        sys.stderr.write("banner")
        warnings.warn("deprecated", DeprecationWarning, stacklevel=1)
    assert capsys.readouterr() == ("", "")
    with silence(debug=True):
        sys.stdout.write("banner")
    assert capsys.readouterr().out == "banner"


def test_a_share_link_and_what_comes_without_the_internet(monkeypatch):
    networking = pytest.importorskip("gradio.networking")
    asked = []
    monkeypatch.setattr(networking, "setup_tunnel", lambda *arguments: asked.append(arguments) or "http://x.example")
    hosts = allowed_hosts(ip_address("127.0.0.1"))
    assert open_share_link(SimpleNamespace(port=7861, hosts=hosts)) == "https://x.example"
    assert hosts.has("x.example")
    assert asked[0][:2] == ("127.0.0.1", 7861)

    def offline(*arguments):
        raise RuntimeError("Could not get share link")

    monkeypatch.setattr(networking, "setup_tunnel", offline)
    with pytest.raises(PneumoscopeError, match=r"no share link \(RuntimeError\).*goes on here"):
        open_share_link(SimpleNamespace(port=7861))


def running_in(thread):
    """A page whose server runs in a thread."""
    return serving.Running("", 1, None, SimpleNamespace(server=SimpleNamespace(thread=thread)), None, None, None)


def test_a_server_that_ends_by_itself_is_an_error():
    thread = SimpleNamespace(is_alive=lambda: False)
    with pytest.raises(PneumoscopeError, match="--debug"):
        running_in(thread).wait()


def test_a_signal_leaves_the_server_to_be_waited_for():
    """Or the process ends beside it, and whatever it is computing aborts."""
    ended = threading.Event()
    thread = threading.Thread(target=ended.wait)
    thread.start()

    def interrupt(*_):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    try:
        with pytest.raises(KeyboardInterrupt):
            serving.Running(
                "", 1, None, SimpleNamespace(server=SimpleNamespace(thread=thread)), None, None, None
            ).wait()
        assert thread.is_alive()
    finally:
        signal.signal(signal.SIGALRM, before)
        ended.set()
        thread.join()


WATCH = """
import ipaddress, sys

def watch(event, arguments):
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        address = arguments[1][0] if isinstance(arguments[1], tuple) else "127.0.0.1"
    elif event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"):
        address = arguments[0]
    elif event in ("subprocess.Popen", "os.posix_spawn", "os.system"):
        address = "program"
    else:
        return
    address = address.decode() if isinstance(address, bytes) else address
    try:
        local = address in (None, "", "localhost") or ipaddress.ip_address(address).is_loopback
    except ValueError:
        local = False
    with open(REPORT, "a") as report:
        report.write(f"{'local' if local else 'ELSEWHERE'} {event} {arguments}\\n")

sys.addaudithook(watch)
"""


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    path = tmp_path_factory.mktemp("film") / "film.png"
    path.write_bytes(cv2.imencode(".png", np.full((60, 80), 90, np.uint8))[1].tobytes())
    return path


@pytest.mark.slow
def test_no_socket_leaves_the_machine(open_page, film, tmp_path):
    httpx = pytest.importorskip("httpx")
    report = tmp_path / "report"
    (tmp_path / "sitecustomize.py").write_text(WATCH.replace("REPORT", repr(str(report))))
    with (
        open_page(environment={"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}) as page,
        httpx.Client(base_url=f"{page.url}/gradio_api", trust_env=False, timeout=60) as client,
    ):
        (path,) = client.post("/upload", files={"files": film.read_bytes()}).json()
        data = [{"path": path, "meta": {"_type": "gradio.FileData"}}]
        event = client.post("/call/compare", json={"data": data}).json()["event_id"]
        assert '"error": null' in client.get(f"/call/compare/{event}").text
    lines = report.read_text().splitlines()
    assert any("socket.connect" in line for line in lines)  # Gradio's greeting of its own server: the watch works
    assert [line for line in lines if line.startswith("ELSEWHERE")] == []


@pytest.mark.slow
def test_a_page_that_is_stopped_while_it_reads_ends_in_good_order(open_page):
    httpx = pytest.importorskip("httpx")
    large = cv2.imencode(".png", np.random.default_rng(0).integers(0, 256, (3000, 3000), np.uint8))[1].tobytes()
    with (
        open_page() as page,
        httpx.Client(base_url=f"{page.url}/gradio_api", trust_env=False, timeout=60) as client,
    ):
        (path,) = client.post("/upload", files={"files": large}).json()
        client.post("/call/compare", json={"data": [{"path": path, "meta": {"_type": "gradio.FileData"}}]})
        deadline = time.monotonic() + 30
        while Path(path).exists():  # it goes when the reading begins
            assert time.monotonic() < deadline
            time.sleep(0.001)


# Nothing is being worked on, and the browser has drawn what was there to draw.
SETTLED = """() => new Promise((settled) => requestIdleCallback(() =>
    settled(!document.querySelector(".generating, .progress-text, .eta-bar"))))"""


@pytest.mark.slow
def test_a_browser_finds_the_whole_page_here(running_page, film, chromium):
    elsewhere, complaints = [], []

    def requested(request):
        if not request.url.startswith((running_page, "data:", "blob:")):
            elsewhere.append(request.url)

    with chromium.new_page() as page:
        page.on("request", requested)
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(running_page)
        page.set_input_files("#drop input[type=file]", film)
        page.wait_for_selector(".verdict.positive, .verdict.negative, .verdict.refused")
        for tab in page.get_by_role("tab").all():
            tab.click()
            page.wait_for_function(SETTLED)
    assert elsewhere == []
    assert [text for text in complaints if "Content Security Policy" in text or "Error" in text] == []


def test_no_other_page_may_frame_it(running_page, chromium, other_site):
    with chromium.new_page() as page:
        refused = []
        page.on("console", lambda message: refused.append(message.text))
        page.goto(f"{other_site}/?{running_page}")
        page.wait_for_function("document.readyState === 'complete'")
        (frame,) = page.main_frame.child_frames
        assert frame.url.startswith("chrome-error:")
        assert any("frame-ancestors 'none'" in line for line in refused), refused


@pytest.mark.slow
@pytest.mark.exhaustive
def test_a_page_that_may_frame_it_shows_it(open_page, chromium, other_site):
    with open_page("--frame-ancestors", other_site) as running, chromium.new_page() as page:
        page.goto(f"{other_site}/?{running.url}")
        page.frame_locator("iframe").get_by_role("tab").first.wait_for()
