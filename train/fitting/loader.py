"""Films for Keras: prepared once, kept as uint8, augmented on the fly with OpenCV, reproducibly."""

import math
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np

from train.data.cohort import Film
from train.fitting.augmentation import training_picture
from train.radiograph import PrepareSpec, RadiographError, prepare, read_radiograph
from train.runs.settings import AugmentationSettings

#: Sets the generator of mixup apart from those of the films.
_MIXING = 2
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
    """

    shapes: list[tuple[int, ...]] = []
    with tempfile.TemporaryFile(prefix="pneumoscope-films-") as file:

        def keep(_row: int, film: np.ndarray) -> None:
            file.write(np.ascontiguousarray(film))
            shapes.append(film.shape)

        kept, unreadable = _read_in_threads(root, films, lambda film: _shrunk(film, side), keep, advance, threads)
        file.flush()
        sizes = np.array(shapes, dtype=np.int64).reshape(-1, 2)
        ends = np.concatenate([[0], np.cumsum(sizes.prod(axis=1))])
        pixels = np.memmap(file, dtype=np.uint8, mode="r") if ends[-1] else np.empty(0, np.uint8)
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
    kept, unreadable = _read_in_threads(
        root, films, lambda film: prepare(film, spec), images.__setitem__, advance, threads
    )
    return PreparedFilms(kept, images[: len(kept)], unreadable)


def films_to_augment(
    root: Path,
    films: Sequence[Film],
    spec: PrepareSpec,
    crop: float,
    advance: Callable[..., None] = lambda *_: None,
) -> tuple[PreparedFilms, PrepareSpec | None]:
    """Read films for `FilmBatches` to augment: whole ones where random crops of them are shown, else prepared ones.

    Args:
        root: folder that the films' paths are relative to.
        films: rows of a cohort.
        spec: what the network wants.
        crop: the lowest share of the area, as `augmentation.crop`; 1 for no crops.
        advance: called once per film.

    Returns:
        The films, and the `spec` that `FilmBatches` is to prepare crops by; None where there are none.
    """
    if crop == 1:
        return prepare_films(root, films, spec, advance), None
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


class FilmBatches(keras.utils.PyDataset):
    """Batches of films for `fit`, `evaluate` and `predict`.

    Each item is (images uint8 [batch, S, S, channels], labels float32 [batch, 1]) and, where there are weights, those,
    float32 [batch, 1]. With `augmentation` the films are shuffled and changed by draws that depend on (seed, epoch,
    film) alone: not on the batch size, on the number of workers, on the order of reading or on what was read before,
    so that a resumed run sees the same pictures. With `augmentation.mixup` every film of a batch is then blended with
    another film of it, and so are labels and weights (Zhang et al. 2018, arXiv:1710.09412); which, and in which shares,
    depends on (seed, epoch, batch). Call `set_epoch` at the beginning of an epoch (Keras calls
    `on_epoch_end` more often than once per epoch).

    Several workers are threads, which make the next batches while one is used (OpenCV and NumPy let go of the
    interpreter). Keras's own would begin an epoch before it is told which.
    """

    def __init__(
        self,
        images: np.ndarray | WholeFilms,
        labels: Sequence[int] | np.ndarray,
        weights: np.ndarray | None = None,
        *,
        batch_size: int,
        channels: int,
        augmentation: AugmentationSettings | None = None,
        seed: int = 0,
        spec: PrepareSpec | None = None,
        workers: int = 1,
    ) -> None:
        """Keep films and what they are shown with.

        Args:
            images: prepared films, or whole ones, of which `augmentation` shows random crops.
            labels: [n].
            weights: in the loss, [n].
            batch_size: films per step.
            channels: of the network's input; all equal.
            augmentation: None shows the films as they are.
            seed: of order and changes.
            spec: how crops of whole films are prepared.
            workers: threads; 1 makes a batch when it is asked for.
        """
        super().__init__(workers=1, use_multiprocessing=False)
        self.images = images
        self.labels = np.asarray(labels, dtype=np.float32).reshape(-1, 1)  # [n, 1]
        self.weights = None if weights is None else np.asarray(weights, dtype=np.float32).reshape(-1, 1)
        self.batch_size = batch_size
        self.channels = channels
        self.augmentation = augmentation
        self.seed = seed
        self.spec = spec
        self._threads = workers
        self._pool: ThreadPoolExecutor | None = None
        if workers > 1:
            cv2.setNumThreads(1)  # threads of threads get in each other's way
            self._pool = ThreadPoolExecutor(workers)
        self._coming: dict[tuple[int, int], Future[np.ndarray]] = {}
        self.set_epoch(0)

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order and augmentation the next batches have."""
        self._epoch, self._order = epoch, self._order_of(epoch)

    def __len__(self) -> int:
        return math.ceil(len(self.images) / self.batch_size)

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        if self._pool is None:
            pictures = self._batch(self._order, self._epoch, index)
        else:
            pictures = self._from_the_pool(self._pool, index)
        targets = self.targets(self.rows(index))
        pairs = self._pairs(self._epoch, index, len(pictures))
        if pairs is None:
            return pictures, *targets
        partner, share = pairs[0], pairs[1][:, np.newaxis]
        return pictures, *(share * target + (1 - share) * target[partner] for target in targets)

    def rows(self, index: int) -> np.ndarray:
        """Return which films batch `index` of the epoch holds, int [batch]."""
        return self._rows(self._order, index)

    def pictures(self, rows: np.ndarray) -> np.ndarray:
        """Return films as the epoch shows them, each by itself, uint8 [len(rows), S, S, channels]."""
        if self._pool is None:
            return self._pictures(rows, self._epoch)
        parts = [part for part in np.array_split(rows, self._threads) if len(part)]
        return np.concatenate(list(self._pool.map(self._pictures, parts, [self._epoch] * len(parts))))

    def targets(self, rows: np.ndarray) -> tuple[Any, ...]:
        """Return what belongs to films, each by itself: the labels, and weights where there are any."""
        if self.weights is None:
            return (self.labels[rows],)
        return self.labels[rows], self.weights[rows]

    def _order_of(self, epoch: int) -> np.ndarray:
        if self.augmentation is None:
            return np.arange(len(self.images))
        return np.random.default_rng((self.seed, epoch)).permutation(len(self.images))

    def _rows(self, order: np.ndarray, index: int) -> np.ndarray:
        return order[index * self.batch_size : (index + 1) * self.batch_size]

    def _from_the_pool(self, pool: ThreadPoolExecutor, index: int) -> np.ndarray:
        """Take a batch from the threads and have them make the next ones, those of the next epoch among them."""
        places = range(index, index + 2 * self._threads)
        window = [(self._epoch + place // len(self), place % len(self)) for place in places]
        for key in self._coming.keys() - set(window):
            self._coming.pop(key).cancel()  # of an epoch that was left, or of a look at a batch out of turn
        for epoch, place in window:
            if (epoch, place) not in self._coming:
                order = self._order if epoch == self._epoch else self._order_of(epoch)
                self._coming[epoch, place] = pool.submit(self._batch, order, epoch, place)
        return self._coming.pop(window[0]).result()

    def _batch(self, order: np.ndarray, epoch: int, index: int) -> np.ndarray:
        """Return the pictures of a batch, blended where there is mixup."""
        pictures = self._pictures(self._rows(order, index), epoch)
        pairs = self._pairs(epoch, index, len(pictures))
        if pairs is None:
            return pictures
        blended = np.empty_like(pictures)
        for row, (partner, share) in enumerate(zip(*pairs, strict=True)):
            cv2.addWeighted(pictures[row], float(share), pictures[partner], float(1 - share), 0, blended[row])
        return blended

    def _pairs(self, epoch: int, index: int, count: int) -> tuple[np.ndarray, np.ndarray] | None:
        """Return of each film of a batch its partner's place, int [count], and its own share, float32 [count]."""
        if self.augmentation is None or not self.augmentation.mixup:
            return None
        generator = np.random.default_rng((self.seed, epoch, index, _MIXING))
        alpha = self.augmentation.mixup
        return generator.permutation(count), generator.beta(alpha, alpha, count).astype(np.float32)

    def _pictures(self, rows: np.ndarray, epoch: int) -> np.ndarray:
        images = [self._image(int(row), epoch) for row in rows]
        if self.channels == 1:
            return np.stack(images)[..., np.newaxis]  # [batch, S, S, 1]
        pictures = np.empty((len(images), *images[0].shape, self.channels), np.uint8)
        for picture, image in zip(pictures, images, strict=True):
            cv2.merge([image] * self.channels, picture)
        return pictures

    def _image(self, row: int, epoch: int) -> np.ndarray:
        image = np.asarray(self.images[row])
        if self.augmentation is None:
            return image
        return training_picture(image, self.augmentation, self.spec, (self.seed, epoch, row))


def _allocate(shape: tuple[int, int, int], memory_limit_bytes: int) -> np.ndarray:
    if math.prod(shape) <= memory_limit_bytes or math.prod(shape) == 0:
        return np.empty(shape, dtype=np.uint8)
    # The file has no name, so nothing is left behind however the process ends; the mapping outlives the handle.
    with tempfile.TemporaryFile(prefix="pneumoscope-films-") as file:
        return np.memmap(file, dtype=np.uint8, mode="w+", shape=shape)
