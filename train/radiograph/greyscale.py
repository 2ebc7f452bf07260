"""Decoded samples → an 8-bit grey film: luma of colours, 8 bits of deeper samples, the right way up."""

import cv2
import numpy as np

from train.radiograph.formats import RadiographError

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


def to_8_bits(film: np.ndarray) -> np.ndarray:
    """Scale to uint8 by the film's own range; a flat film becomes black. uint8 stays as it is.

    12-bit data in 16 bits would otherwise come out nearly black.

    Args:
        film: any real dtype [H, W].

    Raises:
        RadiographError: a value is no number (NaN) or infinite.
    """
    if film.dtype == np.uint8:
        return film
    low, high = film.min(), film.max()
    if not (np.isfinite(low) and np.isfinite(high)):
        raise RadiographError("the pixels hold NaN or infinite values: expected finite numbers; replace them first")
    low, high = float(low), float(high)
    if film.dtype == np.uint16:
        table = np.clip((np.arange(65536) - low) * (255.0 / max(high - low, 1)), 0, 255)
        return np.rint(table).astype(np.uint8)[film]
    scaled = np.zeros(film.shape, np.uint8)
    # Halves first: the range of doubles may itself be no double.
    half_range = high / 2 - low / 2
    if half_range > 0:
        for top in range(0, len(film), _ROWS_AT_ONCE):
            rows = film[top : top + _ROWS_AT_ONCE].astype(np.float64)
            scaled[top : top + _ROWS_AT_ONCE] = np.rint((rows / 2 - low / 2) / half_range * 255)
    return scaled


def apply_orientation(film: np.ndarray, orientation: int) -> np.ndarray:
    """Undo an EXIF or TIFF orientation (TIFF 6.0 tag 274): 1 is upright, other values than 1 to 8 too."""
    if orientation in (5, 6, 7, 8):
        film = film.T
    if orientation in (2, 3, 6, 7):
        film = film[:, ::-1]
    if orientation in (3, 4, 7, 8):
        film = film[::-1]
    return np.ascontiguousarray(film)
