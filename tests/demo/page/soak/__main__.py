"""Soak the page on this machine: `python -m tests.demo.page.soak --seconds 300 --clients 50`.

Visitors read alone first, then beside a storm of programs, hostile files, heartbeats, slow sockets and lying bodies,
then alone again. Everything goes to 127.0.0.1 and ends by itself.
"""

import argparse
import asyncio
import json
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

from tests.demo.page.soak.clients import Tally, client
from tests.demo.page.soak.films import KnownFilm, known_films
from tests.demo.page.soak.screens import watch_screens
from tests.demo.page.soak.server import Server, server
from tests.demo.page.soak.storm import raise_storm

VISITORS, VISITORS_PAUSE = 4, 2.0  # seconds between two films of one visitor


def soak(running: Server, films: list[KnownFilm], *, seconds: float, clients: int, screens: bool) -> dict[str, object]:
    """Run the whole of it against a page; returns the figures, as printed."""
    quiet_seconds = max(20.0, seconds / 5)
    programs = clients - VISITORS
    # The storm in a process of its own: visitors' times must not be those of a busy client.
    with ProcessPoolExecutor(1, get_context("spawn")) as others, ThreadPoolExecutor(2) as watching:
        warming = time.monotonic() + min(60.0, seconds / 2)
        others.submit(raise_storm, running.url, films, programs, warming).result()
        quiet = time.monotonic() + quiet_seconds
        until = quiet + seconds
        watched = watching.submit(watch_screens, running.url, until) if screens else None
        alone = _visitors(running.url, films, quiet)
        resident = watching.submit(_resident, running, until)
        stormy = others.submit(raise_storm, running.url, films, programs, until)
        beside = _visitors(running.url, films, until)
        met = stormy.result()
        looked, lost = watched.result() if watched else (0, [])
        load = os.getloadavg()[0]
        after = _visitors(running.url, films, time.monotonic() + quiet_seconds)
    return {
        "load": load,
        "visitors_alone": _shown(alone),
        "visitors_beside": _shown(beside),
        "programs": _shown(met),
        "visitors_after": _shown(after),
        "screens_looked_at": looked,
        "screens_lost": lost,
        "resident_mb": [*resident.result(), round(running.resident_bytes() / 1e6)],
        "files_left": [str(path.relative_to(running.folder)) for path in running.uploads()][:20],
        "still_runs": running.process.poll() is None,
    }


def _visitors(url: str, films: list[KnownFilm], until: float) -> Tally:
    met = Tally()

    async def all_of_them() -> None:
        await asyncio.gather(
            *(
                client(url, films, {}, met, until, address=f"127.0.1.{1 + seed}", pause=VISITORS_PAUSE, seed=seed)
                for seed in range(VISITORS)
            )
        )

    asyncio.run(all_of_them())
    return met


def _resident(running: Server, until: float) -> list[int]:
    """Megabytes of the page and its processes, twelve times until a moment."""
    begun, taken = time.monotonic(), []
    while (now := time.monotonic()) < until:
        taken.append(round(running.resident_bytes() / 1e6))
        time.sleep(min((until - begun) / 12, until - now))
    return taken


def _shown(tally: Tally) -> dict[str, object]:
    middle, high = tally.percentile(0.5), tally.percentile(0.95)
    return {
        **dict(sorted(tally.outcomes.items())),
        "p50_seconds": None if middle is None else round(middle, 3),
        "p95_seconds": None if high is None else round(high, 3),
        "examples": tally.examples,
    }


def main() -> None:
    """Start the page, soak it, print the figures as JSON."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seconds", type=float, default=300, help="of the storm")
    options.add_argument("--clients", type=int, default=50, help="programs and visitors together")
    options.add_argument("--no-screens", action="store_true", help="without visitors in a browser")
    chosen = options.parse_args()
    films = known_films()
    with server() as running:
        found = soak(running, films, seconds=chosen.seconds, clients=chosen.clients, screens=not chosen.no_screens)
    sys.stdout.write(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
