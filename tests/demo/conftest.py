"""For the demo's tests: flat grey films, on which the tiny networks' answers are known exactly; a running page."""

import os
import shutil
import signal
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest


@pytest.fixture(scope="session")
def write_film() -> Callable[..., Path]:
    """Write a flat grey film: (path, grey level, size) → path. The name may be anything, even no UTF-8."""

    def write(path: Path, grey: int = 200, size: tuple[int, int] = (40, 30)) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(cv2.imencode(".png", np.full(size, grey, np.uint8))[1].tobytes())
        return path

    return write


@pytest.fixture
def models(tmp_path, tiny_bundle) -> Path:
    """A folder with two tiny networks: a calls bright films ill, b calls only very bright ones ill."""
    folder = tmp_path / "models"
    tiny_bundle(folder, "a", {"weight": 8.0, "bias": -4.0})
    tiny_bundle(folder, "b", {"weight": 20.0, "bias": -18.0})
    return folder


@dataclass(frozen=True)
class StartedPage:
    """A page that runs in a process of its own, and the file its stderr goes to."""

    url: str  # without a slash at the end
    process: subprocess.Popen
    messages: Path


@pytest.fixture(scope="session")
def open_page(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """Run `pneumoscope demo` with further arguments while a block lasts; a SIGTERM then has to end it well.

    As a context manager: (arguments, environment=…, scheme=…) → StartedPage. Without the user's films, on any free
    port.
    """
    root = Path(__file__).resolve().parents[2]

    @contextmanager
    def open_page(
        *arguments: object, environment: dict[str, str] | None = None, scheme: str = "http"
    ) -> Iterator[StartedPage]:
        pytest.importorskip("gradio", reason="the page needs Gradio, not installed here")
        messages = tmp_path_factory.mktemp("page") / "stderr"
        settings = {name: value for name, value in os.environ.items() if name != "PNEUMOSCOPE_DATA"}
        command = [sys.executable, "-P", "-c", "from demo.cli import app; app()", "demo", "--no-browser", "--port", "0"]
        with messages.open("w") as stderr:
            process = subprocess.Popen(
                [*command, *map(str, arguments)],
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                env=settings | {"PYTHONPATH": str(root)} | (environment or {}),
            )
        try:
            url = process.stdout.readline().strip().rstrip("/")  # printed once the page answers
            assert url.startswith(f"{scheme}://"), messages.read_text()
            _wait_for(url)
            yield StartedPage(url, process, messages)
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0, messages.read_text()
            assert "Traceback" not in messages.read_text()
        finally:
            process.kill()
            process.communicate()

    return open_page


@pytest.fixture(scope="session")
def running_page(open_page: Callable[..., Any]) -> Iterator[str]:
    """The address of a page that runs with the shipped bundles, without a slash at the end."""
    with open_page() as page:
        yield page.url


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A real browser, playwright's `Browser`; the test is skipped where there is none.

    Of a module and not of the session: as long as playwright runs, no test can run an event loop of its own.
    """
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed here")
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        pytest.skip("no Chromium here: apt-get install chromium")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def node_modules() -> Path:
    """The folder `node_modules` with the libraries of the page without a server; the test is skipped without it."""
    named = os.environ.get("PNEUMOSCOPE_NODE_MODULES")
    if not named or not (Path(named) / "onnxruntime-web").is_dir():
        pytest.skip("PNEUMOSCOPE_NODE_MODULES names no folder that npm installed onnxruntime-web into")
    return Path(named)


def _wait_for(url: str, seconds: float = 30) -> None:
    # Without the machine's proxies, which know nothing of this address.
    unchecked = ssl._create_unverified_context()  # a test's own certificate
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=unchecked)
    )
    deadline = time.monotonic() + seconds
    while True:
        try:
            with opener.open(url, timeout=5) as answer:
                assert answer.status == 200
                return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
