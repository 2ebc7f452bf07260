"""A request's body: announced, counted and timed as it arrives, and no larger once it is parsed than a page's.

Python makes up to sixty bytes of an element that takes two in JSON: hence the bound on both.
"""

import asyncio
import json
from http import HTTPStatus
from typing import Any

from demo.page.guard.asgi import Message, Receive, RefusedError, Scope, header_values

MOST_EVENT_BYTES = 1_000_000  # an event's values without its files: a batch of a thousand films takes 0.4 MB
MOST_ELEMENTS = 50_000  # of lists and objects in it: those thousand films have 10,000
IDLE_SECONDS = 30.0  # without a byte
SLOWEST = 20_000  # bytes per second over the whole body, after the first IDLE_SECONDS


def arriving(scope: Scope, receive: Receive, most: int) -> Receive:
    """The body of a request that says how long it is; counted and timed as it is read.

    Args:
        scope: the request.
        receive: its messages.
        most: bytes that its body may have.

    Raises:
        RefusedError: it does not say its length, says more than `most`, or says it in two ways, of which a proxy
            before us may believe the other. Reading raises it for a body that is longer, or too slow.
    """
    length = announced_length(scope, most)
    loop = asyncio.get_running_loop()
    latest = loop.time() + IDLE_SECONDS + length / SLOWEST
    received, whole = 0, False

    async def receiving() -> Message:
        nonlocal received, whole
        if whole:
            return await receive()
        try:
            async with asyncio.timeout_at(min(latest, loop.time() + IDLE_SECONDS)):
                message = await receive()
        except TimeoutError:
            raise RefusedError(HTTPStatus.REQUEST_TIMEOUT, "the body came too slowly: send it again") from None
        received += len(message.get("body", b""))
        if received > length:
            raise RefusedError(HTTPStatus.BAD_REQUEST, "the body is longer than its Content-Length")
        whole = message["type"] != "http.request" or not message.get("more_body", False)
        return message

    return receiving


def announced_length(scope: Scope, most: int) -> int:
    """How long a request says its body is, bytes. Raises RefusedError as `arriving` does."""
    check_one_end(scope)
    lengths = header_values(scope, b"content-length")
    if len(lengths) != 1 or not (lengths[0].isascii() and lengths[0].isdigit()):
        raise RefusedError(HTTPStatus.LENGTH_REQUIRED, "expected a Content-Length")
    if len(lengths[0]) > 15 or int(lengths[0]) > most:
        raise RefusedError(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"more than {most / 1_000_000:g} MB at once: send less",
        )
    return int(lengths[0])


def check_one_end(scope: Scope) -> None:
    """Raise RefusedError where a proxy before us may see another end of the request than we do."""
    if header_values(scope, b"transfer-encoding") and header_values(scope, b"content-length"):
        raise RefusedError(
            HTTPStatus.BAD_REQUEST,
            "expected a Content-Length alone, without a Transfer-Encoding",
            {"connection": "close"},
        )


async def read_object(scope: Scope, receive: Receive) -> dict[str, Any]:
    """Read the body of an event: a JSON object of `MOST_EVENT_BYTES` and `MOST_ELEMENTS` at most.

    Raises:
        RefusedError: it is none.
    """
    body, more = bytearray(), True
    receive = arriving(scope, receive, MOST_EVENT_BYTES)
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise RefusedError(HTTPStatus.BAD_REQUEST, "the request ended before its body")
        body += message.get("body", b"")
        more = message.get("more_body", False)
    # Those inside texts count too, and an element without any of these is in a list or an object that has one.
    if sum(body.count(mark) for mark in (b",", b"[", b"{")) > MOST_ELEMENTS:
        raise RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"more than {MOST_ELEMENTS:,} elements: send fewer")
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        parsed = None
    if not isinstance(parsed, dict):
        raise RefusedError(HTTPStatus.BAD_REQUEST, "expected a JSON object")
    return parsed
