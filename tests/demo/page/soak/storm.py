"""The storm: programs that ask without a pause, heartbeats closed by the hundred, silent sockets, lying bodies."""

import asyncio
import re
import time
from contextlib import suppress
from urllib.parse import urlsplit

import httpx

from tests.demo.page.soak.clients import Tally, client
from tests.demo.page.soak.films import KnownFilm, hostile_files

PAGES, HEARTBEATS_OF_ONE = 50, 4
SLOW_SOCKETS = 200
PROGRAMS_FROM = 4  # addresses: many programs share one; each visitor has one of their own
ADDRESS = "127.0.3.1"  # from which all of it comes
SECONDS_OF_SILENCE = 5


def raise_storm(url: str, films: list[KnownFilm], programs: int, until: float) -> Tally:
    """Programs, and what is no reading, until a moment of the system's monotonic clock; what the programs met."""
    met = Tally()
    hostile = hostile_files(films[0].data)

    async def all_of_it() -> None:
        await asyncio.gather(
            *(
                client(
                    url, films, hostile, met, until, address=f"127.0.2.{1 + seed % PROGRAMS_FROM}", pause=0, seed=seed
                )
                for seed in range(1000, 1000 + programs)
            ),
            *(kind(url, until) for kind in (heartbeats, slow_sockets, lying_bodies, cut_uploads)),
        )

    asyncio.run(all_of_it())
    return met


async def heartbeats(url: str, until: float) -> None:
    """Load `PAGES` pages, open all their heartbeats, close them at once, again and again."""
    async with httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(local_address=ADDRESS), timeout=60) as http:
        pages = [(await http.get(f"{url}/")).text for _ in range(PAGES)]
    sessions = [found[1] for page in pages if (found := re.search(r'pneumoscope-session" content="([\w-]+)', page))]
    asked = [
        f"GET /gradio_api/heartbeat/x HTTP/1.1\r\nHost: {_host(url)}\r\nX-Pneumoscope-Session: {each}\r\n\r\n".encode()
        for each in sessions
    ]
    assert len(asked) == PAGES, "the page gave no session"
    while time.monotonic() < until:
        await _opened_and_closed(url, asked * HEARTBEATS_OF_ONE, 1)


async def slow_sockets(url: str, until: float) -> None:
    """Hold `SLOW_SOCKETS` connections that never finish their headers."""
    while time.monotonic() < until:
        await _opened_and_closed(url, [b"GET / HTTP/1.1\r\nHost:"] * SLOW_SOCKETS, SECONDS_OF_SILENCE)


async def lying_bodies(url: str, until: float) -> None:
    """Send uploads that name a length and come in chunks all the same, and JSON bodies of 20 MB."""
    chunk = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
    for_upload = (
        f"POST /gradio_api/upload HTTP/1.1\r\nHost: {_host(url)}\r\nContent-Length: 10\r\n"
        "Transfer-Encoding: chunked\r\nContent-Type: multipart/form-data; boundary=b\r\n\r\n"
    ).encode()
    for_call = (
        f"POST /gradio_api/call/compare HTTP/1.1\r\nHost: {_host(url)}\r\nContent-Type: application/json\r\n"
        "Transfer-Encoding: chunked\r\n\r\n"
    ).encode()
    while time.monotonic() < until:
        for head in (for_upload, for_call):
            await _opened_and_closed(url, [head + chunk * 20], 1)


async def cut_uploads(url: str, until: float) -> None:
    """Begin an upload of 10 MB, leave after a hundredth of it."""
    head = (
        f"POST /gradio_api/upload HTTP/1.1\r\nHost: {_host(url)}\r\nContent-Length: 10000000\r\n"
        "Content-Type: multipart/form-data; boundary=b\r\n\r\n"
        '--b\r\nContent-Disposition: form-data; name="files"; filename="cut.png"\r\n\r\n'
    ).encode()
    while time.monotonic() < until:
        await _opened_and_closed(url, [head + b"x" * 100_000] * 5, 0.5)


async def _opened_and_closed(url: str, requests: list[bytes], seconds: float) -> None:
    """Open a connection per request, send it, wait, close all together."""
    opened = await asyncio.gather(*(_open(url, request) for request in requests))
    await asyncio.sleep(seconds)
    for writer in filter(None, opened):
        writer.transport.abort()


async def _open(url: str, request: bytes) -> asyncio.StreamWriter | None:
    parts = urlsplit(url)
    with suppress(OSError, TimeoutError):  # turned away, which is the server's right
        async with asyncio.timeout(10):
            _, writer = await asyncio.open_connection(parts.hostname, parts.port, local_addr=(ADDRESS, 0))
            writer.write(request)
            with suppress(TimeoutError):  # a server that takes no more of it
                await asyncio.wait_for(writer.drain(), 2)
            return writer
    return None


def _host(url: str) -> str:
    return urlsplit(url).netloc
