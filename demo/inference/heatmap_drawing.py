"""A heatmap over its film, drawn once for the page, the window, the report and `predict --heatmaps`.

Two layers lie over the film with normal blending. The colours cover it by value × opacity, so that nothing is hidden
where nothing is. The lines say without colour where a quarter and a half of full scale are reached: white within
black, so that they are seen on any film; broken and thin at a quarter, whole and wide at a half.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from train.radiograph import PrepareSpec, ResizeRule, centre_window

OPACITY = 0.6  # of the colours at full scale, unless the reader chooses another
LAYER_SIDE = 768  # pixels of a layer's longer side: lines stay sharp on a screen, and are drawn in 20 ms

# Below the first line nothing stands out. Of every second validation film (393, refused ones aside) the strongest
# place is weaker than that on 93 % of the healthy ones for either network, on 5 % (A) and 1 % (B) of the pneumonias.
STANDS_OUT = 0.25


@dataclass(frozen=True)
class Contour:
    """How the line at one level is drawn; lengths in pixels of a layer of LAYER_SIDE.

    Attributes:
        level: 0..1, of full scale.
        black, white: the line's whole width, and that of the white inside it.
        dash, gap: how long the white is drawn and left out; no gap draws it whole.
    """

    level: float
    black: int
    white: int
    dash: float = 0.0
    gap: float = 0.0


CONTOURS = (Contour(STANDS_OUT, 7, 3, 15.0, 10.5), Contour(0.5, 9, 5))


@dataclass(frozen=True, eq=False)
class HeatmapLayers:
    """What lies over a film: both uint8 [h, w, 4], RGBA, not premultiplied, of the film's aspect.

    Attributes:
        colours: their alpha is 255 × the heatmap's value; shown with the opacity as a factor.
        lines: black and white, shown as they are.
    """

    colours: np.ndarray
    lines: np.ndarray

    def overlay(self, opacity: float = OPACITY) -> np.ndarray:
        """Both in one, uint8 [h, w, 4], RGBA: alpha is value × opacity but where a line is.

        Raises:
            ValueError: an opacity outside 0..1.
        """
        if not 0 <= opacity <= 1:
            raise ValueError(f"opacity must be within 0..1. Received: {opacity}")
        below = self.colours[..., 3:].astype(np.float32) / 255 * opacity
        above = self.lines[..., 3:].astype(np.float32) / 255
        alpha = above + below * (1 - above)
        painted = self.lines[..., :3] * above + self.colours[..., :3] * (below * (1 - above))
        # Where nothing is, the colour of value 0, as in `colours`.
        colour = np.where(alpha > 0, painted / np.maximum(alpha, 1e-6), self.colours[..., :3])
        return np.rint(np.concatenate([colour, alpha * 255], axis=2)).astype(np.uint8)

    def over(self, film: np.ndarray, opacity: float = OPACITY) -> np.ndarray:
        """Lay both over a film, uint8 [H, W] → uint8 [h, w, 3], RGB, of the layers' size."""
        height, width = self.lines.shape[:2]
        shrinks = max(film.shape) > max(height, width)
        way = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        picture = cv2.resize(film, (width, height), interpolation=way)[..., None].astype(np.float32)
        for layer, factor in ((self.colours, opacity), (self.lines, 1.0)):
            share = layer[..., 3:] * np.float32(factor / 255)
            picture = picture + (layer[..., :3] - picture) * share
        return np.rint(picture).astype(np.uint8)


def draw_heatmap(
    heatmap: np.ndarray, shape: tuple[int, ...], spec: PrepareSpec, longest_side: int = LAYER_SIDE
) -> HeatmapLayers:
    """Draw a heatmap as it lies over a film.

    Args:
        heatmap: float [h, w], 0..1 on the network's fixed scale, of the whole prepared film.
        shape: of the film, (H, W).
        spec: how the film was prepared, that is which part of the film the heatmap covers.
        longest_side: of the layers, in pixels.
    """
    scale = longest_side / max(shape)
    height, width = (max(1, round(side * scale)) for side in shape)
    value = over_film(heatmap, (height, width), spec.resize, spec.centre_crop)
    lines = _drawn((height, width), ((each, _outlines(value, each.level)) for each in CONTOURS), longest_side)
    if spec.resize == "crop" or spec.centre_crop < 1:
        seen = over_film(np.ones((1, 1), np.float32), (height, width), spec.resize, spec.centre_crop) > 0
        lines[~seen] = 0
    return HeatmapLayers(_coloured(value), lines)


def legend_layers(width: int, height: int) -> HeatmapLayers:
    """The scale from 0 (left) to 1 (right) in the same colours, with both lines where their levels are."""
    value = np.tile(np.linspace(0, 1, width, dtype=np.float32), (height, 1))
    upright = []
    for contour in CONTOURS:
        period = contour.dash + contour.gap or height
        first = height / 2 - contour.gap / 2 - contour.dash  # a gap in the middle
        reach = period * np.ceil(height / period)
        place = contour.level * (width - 1)
        ends = np.array([[place, first - reach], [place, first + period + reach]], np.float32)
        upright.append((contour, [ends]))
    return HeatmapLayers(_coloured(value), _drawn((height, width), upright, LAYER_SIDE, closed=False))


def strongest_place(heatmap: np.ndarray) -> float:
    """The largest value of a heatmap, 0..1."""
    return float(np.clip(np.nan_to_num(heatmap.astype(np.float32)), 0, 1).max(initial=0.0))


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


def _coloured(value: np.ndarray) -> np.ndarray:
    # Inferno's brightness rises with the value: it is read right in grey as well.
    level = np.rint(value * 255).astype(np.uint8)
    colours = cv2.cvtColor(cv2.applyColorMap(level, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGBA)
    colours[..., 3] = level
    return colours


def _outlines(value: np.ndarray, level: float) -> list[np.ndarray]:
    """Where a level is crossed: closed lines, float32 [N, 2], (x, y) in pixels."""
    # One pixel more around it: a line at the film's edge is closed, not lost.
    inside = np.pad((value >= level).astype(np.uint8), 1)
    found = cv2.findContours(inside, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE, offset=(-1, -1))[0]
    return [_smooth(outline[:, 0].astype(np.float32)) for outline in found]


def _smooth(outline: np.ndarray, reach: int = 4) -> np.ndarray:
    """The mean of each point and `reach` ones on both sides: a curve, where pixels make stairs."""
    if len(outline) <= 2 * reach + 1:
        return outline
    shifted = [np.roll(outline, step, axis=0) for step in range(-reach, reach + 1)]
    mean = np.asarray(np.mean(shifted, axis=0, dtype=np.float32))
    return mean[::reach]  # enough points for the curve, and drawn in a third of the time


def _drawn(
    shape: tuple[int, int],
    contours: Iterable[tuple[Contour, Sequence[np.ndarray]]],
    longest_side: int,
    *,
    closed: bool = True,
) -> np.ndarray:
    """Draw lines into a clear picture, uint8 [H, W, 4], RGBA."""
    scale = longest_side / LAYER_SIDE
    black: np.ndarray = np.zeros(shape, np.uint8)
    white: np.ndarray = np.zeros(shape, np.uint8)
    for contour, lines in contours:
        # Black above the lines before it, so that neither reads as the other.
        own = np.zeros(shape, np.uint8)
        _stroke(own, lines, contour.black * scale, closed)
        white = cv2.subtract(white, own)
        black = cv2.max(black, own)
        dashes = [dash for line in lines for dash in _dashes(line, contour, scale, closed)] if contour.gap else lines
        _stroke(white, dashes, contour.white * scale, closed and not contour.gap)
    alpha = cv2.max(black, white)
    shade = cv2.divide(white, alpha, scale=255)  # 0 where alpha is
    return np.ascontiguousarray(cv2.merge([shade, shade, shade, alpha]))


def _stroke(picture: np.ndarray, lines: Sequence[np.ndarray], width: float, closed: bool) -> None:
    fine = 4  # bits of a pixel's fraction
    points = [np.rint(line * 2**fine).astype(np.int32) for line in lines]
    cv2.polylines(picture, points, closed, 255, max(1, round(width)), cv2.LINE_AA, fine)


def _dashes(line: np.ndarray, contour: Contour, scale: float, closed: bool) -> list[np.ndarray]:
    """Cut a line into dashes, as many whole ones as go into it."""
    path = np.concatenate([line, line[:1]]) if closed else line
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(path, axis=0).T))])
    count = round(along[-1] / ((contour.dash + contour.gap) * scale))
    if count < 1:
        return [path]
    period = along[-1] / count
    length = period * contour.dash / (contour.dash + contour.gap)
    dashes = []
    for start in np.arange(count) * period:
        inner = path[(along > start) & (along < start + length)]
        ends = [[np.interp(at, along, path[:, axis]) for axis in (0, 1)] for at in (start, start + length)]
        dashes.append(np.concatenate([ends[:1], inner, ends[1:]]).astype(np.float32))
    return dashes


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
