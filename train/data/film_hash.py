"""Films that occur twice, told by a hash of the prepared film: byte-identical, recompressed, resized, re-exposed.

The hash is the sign pattern of a film's low frequencies (imagehash's `phash`, a DCT hash: Zauner, Implementation and
Benchmarking of Perceptual Image Hash Functions, 2010, section 3.2.1), here 16 × 16 of them because chest films all look
alike: with the usual 8 × 8 films of different patients come as close as copies do. The limit lies in a wide gap, seen
on the 5,232 training and validation films: copies after JPEG 50, shrinking to 62 % and back and a change of exposure
differ in at most 12 of 256 signs, films of different patients in at least 38, of the same patient in at least 46.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from train.common.remembered import once_per_array

FREQUENCIES = 16
BITS = FREQUENCIES**2
LIMIT = 20  # signs of BITS
_BLOCK = 2048


def film_hash(image: np.ndarray) -> NDArray[np.bool_]:
    """Hash one prepared film, uint8 [S, S] → bool [256]."""
    # Here, not above: imagehash brings scipy, which whoever only groups or predicts does not need.
    import imagehash
    from PIL import Image

    return imagehash.phash(Image.fromarray(np.asarray(image)), hash_size=FREQUENCIES).hash.ravel()


@once_per_array
def film_hashes(images: np.ndarray) -> NDArray[np.bool_]:
    """Hash prepared films, uint8 [n, S, S] → bool [n, 256]."""
    signs = np.zeros((len(images), BITS), dtype=bool)
    for row, image in enumerate(images):
        signs[row] = film_hash(image)
    return signs


def first_of_group(hashes: NDArray[np.bool_], limit: int = LIMIT) -> NDArray[np.int64]:
    """Group near-equal films: for each film the row of the first film of its group, itself where it has no copy.

    Args:
        hashes: bool [n, bits].
        limit: most signs in which two films of a group differ; groups are joined through what lies between.

    Returns:
        int64 [n].
    """
    first = np.arange(len(hashes))
    for start, distances in _distances(hashes):
        rows, others = np.nonzero(distances <= limit)
        for row, other in zip(rows[others > rows], others[others > rows], strict=True):
            one, two = _root(first, start + int(row)), _root(first, start + int(other))
            first[max(one, two)] = min(one, two)
    return np.array([_root(first, row) for row in range(len(first))], dtype=np.int64)


def closest_apart(hashes: NDArray[np.bool_], first: NDArray[np.int64]) -> int | None:
    """In how many signs the two closest films of different groups differ: well above the limit where the limit fits.

    Args:
        hashes: bool [n, bits].
        first: int64 [n], see `first_of_group`.

    Returns:
        None where all films are of one group.
    """
    closest = [
        int(distances[apart].min())
        for start, distances in _distances(hashes)
        if (apart := first[start : start + len(distances), None] != first[None, start:]).any()
    ]
    return min(closest, default=None)


def repeats(hashes: NDArray[np.bool_], limit: int = LIMIT) -> NDArray[np.bool_]:
    """Mark the films that repeat an earlier one: all but the first of every group, see `first_of_group`; bool [n]."""
    return first_of_group(hashes, limit) != np.arange(len(hashes))


def _distances(hashes: NDArray[np.bool_]) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Blocks of rows against themselves and all later rows: (first row, signs that differ, float32 [r, n - first])."""
    signs = np.where(hashes, 1, -1).astype(np.float32)
    for start in range(0, len(signs), _BLOCK):
        # The product is equal signs less different ones.
        yield start, (signs.shape[1] - signs[start : start + _BLOCK] @ signs[start:].T) / 2


def _root(first: NDArray[np.int64], row: int) -> int:
    while first[row] != row:
        first[row] = first[first[row]]
        row = int(first[row])
    return row
