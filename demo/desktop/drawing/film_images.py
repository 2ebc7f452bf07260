"""A film and its heatmaps as Qt draws them: smaller copies for a smaller zoom, a colour table for window and level."""

from dataclasses import dataclass

import cv2
import numpy as np
from PySide6.QtGui import QImage, qRgb

from demo.desktop.drawing.window_level import GreyWindow
from demo.inference.heatmap_drawing import draw_heatmap
from train.radiograph import PrepareSpec

SMALLEST_COPY = 1024  # pixels of the longer side; below that, drawing is quick from any copy


def half_copies(film: np.ndarray) -> tuple[np.ndarray, ...]:
    """The film, uint8 [H, W], and copies of half the side, each of the one before, down to SMALLEST_COPY."""
    copies = [np.ascontiguousarray(film)]
    while max(copies[-1].shape) >= 2 * SMALLEST_COPY:
        height, width = copies[-1].shape
        size = (max(1, width // 2), max(1, height // 2))
        copies.append(cv2.resize(copies[-1], size, interpolation=cv2.INTER_AREA))
    return tuple(copies)


def grey_picture(film: np.ndarray, window: GreyWindow) -> QImage:
    """A part of a film, uint8 [h, w] and not empty, under a grey window."""
    pixels = np.ascontiguousarray(film)
    height, width = pixels.shape
    picture = QImage(pixels.data, width, height, width, QImage.Format.Format_Indexed8)
    picture.setColorTable([qRgb(grey, grey, grey) for grey in window.shown()])
    # A copy in a format that is drawn at once, and that owns its pixels.
    return picture.convertToFormat(QImage.Format.Format_RGB32)


@dataclass(frozen=True, eq=False)
class FilmLayer:
    """A network's heatmap over the whole film, as `demo.inference.heatmap_drawing` draws it.

    Attributes:
        name: a letter, for the corner of the film where there are two.
        colours: drawn as strongly as their reader wants.
        lines: drawn as they are, above.
    """

    name: str
    colours: QImage
    lines: QImage


def film_layer(name: str, heatmap: np.ndarray, shape: tuple[int, int], spec: PrepareSpec) -> FilmLayer:
    """A heatmap, float32 [h, w], 0..1, that lies over a film of that shape."""
    drawn = draw_heatmap(heatmap, shape, spec)
    return FilmLayer(name, rgba_picture(drawn.colours), rgba_picture(drawn.lines))


def rgba_picture(pixels: np.ndarray) -> QImage:
    """Pixels, uint8 [h, w, 4], RGBA, as Qt has them."""
    height, width = pixels.shape[:2]
    contiguous = np.ascontiguousarray(pixels)
    return QImage(contiguous.data, width, height, 4 * width, QImage.Format.Format_RGBA8888).copy()


def rgb_picture(pixels: np.ndarray) -> QImage:
    """Pixels, uint8 [h, w, 3], RGB, as Qt has them."""
    height, width = pixels.shape[:2]
    contiguous = np.ascontiguousarray(pixels)
    return QImage(contiguous.data, width, height, 3 * width, QImage.Format.Format_RGB888).copy()
