"""Many films through the networks: several at once, in order, few of them in memory."""

import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from functools import partial

from demo.inference.classifier import Classifier
from demo.inference.compare import Case, Comparison, ReadFilm, compare_film
from demo.predict.films.names import STANDARD_INPUT
from demo.predict.look_ahead import look_ahead
from train.radiograph import read_with_warnings
from train.radiograph.formats import MAX_BYTES

AHEAD = 4  # films begun or read per film at once; those that are read hold their comparison alone
MOST_FILMS_AT_ONCE = 16  # each may hold a file of 100 MB and a picture of 50 million pixels


def share_processors(films: int, processors: int) -> tuple[int, int]:
    """Divide the processors: (films read at once, threads inside each network's graph).

    A film per processor is the fastest way through a folder, and needs no batches: a graph's threads wait for
    each other at every node, films never do, and they decode while others are in the networks. All threads in one
    film are the fastest way through one film.
    """
    at_once = max(1, min(films, processors, MOST_FILMS_AT_ONCE))
    return at_once, max(1, processors // at_once)


def read_films(
    films: Sequence[str],
    classifiers: Mapping[str, Classifier],
    operating_point: str | None = None,
    at_once: int = 1,
    on_warning: Callable[[str, str], None] | None = None,
    *,
    force: bool = False,
    on_case: Callable[[str, Case], None] | None = None,
    read_film: ReadFilm = read_with_warnings,
) -> Generator[Comparison, None, None]:
    """Read films in their order, `at_once` of them at a time; see `compare_film`.

    Args:
        films: paths; "-" is standard input.
        classifiers: by network name; their order is the order of the readings.
        operating_point: a name all cards have; None for each card's default.
        at_once: how many films.
        on_warning: called with path and warning before the film is yielded, in the thread of whoever takes it.
        force: give a refused film's verdict too.
        on_case: as of `compare_film`; called in the thread that reads.
        read_film: as of `compare_film`.

    Raises:
        UsageError: a card has no such operating point.
    """

    def job_of(film: str) -> Callable[[], tuple[Comparison, list[str]]]:
        # Here and not in another thread, which nothing could interrupt while it waits for an end of the input.
        data = sys.stdin.buffer.read(MAX_BYTES + 1) if film == STANDARD_INPUT else None
        return partial(_read_film, film, classifiers, operating_point, data, force, on_case, read_film)

    with closing(look_ahead(films, job_of, at_once, AHEAD)) as read:
        for comparison, warnings in read:
            if on_warning is not None:
                for warning in warnings:
                    on_warning(comparison["path"], warning)
            yield comparison


def _read_film(
    film: str,
    classifiers: Mapping[str, Classifier],
    operating_point: str | None,
    data: bytes | None,
    force: bool,
    on_case: Callable[[str, Case], None] | None,
    read_film: ReadFilm,
) -> tuple[Comparison, list[str]]:
    warnings: list[str] = []
    comparison = compare_film(film, classifiers, operating_point, data, warnings.append, force, on_case, read_film)
    return comparison, warnings
