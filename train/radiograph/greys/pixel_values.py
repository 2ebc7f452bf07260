"""Values of a film counted, and looked up in a table, piece by piece.

NumPy does both with numbers of 64 bits: of a whole film of 16 bits it would make one that is four times as large.
"""

import numpy as np

_PIXELS_AT_ONCE = 1 << 20


def count_values(film: np.ndarray, least: int, number: int) -> np.ndarray:
    """How many pixels have each value.

    Args:
        film: any integer dtype [H, W], of values from `least` to `least + number - 1`.

    Returns:
        int64 [number].
    """
    pixels, counts = film.ravel(), np.zeros(number, np.int64)
    for start in range(0, pixels.size, _PIXELS_AT_ONCE):
        counts += np.bincount(pixels[start : start + _PIXELS_AT_ONCE].astype(np.int64) - least, minlength=number)
    return counts


def look_up(table: np.ndarray, film: np.ndarray) -> np.ndarray:
    """What a table has at each pixel's value.

    Args:
        table: [N].
        film: any unsigned dtype [H, W], each value below N.

    Returns:
        The table's dtype [H, W].
    """
    found = np.empty(film.shape, table.dtype)
    pixels, flat = film.ravel(), found.ravel()
    for start in range(0, pixels.size, _PIXELS_AT_ONCE):
        flat[start : start + _PIXELS_AT_ONCE] = table[pixels[start : start + _PIXELS_AT_ONCE]]
    return found
