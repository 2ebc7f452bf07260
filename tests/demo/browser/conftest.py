"""JavaScript under test: Node for what needs no browser, and the npm packages that a page of plain files stands on."""

import base64
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from demo.browser.packages import library_files, own_modules
from export.bundle import default_models_folder

DRIVERS = Path(__file__).parent / "drivers"
POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; img-src data:"
)
TYPES = {".html": "text/html", ".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm"}


@pytest.fixture(scope="session")
def node() -> Callable[..., str]:
    """Run a file of `drivers` in Node with arguments → what it prints; the test is skipped where there is no Node."""
    found = shutil.which("node")
    if found is None:
        pytest.skip("no Node here: apt-get install nodejs")

    def run(driver: str, *arguments: str | Path) -> str:
        command = [found, DRIVERS / driver, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=240)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@dataclass
class FilmPage:
    """A page of plain files in a real browser, whose worker reads films."""

    page: Any
    served: dict[str, bytes]

    def load(self, *networks: str) -> dict[str, Any]:
        """Load networks → {"cards": names, "faults": keys by name}."""
        return self.page.evaluate("names => films.load(names)", list(networks))

    def read(self, film: bytes) -> dict[str, Any]:
        """Read a film → what the worker says of it; pixels as uint8 [H, W]."""
        name = f"film-{len(self.served)}"
        self.served[name] = film
        answer = self.page.evaluate("name => films.read(name)", name)
        del self.served[name]
        if "pixels" in answer:
            pixels = np.frombuffer(base64.b64decode(answer["pixels"]), np.uint8)
            answer["pixels"] = pixels.reshape(answer["height"], answer["width"])
        return answer


@pytest.fixture(scope="module")
def film_page(chromium: Any, node_modules: Path) -> Iterator[FilmPage]:
    """The driver's page in Chromium, served from loopback under the strictest policy that it can do with.

    When the tests end, nothing may stand in the console but what the page was asked to fail at.
    """
    served: dict[str, bytes] = {}
    with serve(own_modules() | library_files(node_modules), served) as url:
        context = chromium.new_context()
        page = context.new_page()
        faults: list[str] = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("request", lambda asked: None if asked.url.startswith((url, "data:")) else faults.append(asked.url))
        page.goto(f"{url}/page.html")
        page.wait_for_function("globalThis.films !== undefined")
        yield FilmPage(page, served)
        context.close()
    assert faults == []


@contextmanager
def serve(files: Mapping[str, bytes], further: Mapping[str, bytes]) -> Iterator[str]:
    """Serve files, those of DRIVERS and the shipped models while the block lasts → the address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.lstrip("/")
            content = further.get(name) or files.get(name)
            if content is None and (DRIVERS / name).is_file():
                content = (DRIVERS / name).read_bytes()
            if content is None and name.startswith("models/"):
                content = (default_models_folder().parent / name).read_bytes()
            self.send_response(404 if content is None else 200)
            self.send_header("Content-Type", TYPES.get(Path(name).suffix, "application/octet-stream"))
            self.send_header("Content-Security-Policy", POLICY)
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
