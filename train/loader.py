"""Films for Keras: prepared once, kept as uint8, augmented on the fly with OpenCV, reproducibly."""

import math
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from train.augmentation import augment
from train.cohort import Film
from train.radiograph import PrepareSpec, RadiographError, prepare, read_radiograph
from train.settings import AugmentationSettings

#: Above this many bytes the prepared films live in an unlinked temporary file instead of memory.
MEMORY_LIMIT_BYTES = 4 * 2**30


@dataclass(frozen=True)
class PreparedFilms:
    """Films ready for a network.

    films: the rows of the cohort that could be read, in order.
    images: uint8 [n, S, S], as `train.radiograph.prepare` leaves them.
    unreadable: (path, reason) of the films left out.
    """

    films: tuple[Film, ...]
    images: np.ndarray
    unreadable: tuple[tuple[str, str], ...]


def prepare_films(
    root: Path,
    films: Sequence[Film],
    spec: PrepareSpec,
    advance: Callable[..., None] = lambda *_: None,
    threads: int = 4,
    memory_limit_bytes: int = MEMORY_LIMIT_BYTES,
) -> PreparedFilms:
    """Read and prepare films once, in threads (OpenCV lets go of the interpreter while it decodes).

    Args:
        root: folder that the films' paths are relative to.
        films: rows of a cohort.
        spec: what the network wants.
        advance: called once per film.
        threads: how many films are decoded at a time.
        memory_limit_bytes: above it the array is memory-mapped from a temporary file that needs no cleaning up.
    """
    side = spec.image_size
    images = _allocate((len(films), side, side), memory_limit_bytes)

    def one(film: Film) -> np.ndarray | RadiographError:
        try:
            return prepare(read_radiograph(root / film.path), spec)
        except RadiographError as error:
            return error

    kept: list[Film] = []
    unreadable: list[tuple[str, str]] = []
    with ThreadPoolExecutor(threads) as pool:
        for film, result in zip(films, pool.map(one, films), strict=True):
            if isinstance(result, RadiographError):
                unreadable.append((film.path, str(result)))
            else:
                images[len(kept)] = result
                kept.append(film)
            advance()
    return PreparedFilms(tuple(kept), images[: len(kept)], tuple(unreadable))


class FilmBatches(keras.utils.PyDataset):
    """Batches of prepared films for `fit`, `evaluate` and `predict`.

    Each item is (images uint8 [batch, S, S, channels], labels float32 [batch, 1]) and, where there are weights, those,
    float32 [batch, 1]; labels and weights of a network with two outputs are dicts by output. With `augmentation` the
    films are shuffled and changed by draws that depend on (seed, epoch, film) alone: not on the batch size, on the
    order of reading or on what was read before, so that a resumed run sees the same pictures. Call `set_epoch`
    at the beginning of an epoch (Keras calls `on_epoch_end` more often than once per epoch).
    """

    def __init__(
        self,
        images: np.ndarray,
        labels: Sequence[int] | np.ndarray | Mapping[str, np.ndarray],
        weights: np.ndarray | Mapping[str, np.ndarray] | None = None,
        *,
        batch_size: int,
        channels: int,
        augmentation: AugmentationSettings | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(workers=1, use_multiprocessing=False)
        self.images = images
        self.labels = _columns(labels)
        self.weights = None if weights is None else _columns(weights)
        self.batch_size = batch_size
        self.channels = channels
        self.augmentation = augmentation
        self.seed = seed
        self.set_epoch(0)

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order and augmentation the next batches have."""
        count = len(self.images)
        order = np.arange(count)
        if self.augmentation is not None:
            order = np.random.default_rng((self.seed, epoch)).permutation(count)
        self._epoch, self._order = epoch, order

    def __len__(self) -> int:
        return math.ceil(len(self.images) / self.batch_size)

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        rows = self.rows(index)
        return self.pictures(rows), *self.targets(rows)

    def rows(self, index: int) -> np.ndarray:
        """Return which films batch `index` of the epoch holds, int [batch]."""
        return self._order[index * self.batch_size : (index + 1) * self.batch_size]

    def pictures(self, rows: np.ndarray) -> np.ndarray:
        """Return films as the epoch shows them, uint8 [len(rows), S, S, channels]."""
        images = np.stack([self._image(int(row)) for row in rows])[..., np.newaxis]  # [batch, S, S, 1]
        return np.repeat(images, self.channels, axis=-1) if self.channels > 1 else images

    def targets(self, rows: np.ndarray) -> tuple[Any, ...]:
        """Return what follows the pictures in a batch: the labels, and weights where there are any."""
        if self.weights is None:
            return (_rows_of(self.labels, rows),)
        return _rows_of(self.labels, rows), _rows_of(self.weights, rows)

    def _image(self, row: int) -> np.ndarray:
        image = np.asarray(self.images[row])
        if self.augmentation is None:
            return image
        return augment(image, self.augmentation, np.random.default_rng((self.seed, self._epoch, row)))


Columns = np.ndarray | dict[str, np.ndarray]


def _columns(values: Sequence[int] | np.ndarray | Mapping[str, np.ndarray]) -> Columns:
    if isinstance(values, Mapping):
        return {name: _columns(column) for name, column in values.items()}
    return np.asarray(values, dtype=np.float32).reshape(-1, 1)  # [n, 1]


def _rows_of(columns: Columns, rows: np.ndarray) -> Columns:
    if isinstance(columns, dict):
        return {name: column[rows] for name, column in columns.items()}
    return columns[rows]


def _allocate(shape: tuple[int, int, int], memory_limit_bytes: int) -> np.ndarray:
    if math.prod(shape) <= memory_limit_bytes or math.prod(shape) == 0:
        return np.empty(shape, dtype=np.uint8)
    # The file has no name, so nothing is left behind however the process ends; the mapping outlives the handle.
    with tempfile.TemporaryFile(prefix="pneumoscope-films-") as file:
        return np.memmap(file, dtype=np.uint8, mode="w+", shape=shape)
