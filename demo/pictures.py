"""Films as pictures for a browser: re-encoded from pixels, so that nothing of a file's header is in them."""

import base64

import cv2
import numpy as np

from train.radiograph import ResizeRule, centre_window

HEATMAP_SIDE = 256  # pixels; a heatmap is smooth
SIDE_ON_SCREEN = 1600  # pixels; more than a screen shows of a film, and less than 1 MB


def shrunk(film: np.ndarray, longest_side: int = SIDE_ON_SCREEN) -> np.ndarray:
    """A film no larger than `longest_side`, uint8 [H, W] → uint8 [h, w], its aspect kept; a smaller one as it is."""
    height, width = film.shape
    scale = longest_side / max(height, width)
    if scale >= 1:
        return film
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cv2.resize(film, size, interpolation=cv2.INTER_AREA)


def jpeg_uri(film: np.ndarray, quality: int = 90) -> str:
    """A film, uint8 [H, W], as a `data:` address of a JPEG."""
    return _uri("jpeg", cv2.imencode(".jpg", film, [cv2.IMWRITE_JPEG_QUALITY, quality])[1])


def heatmap_uri(heatmap: np.ndarray, shape: tuple[int, int], resize: ResizeRule, centre_crop: float = 1.0) -> str:
    """A heatmap, float32 [h, w], 0..1, as a `data:` address of a PNG that lies exactly over a film of that shape.

    It is clear where there is no evidence. The colours are OpenCV's inferno, whose brightness rises with the value, so
    that it is read right in grey as well.
    """
    scale = HEATMAP_SIDE / max(shape)
    height, width = (max(1, round(side * scale)) for side in shape)
    level = np.rint(over_film(heatmap, (height, width), resize, centre_crop) * 255).astype(np.uint8)
    picture = cv2.cvtColor(cv2.applyColorMap(level, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2BGRA)
    picture[..., 3] = level
    return _uri("png", cv2.imencode(".png", picture)[1])


def over_film(heatmap: np.ndarray, shape: tuple[int, ...], resize: ResizeRule, centre_crop: float = 1.0) -> np.ndarray:
    """Lay a heatmap of the prepared square over a film of that shape: float32 [H, W], 0 where the film was cut off."""
    if centre_crop < 1:
        whole = np.zeros(shape, np.float32)
        window = centre_window(shape, centre_crop)
        whole[window] = over_film(heatmap, whole[window].shape, resize)
        return whole
    height, width = shape
    value = np.nan_to_num(heatmap.astype(np.float32))
    if resize == "letterbox":
        edge = max(height, width)
        square = _resized(value, (edge, edge))
        top, left = (edge - height) // 2, (edge - width) // 2
        return square[top : top + height, left : left + width]
    if resize == "crop":
        edge = min(height, width)
        top, left = (height - edge) // 2, (width - edge) // 2
        whole = np.zeros((height, width), np.float32)
        whole[top : top + edge, left : left + edge] = _resized(value, (edge, edge))
        return whole
    return _resized(value, (width, height))


def _resized(value: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Enlarge a map smoothly, [h, w] → [H, W] for size (W, H).

    A cell's middle keeps the cell's value, what lies between two middles lies between their values, and beyond the
    outermost middle the value stays: no evidence is made up that a cubic spline would add at a peak or an edge.
    """
    width, height = size
    rows, columns = _weights(value.shape[0], height), _weights(value.shape[1], width)
    return np.clip(rows @ value @ columns.T, 0, 1)


def _weights(cells: int, pixels: int) -> np.ndarray:
    """How much of each cell is in each pixel of a line: float32 [pixels, cells], rows that add up to 1."""
    place = np.clip((np.arange(pixels) + 0.5) * cells / pixels - 0.5, 0, cells - 1)
    before = np.minimum(place.astype(int), max(cells - 2, 0))
    share = place - before
    share = share * share * (3 - 2 * share)  # without a crease at the cells' middles
    weights = np.zeros((pixels, cells), np.float32)
    weights[np.arange(pixels), before] = 1 - share
    weights[np.arange(pixels), np.minimum(before + 1, cells - 1)] += share
    return weights


def _uri(kind: str, encoded: np.ndarray) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(encoded.tobytes()).decode('ascii')}"
