"""A film and its heatmaps as Qt draws them: smaller copies for a smaller zoom, a colour table for window and level."""

import cv2
import numpy as np
from PySide6.QtGui import QImage, qRgb

from demo.desktop.drawing.window_level import GreyWindow
from demo.inference.images import HEATMAP_SIDE, over_film
from train.radiograph import ResizeRule

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


def heatmap_picture(
    heatmap: np.ndarray, shape: tuple[int, int], resize: ResizeRule, centre_crop: float = 1.0
) -> QImage:
    """A heatmap, float32 [h, w], 0..1, as the page lays it over a film of that shape: clear where nothing is."""
    scale = HEATMAP_SIDE / max(shape)
    height, width = (max(1, round(side * scale)) for side in shape)
    level = np.rint(over_film(heatmap, (height, width), resize, centre_crop) * 255).astype(np.uint8)
    # In Qt's byte order for ARGB32 on little-endian machines: blue, green, red, alpha.
    pixels = cv2.cvtColor(cv2.applyColorMap(level, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2BGRA)
    pixels[..., 3] = level
    return QImage(pixels.data, width, height, 4 * width, QImage.Format.Format_ARGB32).copy()
