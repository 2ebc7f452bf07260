"""The page of plain files with the shipped networks, written once, and a web server for it that can be stopped."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from demo.browser.packages import Libraries, get_libraries
from demo.deploy.static.folder import build_files, folder_files, write_folder
from demo.deploy.static.single_file import single_file
from demo.inference.networks import load_models

READY = 120_000  # ms, on two busy cores


@pytest.fixture(scope="session")
def libraries(node_modules: Path) -> Libraries:
    """The libraries as npm installed them."""
    return get_libraries(node_modules)


@pytest.fixture(scope="session")
def site(libraries: Libraries, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `deploy static` writes."""
    pytest.importorskip("gradio", reason="the page is drawn with Gradio's, not installed here")
    folder = tmp_path_factory.mktemp("static") / "site"
    write_folder(folder, folder_files(load_models(device="cpu"), libraries))
    return folder


@pytest.fixture(scope="session")
def single(libraries: Libraries, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file that `deploy static --single-file` writes."""
    pytest.importorskip("gradio", reason="the page is drawn with Gradio's, not installed here")
    path = tmp_path_factory.mktemp("static") / "page.html"
    path.write_bytes(single_file(build_files(load_models(device="cpu"), libraries)))
    return path


@contextmanager
def serving(folder: Path, port: int = 0, headers: Mapping[str, str] | None = None) -> Iterator[str]:
    """Serve a folder, with further headers, while the block lasts → the address, with a slash at the end."""

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def end_headers(self) -> None:
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            super().end_headers()

        def copyfile(self, source: Any, outputfile: Any) -> None:
            try:
                super().copyfile(source, outputfile)
            except ConnectionError:  # the page was closed
                self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", port), partial(Handler, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class Visit:
    """The page in a browser: what it asked for, and what went wrong in it."""

    page: Any
    asked: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def open(self, address: str) -> None:
        """Open it, and wait until it is drawn."""
        self.page.goto(address)
        self.page.wait_for_selector("html[data-drawn]", timeout=READY)

    def wait_for_networks(self) -> None:
        """Wait until the networks are there."""
        self.page.wait_for_selector("#progress", state="hidden", timeout=READY)

    def choose(self, *films: Path) -> None:
        """Choose films as a visitor does."""
        self.page.set_input_files("#choose", [str(film) for film in films])

    def verdicts(self) -> list[str]:
        """What the networks say of the film on screen, once they do."""
        self.page.wait_for_selector("html:not([data-reading]) .readings .verdict:not(.none)", timeout=READY)
        return self.page.locator(".readings .verdict").all_inner_texts()


@pytest.fixture
def visit(chromium: Any) -> Iterator[Callable[..., Visit]]:
    """Open a browser window of its own: (scripts to run first, settings of the context) → Visit."""
    contexts = []

    def opened(before: str = "", **settings: Any) -> Visit:
        context = chromium.new_context(**settings)
        contexts.append(context)
        made = Visit(context.new_page())
        if before:
            made.page.add_init_script(before)
        made.page.on("pageerror", lambda error: made.faults.append(str(error)))
        made.page.on("console", lambda said: made.faults.append(said.text) if said.type == "error" else None)
        context.on("request", lambda request: made.asked.append(request.url))
        return made

    yield opened
    for context in contexts:
        context.close()
