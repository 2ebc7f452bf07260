"""Films for Keras: prepared once, kept as uint8, augmented on the fly with OpenCV, reproducibly."""

import math
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import keras
import numpy as np

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


def augment(image: np.ndarray, settings: AugmentationSettings, generator: np.random.Generator) -> np.ndarray:
    """Return a randomly changed copy of a prepared film, uint8 [S, S] → uint8 [S, S].

    Geometry is one affine map about the centre (bilinear; the border pixel is repeated outside); grey values
    go through one table. Every number is drawn whether its range is 0 or not, so that switching one change off
    does not change the draws of the others.
    """
    side = image.shape[0]
    rotation, zoom, shift_x, shift_y, brightness, contrast, gamma, flip = generator.uniform(-1, 1, 8)
    matrix = cv2.getRotationMatrix2D(
        ((side - 1) / 2, (side - 1) / 2), rotation * settings.rotation, 1 + zoom * settings.zoom
    )
    matrix[:, 2] += (shift_x * settings.shift * side, shift_y * settings.shift * side)
    if settings.flip and flip > 0:
        matrix = matrix @ np.array([[-1, 0, side - 1], [0, 1, 0], [0, 0, 1]], dtype=np.float64)
    image = cv2.warpAffine(image, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    if settings.brightness or settings.contrast or settings.gamma:
        grey = np.arange(256, dtype=np.float64) / 255
        grey = grey ** (2 ** (gamma * settings.gamma))
        centre = float(image.mean()) / 255
        grey = (grey - centre) * (1 + contrast * settings.contrast) + centre + brightness * settings.brightness
        image = cv2.LUT(image, np.clip(np.rint(grey * 255), 0, 255).astype(np.uint8))
    return image


class FilmBatches(keras.utils.PyDataset):
    """Batches of prepared films for `fit`, `evaluate` and `predict`.

    Each item is (images uint8 [batch, S, S, channels], labels float32 [batch, 1]). With `augmentation` the films
    are shuffled and changed by draws that depend on (seed, epoch, film) alone: not on the batch size, on the
    order of reading or on what was read before, so that a resumed run sees the same pictures. Call `set_epoch`
    at the beginning of an epoch (Keras calls `on_epoch_end` more often than once per epoch).
    """

    def __init__(
        self,
        images: np.ndarray,
        labels: Sequence[int] | np.ndarray,
        *,
        batch_size: int,
        channels: int,
        augmentation: AugmentationSettings | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(workers=1, use_multiprocessing=False)
        self.images = images
        self.labels = np.asarray(labels, dtype=np.float32).reshape(-1, 1)
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

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        rows = self._order[index * self.batch_size : (index + 1) * self.batch_size]
        images = np.stack([self._image(int(row)) for row in rows])[..., np.newaxis]  # [batch, S, S, 1]
        if self.channels > 1:
            images = np.repeat(images, self.channels, axis=-1)
        return images, self.labels[rows]

    def _image(self, row: int) -> np.ndarray:
        image = np.asarray(self.images[row])
        if self.augmentation is None:
            return image
        return augment(image, self.augmentation, np.random.default_rng((self.seed, self._epoch, row)))


def _allocate(shape: tuple[int, int, int], memory_limit_bytes: int) -> np.ndarray:
    if math.prod(shape) <= memory_limit_bytes or math.prod(shape) == 0:
        return np.empty(shape, dtype=np.uint8)
    # The file has no name, so nothing is left behind however the process ends; the mapping outlives the handle.
    with tempfile.TemporaryFile(prefix="pneumoscope-films-") as file:
        return np.memmap(file, dtype=np.uint8, mode="w+", shape=shape)
