"""Films and heatmaps as pictures, encoded again from pixels, so that nothing of a file's header is in them."""

import base64
from dataclasses import dataclass

import cv2
import numpy as np

from train.radiograph import PrepareSpec, ResizeRule, centre_window

HEATMAP_SIDE = 256  # pixels; a heatmap is smooth
SIDE_ON_SCREEN = 1600  # pixels; more than a screen shows of a film, and less than 1 MB

# On paper, and of `predict --heatmaps`.
FILM_SIDE = 1000  # pixels; 75 mm of paper at 340 dots per inch
OVERLAY_SIDE = 560
QUALITY = 90
STRONGEST = 0.6  # how much of the film a heatmap's 1 covers
OUTLINE = 0.5  # of the heatmap's scale


@dataclass(frozen=True)
class Picture:
    """A JPEG of `width` by `height` pixels."""

    jpeg: bytes
    width: int
    height: int

    @property
    def aspect(self) -> float:
        """Width per height."""
        return self.width / self.height

    @property
    def uri(self) -> str:
        """The JPEG as a `data:` address."""
        return f"data:image/jpeg;base64,{base64.b64encode(self.jpeg).decode('ascii')}"

    @property
    def svg(self) -> str:
        """The JPEG inside an SVG, which is how Typst can be given one as text."""
        size = f'width="{self.width}" height="{self.height}"'
        return f'<svg xmlns="http://www.w3.org/2000/svg" {size}><image {size} href="{self.uri}"/></svg>'


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


def film_picture(film: np.ndarray) -> Picture:
    """A film, uint8 [H, W], in grey, of at most FILM_SIDE pixels a side."""
    return _jpeg(shrunk(film, FILM_SIDE))


def heatmap_picture(film: np.ndarray, heatmap: np.ndarray, spec: PrepareSpec) -> Picture:
    """A film with a network's heatmap over it; its longer side has OVERLAY_SIDE pixels.

    The colours are OpenCV's inferno, whose brightness rises with the value; as the film is bright too, an outline
    at half the scale says in grey print what they say.

    Args:
        film: uint8 [H, W].
        heatmap: float32 [h, w], 0..1, of the whole prepared film.
        spec: how the film was prepared, that is which part of the film the heatmap covers.
    """
    small = shrunk(film, OVERLAY_SIDE)
    # Drawn larger where the film is tiny: an outline on 8 pixels would be all there is to see.
    if max(small.shape) < OVERLAY_SIDE:
        scale = OVERLAY_SIDE / max(small.shape)
        size = tuple(max(1, round(side * scale)) for side in small.shape[::-1])
        small = cv2.resize(small, size, interpolation=cv2.INTER_LINEAR)
    value = over_film(heatmap, small.shape, spec.resize, spec.centre_crop)
    colour = cv2.applyColorMap(np.rint(value * 255).astype(np.uint8), cv2.COLORMAP_INFERNO).astype(np.float32)
    share = (value * STRONGEST)[..., None]
    picture = np.rint(small[..., None] * (1 - share) + colour * share).astype(np.uint8)
    # One pixel of black around it: a line at the film's edge is closed, not lost.
    inside = np.pad((value >= OUTLINE).astype(np.uint8), 1)
    outlines = cv2.findContours(inside, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE, offset=(-1, -1))[0]
    for shade, thickness in ((0, 5), (255, 2)):
        cv2.drawContours(picture, outlines, -1, (shade,) * 3, thickness, cv2.LINE_AA)
    return _jpeg(picture)


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


def _jpeg(pixels: np.ndarray) -> Picture:
    height, width = pixels.shape[:2]
    return Picture(cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes(), width, height)
