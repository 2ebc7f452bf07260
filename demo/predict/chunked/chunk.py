"""A chunk's work, the same whoever has it done: films in, the bytes of the chunk's part file out."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Self

import numpy as np

from demo.inference.classifier import load_classifier
from demo.inference.film_workers import FilmWorkers
from demo.inference.onnx_runtime import Device
from demo.predict.chunked.options import PartForm
from demo.predict.chunked.part_files import encode_part
from demo.predict.films.names import is_url
from demo.predict.look_ahead import look_ahead
from demo.predict.stream import read_films
from export.bundle import Bundle
from train.common.errors import PneumoscopeError
from train.radiograph import RadiographError

# A film comes from a storage in more time than it is read in, and waiting for it takes no processor.
FETCHED_AT_ONCE = 8
TRIES = 4  # of a chunk whose worker ends: for want of memory, or by somebody's hand
FETCHED_AHEAD = 2  # per film at once; each may hold a file of 100 MB


@dataclass(frozen=True)
class Task:
    """What all chunks of a run have in common; it goes to every worker.

    Attributes:
        bundles: by network name, with their models' bytes; their order is the order of the readings.
        operating_point: a name all cards have; None for each card's default.
        device: for ONNX Runtime.
        force: give a refused film's verdict too.
        form: of the parts.
        folder: where relative paths begin.
    """

    bundles: Mapping[str, Bundle]
    operating_point: str | None
    device: Device
    force: bool
    form: PartForm
    folder: str


@dataclass(frozen=True)
class Chunk:
    """Films that are read together: the part with their number holds them or is not there."""

    number: int
    films: tuple[str, ...]


@dataclass(frozen=True)
class ChunkResult:
    """A chunk that was read.

    Attributes:
        part: the bytes of its part file.
        films: how many it has.
        warned: films of which there is something to know, as that they had more frames.
        device_line: which device read them and why, in words.
    """

    number: int
    part: bytes
    films: int
    warned: int
    device_line: str


def died(chunk: Chunk) -> str:
    """What to say of a chunk that ended its workers."""
    return (
        f"chunk {chunk.number} (from {chunk.films[0]}) ended {TRIES} workers that read it; if that is for want of "
        "memory, give fewer --workers, then the same command again"
    )


def next_chunks(again: deque[Chunk], chunks: Iterator[Chunk], count: int) -> list[Chunk]:
    """Take `count` chunks, or as many as there are: first those that are to be read again."""
    first = [again.popleft() for _ in range(min(count, len(again)))]
    return first + list(islice(chunks, count - len(first)))


class ChunkReader:
    """The networks, loaded once for many chunks, and a process that decodes: no film ends this one.

    One film is read at a time: a worker per processor is the fastest way through many.
    """

    def __init__(self, task: Task) -> None:
        """Load the networks. Raises as `load_classifier`."""
        self._task = task
        with ExitStack() as stack:
            # It starts while the networks load.
            self._decoder = stack.enter_context(FilmWorkers(1))
            self._classifiers = {
                name: load_classifier(bundle, task.device, threads=1) for name, bundle in task.bundles.items()
            }
            self._open = stack.pop_all()
        self._device_line = next(iter(self._classifiers.values())).device_line

    def read(self, chunk: Chunk) -> ChunkResult:
        """Read a chunk; a film that it names twice is read once.

        Raises:
            UsageError: a card has no such operating point.
            StorageError: no film can be had from a storage; what is lost is this chunk's work.
        """
        films = tuple(dict.fromkeys(chunk.films))
        warned: set[str] = set()
        with closing(_Films(films, self._decoder)) as source:
            read = read_films(
                films,
                self._classifiers,
                self._task.operating_point,
                on_warning=lambda film, _: warned.add(film),
                force=self._task.force,
                read_film=source.read,
            )
            found = {comparison["path"]: comparison for comparison in read}
            source.check()
        comparisons = [found[film] for film in chunk.films]
        part = encode_part(comparisons, tuple(self._task.bundles), self._task.form)
        return ChunkResult(chunk.number, part, len(comparisons), len(warned), self._device_line)

    def close(self) -> None:
        """End the process that decodes."""
        self._open.close()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()


class _Films:
    """The films of one chunk, asked for in their order; those in a storage are fetched ahead."""

    def __init__(self, films: Sequence[str], decoder: FilmWorkers) -> None:
        self._decoder = decoder
        self._trouble: PneumoscopeError | None = None
        urls = [film for film in films if is_url(film)]
        self._fetched: Iterator[bytes | PneumoscopeError] = look_ahead(
            urls, lambda url: lambda: _fetched(url), FETCHED_AT_ONCE, FETCHED_AHEAD
        )

    def read(self, source: str | Path | bytes) -> tuple[np.ndarray, tuple[str, ...]]:
        """As `FilmWorkers.read`, but a URL is read as well; called once for each film of the chunk, one at a time."""
        if not isinstance(source, str) or not is_url(source):
            return self._decoder.read(source)
        if self._trouble is not None:  # the chunk is lost: nothing more is asked of the storage
            raise self._trouble
        data = next(self._fetched)
        if isinstance(data, bytes):
            return self._decoder.read(data)
        if not isinstance(data, RadiographError):
            self._trouble = data
        raise data

    def check(self) -> None:
        """Raise what kept films from being had that is no fault of theirs."""
        if self._trouble is not None:
            raise self._trouble

    def close(self) -> None:
        """End what is being fetched."""
        self._fetched.close()  # type: ignore[attr-defined]


def _fetched(url: str) -> bytes | PneumoscopeError:
    from demo.predict.films.urls import fetch

    try:
        return fetch(url)
    except PneumoscopeError as error:
        return error
