"""Soak the page on this machine: `python -m tests.demo.page.soak --seconds 300 --clients 50`.

Visitors in a browser read alone first, then beside a storm of programs, hostile files, heartbeats, slow sockets and
lying bodies, then alone again. Everything goes to 127.0.0.1 and ends by itself.
"""

import argparse
import asyncio
import json
import os
import sys
import time

from tests.demo.page.soak import storm
from tests.demo.page.soak.clients import Tally, client
from tests.demo.page.soak.films import KnownFilm, hostile_files, known_films
from tests.demo.page.soak.screens import Visitors
from tests.demo.page.soak.server import Server, server


def soak(running: Server, films: list[KnownFilm], *, seconds: float, clients: int) -> dict[str, object]:
    """Run the whole of it against a page; returns the figures, as printed."""
    quiet_seconds = max(15.0, seconds / 5)
    visitors = Visitors(running.url, films)
    visitors.start()
    visitors.ready.wait()
    asyncio.run(_storm(running, films, Tally(), min(20.0, quiet_seconds), clients))  # warms up
    warm = running.resident_bytes()
    alone = visitors.tally = Tally()
    time.sleep(quiet_seconds)
    programs, beside = Tally(), Tally()
    visitors.tally = beside
    asyncio.run(_storm(running, films, programs, seconds, clients))
    after = visitors.tally = Tally()
    time.sleep(quiet_seconds)
    visitors.stop()
    return {
        "load": round(os.getloadavg()[0], 1),
        "visitors_alone": _shown(alone),
        "visitors_beside": _shown(beside),
        "visitors_after": _shown(after),
        "screens_lost": visitors.lost,
        "programs": _shown(programs),
        "resident_mb_warm": round(warm / 1e6),
        "resident_mb_after": round(running.resident_bytes() / 1e6),
        "files_left": [f"{path.relative_to(running.folder)} {path.stat().st_size}" for path in running.uploads()],
        "still_runs": running.process.poll() is None,
    }


async def _storm(running: Server, films: list[KnownFilm], programs: Tally, seconds: float, clients: int) -> None:
    url, until = running.url, time.monotonic() + seconds
    hostile = hostile_files(films[0].data)
    asked = [client(url, films, hostile, programs, until, seed=seed) for seed in range(clients)]
    kinds = (storm.heartbeats, storm.slow_sockets, storm.lying_bodies, storm.cut_uploads)
    await asyncio.gather(*asked, *(kind(url, until) for kind in kinds))


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
    options.add_argument("--clients", type=int, default=50, help="programs that ask without a pause")
    chosen = options.parse_args()
    films = known_films()
    with server() as running:
        found = soak(running, films, seconds=chosen.seconds, clients=chosen.clients)
    sys.stdout.write(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
