"""Films that occur twice, told by a hash of the prepared film: byte-identical, recompressed, resized, re-exposed.

The hash is the sign pattern of a film's low frequencies (DCT hash: Zauner, Implementation and Benchmarking of
Perceptual Image Hash Functions, 2010, section 3.2.1), here 16 × 16 of them because chest films all look alike: with the
usual 8 × 8 films of different patients come as close as copies do. The limit lies in a wide gap, seen on the 5,232
training and validation films: copies after JPEG 50, shrinking to 62 % and back and a change of exposure differ in at
most 10 of 256 signs, films of different patients in at least 40, of the same patient in at least 44.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

FREQUENCIES = 16
LIMIT = 20  # signs of 256
_BLOCK = 2048


def film_hashes(images: Sequence[np.ndarray] | np.ndarray) -> NDArray[np.bool_]:
    """Hash prepared films, uint8 [n, S, S] → bool [n, 256]."""
    side = 4 * FREQUENCIES
    signs = np.zeros((len(images), FREQUENCIES**2), dtype=bool)
    for row, image in enumerate(images):
        small = cv2.resize(np.asarray(image), (side, side), interpolation=cv2.INTER_AREA).astype(np.float32)
        low = cv2.dct(small)[:FREQUENCIES, :FREQUENCIES].ravel()
        signs[row] = low > np.median(low)
    return signs


def repeats(hashes: NDArray[np.bool_], limit: int = LIMIT) -> NDArray[np.bool_]:
    """Mark the films that repeat an earlier one: all but the first of every group of near-equal films.

    Args:
        hashes: bool [n, bits].
        limit: most signs in which two films of a group differ; groups are joined through what lies between.

    Returns:
        bool [n].
    """
    signs = np.where(hashes, 1, -1).astype(np.float32)
    first = np.arange(len(signs))
    for start in range(0, len(signs), _BLOCK):
        # Equal signs less different ones: bits - 2 * distance.
        likeness = signs[start : start + _BLOCK] @ signs.T
        for row, other in zip(*np.nonzero(likeness >= signs.shape[1] - 2 * limit), strict=True):
            one, two = _root(first, start + int(row)), _root(first, int(other))
            first[max(one, two)] = min(one, two)
    return first != np.arange(len(first))


def _root(first: NDArray[np.int64], row: int) -> int:
    while first[row] != row:
        row = int(first[row])
    return row
