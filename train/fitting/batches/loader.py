"""Films for Keras: batches of prepared films, uint8, augmented on the fly with OpenCV, reproducibly."""

import math
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import cv2
import keras
import numpy as np

from train.data.prepared_films import WholeFilms
from train.fitting.batches.augmentation import training_picture
from train.fitting.devices.data_parallel import Share
from train.radiograph import PrepareSpec
from train.runs.settings import AugmentationSettings

#: Sets the generator of mixup apart from those of the films.
_MIXING = 2


class FilmBatches(keras.utils.PyDataset):
    """Batches of films for `fit`, `evaluate` and `predict`.

    Each item is (images uint8 [batch, S, S, channels], labels float32 [batch, 1]) and, where there are weights, those,
    float32 [batch, 1]. With `augmentation` the films are shuffled and changed by draws that depend on (seed, epoch,
    film) alone: not on the batch size, on the number of workers, on the order of reading or on what was read before,
    so that a resumed run sees the same pictures. With `augmentation.mixup` every film of a batch is then blended with
    another film of it, and so are labels and weights (Zhang et al. 2018, arXiv:1710.09412); which, and in which shares,
    depends on (seed, epoch, batch). Call `set_epoch` at the beginning of an epoch (Keras calls
    `on_epoch_end` more often than once per epoch).

    Where devices share a batch they divide it. Of films to learn from an epoch leaves the last few of its order out,
    fewer than there are devices and other ones in every epoch; to films that are shown as they are a few are added that
    weigh nothing. A process among several gives its own share of every batch.

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
        share: Share | None = None,
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
            share: this process's of every batch; all of it by default.
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
        self.share = share or Share()
        self._fill_up()
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
        return math.ceil(len(self._order) / self.batch_size)

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        if self._pool is None:
            pictures = self._batch(self._order, self._epoch, index)
        else:
            pictures = self._from_the_pool(self._pool, index)
        rows = self._rows(self._order, index)
        pairs = self._pairs(self._epoch, index, len(rows))
        if pairs is None:
            return pictures, *self.targets(self.share.own(rows))
        targets = self.targets(rows)
        partner, share = pairs[0], pairs[1][:, np.newaxis]
        blended = (share * target + (1 - share) * target[partner] for target in targets)
        return pictures, *map(self.share.own, blended)

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
            return np.arange(len(self.labels))
        order = np.random.default_rng((self.seed, epoch)).permutation(len(self.images))
        return order[: len(order) - len(order) % self.share.devices]

    def _fill_up(self) -> None:
        """Add rows that weigh nothing until the devices divide the films; the others' weight keeps the mean loss.

        Keras divides the sum of the weighed losses by the number of rows.
        """
        films = len(self.labels)
        added = -films % self.share.devices
        if self.augmentation is not None or not added:
            return
        weights = np.ones((films, 1), np.float32) if self.weights is None else self.weights
        self.weights = np.concatenate([weights * ((films + added) / films), np.zeros((added, 1))]).astype(np.float32)
        self.labels = np.resize(self.labels, (films + added, 1))

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
        rows = self._rows(order, index)
        pairs = self._pairs(epoch, index, len(rows))
        if pairs is None:
            return self._pictures(self.share.own(rows), epoch)
        pictures = self._pictures(rows, epoch)
        blended = np.empty_like(pictures)
        for row, (partner, share) in enumerate(zip(*pairs, strict=True)):
            cv2.addWeighted(pictures[row], float(share), pictures[partner], float(1 - share), 0, blended[row])
        return self.share.own(blended)

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
        image = np.asarray(self.images[row % len(self.images)])
        if self.augmentation is None:
            return image
        return training_picture(image, self.augmentation, self.spec, (self.seed, epoch, row))
