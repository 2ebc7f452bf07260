"""How many augmented films a second the loader makes, for `bench --loader`; in a process of its own:

python -m train.fitting.batches.loader_speed threads|processes COUNT FOLDER SECONDS      → films/s on stdout
"""

import multiprocessing
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from threading import Barrier

import cv2
import numpy as np

from train.data.cohort import Film
from train.data.prepared_films import read_whole_films, side_for_crops
from train.fitting.batches.loader import FilmBatches
from train.runs.settings import make_settings
from train.runs.settings_file import PRESETS, read_settings

#: Of pictures; the preset's is for training.
BATCH_SIZE = 8
#: Until all processes have read their films.
PATIENCE_SECONDS = 300


def rate_of_threads(folder: Path, threads: int, seconds: float, begin: Callable[[], object] = lambda: None) -> float:
    """Make training pictures of the preset for network A by threads of this process.

    Args:
        folder: films, and nothing else.
        threads: the loader's `workers`.
        seconds: how long at least.
        begin: called when the loader is running, right before the time is taken.

    Returns:
        Films per second.
    """
    settings = make_settings("a", read_settings(PRESETS["a"]))
    spec = settings.prepare.spec()
    films = [Film(path.name, path.name, 0, "train", "normal") for path in sorted(folder.iterdir())]
    read = read_whole_films(folder, films, side_for_crops(spec.image_size, settings.augmentation.crop))
    batches = FilmBatches(
        read.images,
        np.zeros(len(read.images)),
        batch_size=BATCH_SIZE,
        channels=1,
        augmentation=settings.augmentation,
        spec=spec,
        workers=threads,
    )
    # What threads had made in advance when the time began is what they have made in advance when it ends.
    step, made = 4 * threads, 0
    for before in range(step):
        _films_of(batches, before)
    begin()
    began = time.perf_counter()
    while time.perf_counter() - began < seconds:
        made += _films_of(batches, step)
        step += 1
    return made / (time.perf_counter() - began)


def rate_of_processes(folder: Path, processes: int, seconds: float) -> float:
    """Do the same in processes that each have a loader of one thread; films per second of all of them."""
    context = multiprocessing.get_context("spawn")
    together = context.Barrier(processes)
    with ProcessPoolExecutor(processes, context, _keep, (together,)) as pool:
        rates = [pool.submit(_rate_of_one, folder, seconds) for _ in range(processes)]
        return sum(rate.result() for rate in rates)


def _films_of(batches: FilmBatches, step: int) -> int:
    epoch, index = divmod(step, len(batches))
    if index == 0:
        batches.set_epoch(epoch)
    return len(batches[index][0])


_together: Barrier | None = None  # of the processes; a pool hands it over only when it starts them


def _keep(barrier: Barrier) -> None:
    global _together
    _together = barrier
    cv2.setNumThreads(1)


def _rate_of_one(folder: Path, seconds: float) -> float:
    def begin() -> None:
        if _together is not None:
            _together.wait(PATIENCE_SECONDS)

    return rate_of_threads(folder, 1, seconds, begin)


if __name__ == "__main__":
    rate_of = rate_of_threads if sys.argv[1] == "threads" else rate_of_processes
    print(rate_of(Path(sys.argv[3]), int(sys.argv[2]), float(sys.argv[4])))  # noqa: T201
