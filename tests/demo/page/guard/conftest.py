"""Pages that run, to be asked by raw sockets, and what of them can be seen from outside."""

import os
import resource
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest


@pytest.fixture(scope="session")
def site(open_page: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A page that anyone may use, with a temporary folder of its own: (StartedPage, that folder).

    It may open no more files than most systems let a process by default, and this process more.
    """
    temporary = tmp_path_factory.mktemp("site")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1_024, hard))
    with open_page(environment={"TMPDIR": str(temporary)}) as page:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(3_000, hard)), hard))
        yield page, temporary
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture(scope="session")
def locked_site(open_page: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A page behind a password, anna's: StartedPage."""
    accounts = tmp_path_factory.mktemp("accounts") / "accounts"
    accounts.write_text("anna:open sesame\n")
    accounts.chmod(0o600)
    with open_page("--auth-file", accounts) as page:
        yield page


@pytest.fixture(scope="session")
def connect() -> Callable[[str], socket.socket]:
    """Open a connection to a page: url → socket."""

    def connect(url: str) -> socket.socket:
        parts = urlsplit(url)
        return socket.create_connection((parts.hostname, parts.port), timeout=30)

    return connect


@pytest.fixture(scope="session")
def answer_of() -> Callable[[socket.socket], tuple[int, dict[str, str], bytes]]:
    """What a page answers on a connection: socket → (status, headers by lower-case name, body)."""

    def answer_of(connection: socket.socket) -> tuple[int, dict[str, str], bytes]:
        data = b""
        while b"\r\n\r\n" not in data:
            piece = connection.recv(65536)
            assert piece, f"closed without an answer: {data!r}"
            data += piece
        head, _, body = data.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        while len(body) < int(headers.get("content-length", 0)):
            body += connection.recv(65536)
        return int(first.split()[1]), headers, body

    return answer_of


@pytest.fixture(scope="session")
def stored() -> Callable[[Path], list[Path]]:
    """All files in a folder, which may go meanwhile."""
    return lambda folder: [Path(place, name) for place, _, names in os.walk(folder) for name in names]


@pytest.fixture(scope="session")
def peak_memory() -> Callable[[int], int]:
    """The most memory that a process has had, bytes: process → peak."""

    def peak(process: int) -> int:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024

    return peak
