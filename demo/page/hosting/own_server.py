"""The page's server on a socket that is its own from the start, with bounds on its connections.

Gradio looks whether a port is free and takes it seconds later: of two pages begun together one then fails. And it
gives its server five seconds of the wall clock to begin, which a clock that is set, or a busy machine, takes away.
"""

import resource
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import uvicorn
from gradio import http_server
from gradio.routes import App as GradioApp
from starlette.middleware import Middleware

from demo.page.guard.asgi import App
from demo.page.guard.connections import MOST, BoundedProtocol
from train.common.errors import PneumoscopeError

SECONDS_TO_BEGIN = 60.0
BACKLOG = 128  # connections that the system holds until they are taken, all of them in one go
FILES_BESIDE = 300  # open files of the process that are no connections of visitors, those being taken among them


class PageServer(http_server.Server):
    """Gradio's server, on a socket that listens already."""

    def __init__(self, config: uvicorn.Config, listening: socket.socket) -> None:
        super().__init__(config)
        self._listening = listening

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until `close`."""
        super().run(sockets or [self._listening])

    def run_in_thread(self) -> None:
        """Serve in a thread; returns when the server answers. Raises PneumoscopeError if it does not begin."""
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()
        latest = time.monotonic() + SECONDS_TO_BEGIN
        while not self.started:
            if not self.thread.is_alive() or time.monotonic() > latest:
                raise PneumoscopeError("the page's server did not begin; start it again with --debug to see why")
            time.sleep(0.001)


@contextmanager
def serving_on(listening: socket.socket, outermost: Sequence[Middleware] = ()) -> Iterator[None]:
    """Have Gradio's `launch` serve on this socket while a block lasts.

    Args:
        listening: the socket.
        outermost: what stands before all that Gradio puts before its application: it answers other sites' pages itself.
            The first sees a request first.
    """

    def start_server(
        app: GradioApp,
        server_name: str | None = None,
        server_port: int | None = None,  # noqa: ARG001
        ssl_keyfile: str | None = None,
        ssl_certfile: str | None = None,
        ssl_keyfile_password: str | None = None,
    ) -> tuple[str, int, str, http_server.Server]:
        whole: App = app
        for middleware in reversed(outermost):
            whole = middleware.cls(whole, *middleware.args, **middleware.kwargs)
        config = uvicorn.Config(
            whole,
            http=_bounded(),
            ws="none",  # nothing here speaks it, and refused it would carry none of our headers
            log_level="warning",
            backlog=BACKLOG,
            ssl_keyfile=ssl_keyfile,
            ssl_certfile=ssl_certfile,
            ssl_keyfile_password=ssl_keyfile_password,
        )
        server = PageServer(config, listening)
        server.run_in_thread()
        scheme, port = "https" if ssl_certfile else "http", listening.getsockname()[1]
        return server_name or "", port, f"{scheme}://{_own_address(listening)}:{port}/", server

    before = http_server.start_server
    http_server.start_server = start_server
    try:
        yield
    finally:
        http_server.start_server = before


def _bounded() -> type[BoundedProtocol]:
    """The protocol, for as many connections as the process may open; that is raised where it may be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST + FILES_BESIDE
    if soft < wanted:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard) if hard > 0 else wanted, hard))
            soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MOST if soft < 0 else max(1, min(MOST, soft - FILES_BESIDE))
    return type("BoundedProtocol", (BoundedProtocol,), {"most": most})


def _own_address(listening: socket.socket) -> str:
    """Where the server greets itself: the loopback where it listens everywhere."""
    host = listening.getsockname()[0]
    if host in ("0.0.0.0", "::"):  # noqa: S104
        return "127.0.0.1" if listening.family == socket.AF_INET else "[::1]"
    return f"[{host}]" if ":" in host else host
