"""Films read once for a network: prepared, or kept whole for crops of them; in threads, in memory or in a file."""

import math
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from train.common.errors import PneumoscopeError
from train.data.cohort import Film
from train.radiograph import PrepareSpec, RadiographError, prepare, read_radiograph

#: Films whose size is looked at before all are read.
_SIZED_FILMS = 32
#: Above this many bytes the prepared films live in an unlinked temporary file instead of memory.
MEMORY_LIMIT_BYTES = 4 * 2**30


@dataclass(frozen=True)
class PreparedFilms:
    """Films ready for a network.

    films: the rows of the cohort that could be read, in order.
    images: uint8 [n, S, S], as `train.radiograph.prepare` leaves them; or whole films, for crops of them.
    unreadable: (path, reason) of the films left out.
    """

    films: tuple[Film, ...]
    images: "np.ndarray | WholeFilms"
    unreadable: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class WholeFilms:
    """Films of any shape, one after the other in one array, mapped from a file: a sequence of uint8 [H, W].

    pixels: uint8 [all of them]. shapes: int [n, 2], height and width. ends: int [n + 1], where each film begins, and
    where the last ends.
    """

    pixels: np.ndarray
    shapes: np.ndarray
    ends: np.ndarray

    @property
    def shape(self) -> tuple[int, int]:
        """How many films, and how many pixels in all."""
        return len(self.shapes), int(self.ends[-1])

    def __len__(self) -> int:
        return len(self.shapes)

    def __getitem__(self, row: int) -> np.ndarray:
        if not 0 <= row < len(self.shapes):
            raise IndexError(row)
        return self.pixels[self.ends[row] : self.ends[row + 1]].reshape(self.shapes[row])


class PrepareFilms(Protocol):
    """`prepare_films`, or what stands in for it."""

    def __call__(  # noqa: D102
        self, root: Path, films: Sequence[Film], spec: PrepareSpec, advance: Callable[..., None] = ...
    ) -> PreparedFilms: ...


def read_whole_films(
    root: Path,
    films: Sequence[Film],
    side: int,
    advance: Callable[..., None] = lambda *_: None,
    threads: int = 4,
) -> PreparedFilms:
    """Read films once and keep them whole, shrunk until the shorter side has `side` pixels, never enlarged.

    They lie in a file without a name, whose pages the system keeps in memory as it has room for them.

    Args:
        root: folder that the films' paths are relative to.
        films: rows of a cohort.
        side: in pixels; see `side_for_crops`.
        advance: called once per film.
        threads: how many films are decoded at a time.

    Raises:
        PneumoscopeError: the folder for temporary files is full or cannot be written to.
    """
    shapes: list[tuple[int, ...]] = []
    try:
        with tempfile.TemporaryFile(prefix="pneumoscope-films-") as file:

            def keep(_row: int, film: np.ndarray) -> None:
                file.write(np.ascontiguousarray(film).data)
                shapes.append(film.shape)

            kept, unreadable = _read_in_threads(root, films, lambda film: _shrunk(film, side), keep, advance, threads)
            file.flush()
            sizes = np.array(shapes, dtype=np.int64).reshape(-1, 2)
            ends = np.concatenate([[0], np.cumsum(sizes.prod(axis=1))])
            pixels = np.memmap(file, dtype=np.uint8, mode="r") if ends[-1] else np.empty(0, np.uint8)
    except OSError as error:
        raise PneumoscopeError(
            f"whole films cannot be kept in {tempfile.gettempdir()} ({error.strerror}): make room there, or set TMPDIR "
            "to a folder that has it"
        ) from error
    return PreparedFilms(kept, WholeFilms(pixels, sizes, ends), unreadable)


def side_for_crops(image_size: int, crop: float) -> int:
    """Return how many pixels a film's shorter side needs for its smallest crop to have `image_size`; 4 times at most.

    Args:
        image_size: side of the network's input.
        crop: the lowest share of the area.
    """
    return min(math.ceil(image_size / math.sqrt(crop)), 4 * image_size)


def bytes_of_whole_films(root: Path, films: Sequence[Film], side: int) -> int:
    """Estimate how many bytes `read_whole_films` writes, from the sizes of some of the films, evenly spread.

    Args:
        root: folder that the films' paths are relative to.
        films: rows of a cohort.
        side: in pixels; see `side_for_crops`.
    """
    pixels = []
    for film in films[:: math.ceil(len(films) / _SIZED_FILMS) or 1]:
        try:
            height, width = read_radiograph(root / film.path).shape
        except RadiographError:
            continue
        pixels.append(height * width * min(1, side / min(height, width)) ** 2)
    return round(len(films) * float(np.mean(pixels))) if pixels else 0


def _shrunk(film: np.ndarray, side: int) -> np.ndarray:
    height, width = film.shape
    scale = side / min(height, width)
    if scale >= 1:
        return film
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cv2.resize(film, size, interpolation=cv2.INTER_AREA)


def prepare_films(
    root: Path,
    films: Sequence[Film],
    spec: PrepareSpec,
    advance: Callable[..., None] = lambda *_: None,
    threads: int = 4,
    memory_limit_bytes: int = MEMORY_LIMIT_BYTES,
    make: Callable[[np.ndarray], np.ndarray] | None = None,
) -> PreparedFilms:
    """Read and prepare films once, in threads (OpenCV lets go of the interpreter while it decodes).

    Args:
        root: folder that the films' paths are relative to.
        films: rows of a cohort.
        spec: what the network wants.
        advance: called once per film.
        threads: how many films are decoded at a time.
        memory_limit_bytes: above it the array is memory-mapped from a temporary file that needs no cleaning up.
        make: what is kept of a whole film, uint8 [H, W] → [S, S], instead of the film prepared.
    """
    side = spec.image_size
    images = _allocate((len(films), side, side), memory_limit_bytes)
    kept, unreadable = _read_in_threads(
        root, films, make or (lambda film: prepare(film, spec)), images.__setitem__, advance, threads
    )
    return PreparedFilms(kept, images[: len(kept)], unreadable)


def prepare_films_once(
    root: Path, films: Sequence[Film], spec: PrepareSpec, advance: Callable[..., None] = lambda *_: None
) -> PreparedFilms:
    """Return what `prepare_films` returns, the last two answers again as long as no file has changed.

    For a process that trains one network after the other on the same films.
    """
    stamps = tuple(_stamp(root / film.path) for film in films)
    prepared = _prepared_once(root, tuple(films), spec, stamps)
    advance(len(films))
    return prepared


@lru_cache(maxsize=2)
def _prepared_once(root: Path, films: tuple[Film, ...], spec: PrepareSpec, _stamps: object) -> PreparedFilms:
    prepared = prepare_films(root, films, spec)
    if isinstance(prepared.images, np.ndarray):
        prepared.images.flags.writeable = False  # what follows from them is worked out once, see `once_per_array`
    return prepared


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def films_to_augment(
    root: Path,
    films: Sequence[Film],
    spec: PrepareSpec,
    crop: float,
    advance: Callable[..., None] = lambda *_: None,
    read: "PrepareFilms" = prepare_films,
) -> tuple[PreparedFilms, PrepareSpec | None]:
    """Read films for `FilmBatches` to augment: whole ones where random crops of them are shown, else prepared ones.

    Args:
        root: folder that the films' paths are relative to.
        films: rows of a cohort.
        spec: what the network wants.
        crop: the lowest share of the area, as `augmentation.crop`; 1 for no crops.
        advance: called once per film.
        read: reads those that are prepared.

    Returns:
        The films, and the `spec` that `FilmBatches` is to prepare crops by; None where there are none.
    """
    if crop == 1:
        return read(root, films, spec, advance), None
    return read_whole_films(root, films, side_for_crops(spec.image_size, crop), advance), spec


def _read_in_threads(
    root: Path,
    films: Sequence[Film],
    make: Callable[[np.ndarray], np.ndarray],
    keep: Callable[[int, np.ndarray], object],
    advance: Callable[..., None],
    threads: int,
) -> tuple[tuple[Film, ...], tuple[tuple[str, str], ...]]:
    """Read films, `make` something of each in threads, and `keep` it at its row, in order.

    Returns:
        The films that could be read, and (path, reason) of the others.
    """

    def one(film: Film) -> np.ndarray | RadiographError:
        try:
            return make(read_radiograph(root / film.path))
        except RadiographError as error:
            return error

    kept: list[Film] = []
    unreadable: list[tuple[str, str]] = []
    with ThreadPoolExecutor(threads) as pool:
        for film, result in zip(films, pool.map(one, films), strict=True):
            if isinstance(result, RadiographError):
                unreadable.append((film.path, str(result)))
            else:
                keep(len(kept), result)
                kept.append(film)
            advance()
    return tuple(kept), tuple(unreadable)


def _allocate(shape: tuple[int, int, int], memory_limit_bytes: int) -> np.ndarray:
    if math.prod(shape) <= memory_limit_bytes or math.prod(shape) == 0:
        return np.empty(shape, dtype=np.uint8)
    # The file has no name, so nothing is left behind however the process ends; the mapping outlives the handle.
    with tempfile.TemporaryFile(prefix="pneumoscope-films-") as file:
        return np.memmap(file, dtype=np.uint8, mode="w+", shape=shape)
