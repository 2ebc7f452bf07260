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
from concurrent.futures import ThreadPoolExecutor

from tests.demo.page.soak import storm
from tests.demo.page.soak.clients import Tally, client
from tests.demo.page.soak.films import KnownFilm, hostile_files, known_films
from tests.demo.page.soak.screens import watch_screens
from tests.demo.page.soak.server import Server, server

VISITORS, VISITORS_PAUSE = 4, 2.0  # seconds between two films of one visitor
PROGRAMS_FROM = 4  # addresses: many programs share one; each visitor has one of their own


def soak(running: Server, films: list[KnownFilm], *, seconds: float, clients: int, screens: bool) -> dict[str, object]:
    """Run the whole of it against a page; returns the figures, as printed."""
    hostile = hostile_files(films[0].data)
    quiet_seconds = max(20.0, seconds / 5)
    asyncio.run(_phase(running, films, hostile, Tally(), Tally(), min(60.0, seconds / 2), clients, stormy=True))
    warm = running.resident_bytes()
    alone, beside, programs = Tally(), Tally(), Tally()
    with ThreadPoolExecutor(2) as watching:
        until = time.monotonic() + quiet_seconds + seconds
        resident = watching.submit(_resident, running, until)
        watched = watching.submit(watch_screens, running.url, until) if screens else None
        asyncio.run(_phase(running, films, hostile, alone, Tally(), quiet_seconds, 0, stormy=False))
        asyncio.run(_phase(running, films, hostile, beside, programs, seconds, clients, stormy=True))
        looked, lost = watched.result() if watched else (0, [])
    after = Tally()
    asyncio.run(_phase(running, films, hostile, after, Tally(), quiet_seconds, 0, stormy=False))
    asyncio.run(asyncio.sleep(2))
    return {
        "load": os.getloadavg()[0],
        "visitors_alone": _shown(alone),
        "visitors_beside": _shown(beside),
        "programs": _shown(programs),
        "visitors_after": _shown(after),
        "screens_looked_at": looked,
        "screens_lost": lost,
        "resident_mb_warm": round(warm / 1e6),
        "resident_mb": resident.result(),
        "resident_mb_after": round(running.resident_bytes() / 1e6),
        "files_left": [str(path.relative_to(running.folder)) for path in running.uploads()][:20],
        "still_runs": running.process.poll() is None,
    }


async def _phase(
    running: Server,
    films: list[KnownFilm],
    hostile: dict[str, bytes],
    visitors: Tally,
    programs: Tally,
    seconds: float,
    clients: int,
    *,
    stormy: bool,
) -> None:
    url, until = running.url, time.monotonic() + seconds
    asked = [
        client(url, films, {}, visitors, until, address=f"127.0.1.{1 + seed}", pause=VISITORS_PAUSE, seed=seed)
        for seed in range(VISITORS)
    ]
    if stormy:
        others = range(1000, 1000 + max(0, clients - VISITORS))
        asked += [
            client(
                url, films, hostile, programs, until, address=f"127.0.2.{1 + seed % PROGRAMS_FROM}", pause=0, seed=seed
            )
            for seed in others
        ]
        asked += [
            kind(url, until) for kind in (storm.heartbeats, storm.slow_sockets, storm.lying_bodies, storm.cut_uploads)
        ]
    await asyncio.gather(*asked)


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
