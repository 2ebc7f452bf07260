"""A film as it was read → what a network is given: the one preprocessing of training, export and the demo."""

from dataclasses import dataclass
from typing import Literal, get_args

import cv2
import numpy as np

from train.common.errors import UsageError

ResizeRule = Literal["squash", "letterbox", "crop"]
ContrastRule = Literal["none", "stretch", "clahe", "equalise"]

STRETCH_PERCENTILES = (1.0, 99.0)
CLAHE_CLIP_LIMIT = 2.0
CLAHE_TILES = (8, 8)


@dataclass(frozen=True)
class PrepareSpec:
    """How a film is made into a network's input; part of every model card.

    Args:
        image_size: side S of the prepared square in pixels, 8 to 2048.
        resize: "squash" scales both sides to S; "letterbox" keeps the aspect and adds black bars; "crop"
            keeps the aspect and takes the centred square.
        contrast: "none"; "stretch" maps the 1st to 99th percentile onto 0 to 255; "clahe" equalises in 8×8
            tiles with clip limit 2 (Zuiderveld, Graphics Gems IV, 1994); "equalise" spreads the whole film's grey
            values evenly over 0 to 255, so that exposure no longer tells (OpenCV's equalizeHist). Applied after
            resizing, never to the bars of a letterbox.
        centre_crop: share of each side that is kept about the centre, before resizing, in (0, 1]; 1 keeps all.

    Raises:
        UsageError: a value that is not among these.
    """

    image_size: int = 250
    resize: ResizeRule = "squash"
    contrast: ContrastRule = "none"
    centre_crop: float = 1.0

    def __post_init__(self) -> None:
        size = self.image_size
        if not isinstance(size, int) or isinstance(size, bool) or not 8 <= size <= 2048:
            raise UsageError(f"image_size must be a whole number from 8 to 2048. Received: {size!r}")
        for name, value, known in (
            ("resize", self.resize, get_args(ResizeRule)),
            ("contrast", self.contrast, get_args(ContrastRule)),
        ):
            if value not in known:
                raise UsageError(f"{name} must be one of {', '.join(known)}. Received: {value!r}")
        share = self.centre_crop
        if not isinstance(share, int | float) or isinstance(share, bool) or not 0 < share <= 1:
            raise UsageError(f"centre_crop must lie above 0 and be at most 1. Received: {share!r}")


def prepare(film: np.ndarray, spec: PrepareSpec) -> np.ndarray:
    """Make a film into a network's input: centre crop, resize, contrast, bars.

    Args:
        film: uint8 [H, W], H and W at least 1.
        spec: the rules.

    Returns:
        uint8 [S, S], a new array.

    Raises:
        ValueError: `film` is no uint8 [H, W].
    """
    if film.dtype != np.uint8 or film.ndim != 2 or film.size == 0:
        raise ValueError(f"film must be uint8 [H, W]. Received: {film.dtype} {list(film.shape)}")
    film = film[centre_window(film.shape, spec.centre_crop)]
    side, (height, width) = spec.image_size, film.shape
    if spec.resize == "crop":
        edge = min(height, width)
        top, left = (height - edge) // 2, (width - edge) // 2
        film = film[top : top + edge, left : left + edge]
    if spec.resize == "letterbox":
        scale = side / max(height, width)
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
    else:
        size = (side, side)
    film = _apply_contrast(_resize(film, size), spec.contrast)
    if film.shape == (side, side):
        return film
    square = np.zeros((side, side), np.uint8)
    top, left = (side - film.shape[0]) // 2, (side - film.shape[1]) // 2
    square[top : top + film.shape[0], left : left + film.shape[1]] = film
    return square


def centre_window(shape: tuple[int, ...], share: float) -> tuple[slice, slice]:
    """Return the rows and columns of a film's centre, (H, W) → a share in (0, 1] of each side, at least one pixel."""
    height, width = (max(1, round(side * share)) for side in shape)
    top, left = (shape[0] - height) // 2, (shape[1] - width) // 2
    return slice(top, top + height), slice(left, left + width)


def _resize(film: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize to (width, height): a side that shrinks is averaged, a side that grows is interpolated.

    One OpenCV call, except for a film that is wider but lower than `size` or the reverse: INTER_AREA would
    fall back to linear on both sides there.
    """
    smaller = (min(size[0], film.shape[1]), min(size[1], film.shape[0]))
    if smaller != (film.shape[1], film.shape[0]):
        film = cv2.resize(film, smaller, interpolation=cv2.INTER_AREA)
    if smaller != size:
        return cv2.resize(film, size, interpolation=cv2.INTER_CUBIC)
    return film.copy()


def _apply_contrast(film: np.ndarray, rule: ContrastRule) -> np.ndarray:
    if rule == "stretch":
        low, high = np.percentile(film, STRETCH_PERCENTILES)
        if high > low:
            table = np.clip((np.arange(256) - low) * (255.0 / (high - low)), 0, 255)
            film = cv2.LUT(film, np.rint(table).astype(np.uint8))
    elif rule == "clahe":
        film = cv2.createCLAHE(clipLimit=CLAHE_CLIP_LIMIT, tileGridSize=CLAHE_TILES).apply(film)
    elif rule == "equalise":
        film = cv2.equalizeHist(film)
    return film
