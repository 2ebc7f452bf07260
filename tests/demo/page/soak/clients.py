"""Programs that ask the page for readings, and check what they are told."""

import asyncio
import json
import random
import time
from collections import Counter
from dataclasses import dataclass, field

import httpx

from tests.demo.page.soak.films import KnownFilm

TOLERANCE = 1e-5  # of a probability: sessions of several threads add up in another order
PATIENCE_SECONDS = 60


@dataclass
class Tally:
    """What a group of clients has met.

    Attributes:
        outcomes: right, wrong, busy (503 with Retry-After), refused (a hostile file told so), fault (any other 5xx),
            turned_away (4xx), cut (the connection ended), late (no answer in `PATIENCE_SECONDS`).
        seconds: of every right reading, from the first byte sent to the last received.
        examples: of each outcome but right, one line that says what came.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    examples: dict[str, str] = field(default_factory=dict)

    def note(self, outcome: str, what: str = "", seconds: float | None = None) -> None:
        """Count one request."""
        self.outcomes[outcome] += 1
        if outcome == "right" and seconds is not None:
            self.seconds.append(seconds)
        elif what:
            self.examples.setdefault(outcome, what[:200])

    def percentile(self, share: float) -> float | None:
        """Seconds under which this share of the right readings stayed; None without any."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None


class _Refused(Exception):  # noqa: N818 - no error: what the server said
    def __init__(self, status: int, text: str, retry_after: str | None) -> None:
        super().__init__(f"{status} {text}")
        self.status, self.retry_after = status, retry_after

    @property
    def is_busy(self) -> bool:
        return self.status == 503 and self.retry_after is not None


async def client(
    url: str,
    films: list[KnownFilm],
    hostile: dict[str, bytes],
    tally: Tally,
    until: float,
    *,
    address: str,
    pause: float,
    seed: int,
) -> None:
    """Ask for reading after reading until a moment of `time.monotonic`.

    Args:
        url: of the page, without a slash at the end.
        films: one is drawn for each call.
        hostile: files sent instead, for one call in ten; none if empty.
        tally: what came.
        until: the moment.
        address: of this machine (127.0.0.0/8), from which it asks.
        pause: seconds between calls, as a visitor's; 0 for none.
        seed: of the draws.
    """
    draw = random.Random(seed)
    transport = httpx.AsyncHTTPTransport(verify=False, local_address=address)  # plain HTTP: no certificates to load
    async with httpx.AsyncClient(timeout=PATIENCE_SECONDS, transport=transport) as http:
        number = 0
        while time.monotonic() < until:
            number += 1
            if hostile and draw.random() < 0.1:
                name, data = draw.choice(sorted(hostile.items()))
                expected: KnownFilm | None = None
            else:
                expected = draw.choice(films)
                name, data = expected.name, expected.data
            await _one(http, url, f"{seed}-{number}-{name}", data, expected, tally)
            if pause:
                await asyncio.sleep(pause)


async def _one(
    http: httpx.AsyncClient, url: str, name: str, data: bytes, expected: KnownFilm | None, tally: Tally
) -> None:
    begun = time.monotonic()
    try:
        answer = await _compare(http, url, name, data, tally)
    except _Refused as refused:
        outcome = "busy" if refused.is_busy else "fault" if refused.status >= 500 else "turned_away"
        if expected is None and outcome == "turned_away":
            outcome = "refused"
        tally.note(outcome, f"{name}: {refused}")
    except httpx.TimeoutException:
        tally.note("late", name)
    except (httpx.TransportError, ValueError) as error:
        tally.note("cut", f"{name}: {type(error).__name__} {error}")
    else:
        outcome = "refused" if expected is None and answer.get("error") else _judged(answer, name, expected)
        tally.note(outcome, f"{name}: {json.dumps(answer)}", time.monotonic() - begun)


async def _compare(http: httpx.AsyncClient, url: str, name: str, data: bytes, tally: Tally) -> dict[str, object]:
    sent = await http.post(f"{url}/gradio_api/upload", files={"files": (name, data)})
    _require(sent)
    film = {"path": sent.json()[0], "orig_name": name, "meta": {"_type": "gradio.FileData"}}
    latest = time.monotonic() + PATIENCE_SECONDS
    while True:
        begun = await http.post(f"{url}/gradio_api/call/compare", json={"data": [film]})
        try:
            _require(begun)
            break
        except _Refused as refused:  # the upload stays for another call, as docs/api.md has it
            if not refused.is_busy or time.monotonic() > latest:
                raise
            tally.note("busy", f"{name}: {refused}")
            await asyncio.sleep(float(refused.retry_after or 1))
    events = await http.get(f"{url}/gradio_api/call/compare/{begun.json()['event_id']}")
    _require(events)
    kind, data_line = events.text.strip().splitlines()[-2:]
    told = json.loads(data_line.removeprefix("data: "))
    if kind != "event: complete":
        text = json.dumps(told)
        raise _Refused(503 if "busy" in text else 500, text, "1" if "busy" in text else None)
    found: dict[str, object] = told[0]
    return found


def _require(answer: httpx.Response) -> None:
    if answer.status_code >= 400:
        raise _Refused(answer.status_code, answer.text, answer.headers.get("retry-after"))


def _judged(answer: dict[str, object], name: str, expected: KnownFilm | None) -> str:
    """Whether an answer is of this film, and says what `predict` says of it."""
    readings = answer.get("readings")
    if answer.get("film") != name or not isinstance(readings, dict) or expected is None:
        return "wrong"
    for network, probability in expected.probabilities.items():
        told = (readings.get(network) or {}).get("probability")
        if told is None or abs(told - probability) > TOLERANCE:
            return "wrong"
    return "right"
