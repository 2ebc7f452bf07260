"""Decoded samples → an 8-bit grey film: luma of colours, 8 bits of deeper samples, the right way up."""

import cv2
import numpy as np

from train.radiograph.formats import RadiographError
from train.radiograph.greys.grey_range import robust_range_of
from train.radiograph.greys.pixel_values import look_up

VALUES_LEFT_OUT = "values far from the rest do not count for its greys: dead pixels, a mark, or an unused area"

_ROWS_AT_ONCE = 256  # so that a film of doubles needs no second film of doubles


def luma(picture: np.ndarray) -> np.ndarray:
    """Make [H, W] of [H, W, C]: grey, grey + alpha, RGB or RGB + alpha; alpha is ignored.

    Args:
        picture: uint8, uint16 or float32 where C is 3 or more; any dtype otherwise.
    """
    if picture.ndim == 2:
        return picture
    if picture.shape[2] < 3:
        return np.ascontiguousarray(picture[..., 0])
    return cv2.cvtColor(np.ascontiguousarray(picture[..., :3]), cv2.COLOR_RGB2GRAY)


def to_8_bits(film: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """Scale to uint8 by the film's own range; a flat film becomes black. uint8 stays as it is.

    12-bit data in 16 bits would otherwise come out nearly black. The range is `robust_range_of`'s: what lies
    beyond it becomes black or white, and is warned of.

    Args:
        film: any real dtype [H, W].

    Returns:
        uint8 [H, W], and what is to be warned of.

    Raises:
        RadiographError: a value is no number (NaN) or infinite.
    """
    if film.dtype == np.uint8:
        return film, ()
    lowest, highest = film.min(), film.max()
    if not (np.isfinite(lowest) and np.isfinite(highest)):
        raise RadiographError("the pixels hold NaN or infinite values: expected finite numbers; replace them first")
    low, high = robust_range_of(film)
    notes = (VALUES_LEFT_OUT,) if low > float(lowest) or high < float(highest) else ()
    if film.dtype == np.uint16:
        table = np.clip((np.arange(65536) - low) * (255.0 / max(high - low, 1)), 0, 255)
        return look_up(np.rint(table).astype(np.uint8), film), notes
    scaled = np.zeros(film.shape, np.uint8)
    # Halves first: the range of doubles may itself be no double.
    half_range = high / 2 - low / 2
    if half_range > 0:
        for top in range(0, len(film), _ROWS_AT_ONCE):
            rows = film[top : top + _ROWS_AT_ONCE].astype(np.float64)
            shares = np.clip((rows / 2 - low / 2) / half_range, 0, 1)
            scaled[top : top + _ROWS_AT_ONCE] = np.rint(shares * 255)
    return scaled, notes


def apply_orientation(film: np.ndarray, orientation: int) -> np.ndarray:
    """Undo an EXIF or TIFF orientation (TIFF 6.0 tag 274): 1 is upright, other values than 1 to 8 too."""
    if orientation in (5, 6, 7, 8):
        film = film.T
    if orientation in (2, 3, 6, 7):
        film = film[:, ::-1]
    if orientation in (3, 4, 7, 8):
        film = film[::-1]
    return np.ascontiguousarray(film)
