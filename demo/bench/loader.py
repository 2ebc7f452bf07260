"""How many training pictures a second this machine makes, by threads and by processes: `bench --loader`."""

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from demo.bench.measure import Advance, run_python
from train.common.errors import PneumoscopeError

#: (what shares the work, how many of them); the first is what the others are compared with.
WAYS = (("threads", 1), ("threads", 2), ("processes", 2))
ROUNDS = 3
SECONDS = 3.0
#: Films that are drawn, read and cropped.
FILMS = 32


@dataclass(frozen=True)
class LoaderRate:
    """Films per second of a way: medians over the rounds; `ratio` is that of each round's ratio to one thread."""

    kind: str
    workers: int
    films_per_second: float
    ratio: float


def measure_loader(folder: Path, advance: Advance, seconds: float = SECONDS) -> list[LoaderRate]:
    """Make augmented pictures of 224 pixels (the settings of preset a, and crops) of the films in a folder.

    Each way runs in a Python of its own, and every round takes each of them once.

    Args:
        folder: films, and nothing else.
        advance: called `steps_of_loader()` times.
        seconds: of each measurement.

    Raises:
        PneumoscopeError: Keras is not installed, or a measurement failed.
    """
    if importlib.util.find_spec("keras") is None:
        raise PneumoscopeError("the loader is Keras's, which is not installed: pip install 'pneumoscope[train]'")
    rates: dict[tuple[str, int], list[float]] = {way: [] for way in WAYS}
    for _ in range(ROUNDS):
        for kind, workers in WAYS:
            command = ["-m", "train.fitting.batches.loader_speed", kind, str(workers), str(folder), str(seconds)]
            rates[kind, workers].append(float(run_python(command)))
            advance()
    base = rates[WAYS[0]]
    return [
        LoaderRate(*way, median(own), median(rate / one for rate, one in zip(own, base, strict=True)))
        for way, own in rates.items()
    ]


def steps_of_loader() -> int:
    """How often `measure_loader` calls `advance`."""
    return ROUNDS * len(WAYS)
