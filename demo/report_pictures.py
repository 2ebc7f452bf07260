"""The pictures of a report, made from pixels alone: the film, the film under a heatmap, the probability's bar."""

import base64
from dataclasses import dataclass

import cv2
import numpy as np

from demo.pictures import over_film, shrunk
from train.radiograph import PrepareSpec

FILM_SIDE = 1000  # pixels; 75 mm of paper at 340 dots per inch
HEATMAP_SIDE = 560
QUALITY = 90
STRONGEST = 0.6  # how much of the film a heatmap's 1 covers
OUTLINE = 0.5  # of the heatmap's scale

BAR_WIDTH, BAR_HEIGHT = 300, 24


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


def film_picture(film: np.ndarray) -> Picture:
    """A film, uint8 [H, W], in grey, of at most FILM_SIDE pixels a side."""
    return _jpeg(shrunk(film, FILM_SIDE))


def heatmap_picture(film: np.ndarray, heatmap: np.ndarray, spec: PrepareSpec) -> Picture:
    """A film with a network's heatmap over it; its longer side has HEATMAP_SIDE pixels.

    The colours are OpenCV's inferno, whose brightness rises with the value; as the film is bright too, an outline
    at half the scale says in grey print what they say.

    Args:
        film: uint8 [H, W].
        heatmap: float32 [h, w], 0..1, of the whole prepared film.
        spec: how the film was prepared, that is which part of the film the heatmap covers.
    """
    small = shrunk(film, HEATMAP_SIDE)
    # Drawn larger where the film is tiny: an outline on 8 pixels would be all there is to see.
    if max(small.shape) < HEATMAP_SIDE:
        scale = HEATMAP_SIDE / max(small.shape)
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


def bar_svg(probability: float, threshold: float, colour: str) -> str:
    """A bar from 0 to 1 that is filled up to the probability, with a mark at the threshold; no text in it.

    It runs from left to right in every language, as scales of numbers do.
    """
    left, span = 8, BAR_WIDTH - 16
    end, mark = left + span * min(max(probability, 0.0), 1.0), left + span * min(max(threshold, 0.0), 1.0)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {BAR_WIDTH} {BAR_HEIGHT}" '
        f'width="{BAR_WIDTH}" height="{BAR_HEIGHT}">'
        f'<rect x="{left}" y="8" width="{end - left:.2f}" height="12" fill="{colour}"/>'
        f'<rect x="{left}" y="8" width="{span}" height="12" fill="none" stroke="#333333" stroke-width="1"/>'
        f'<path d="M{mark:.2f} 6V24" stroke="#ffffff" stroke-width="5"/>'
        f'<path d="M{mark:.2f} 6V24" stroke="#000000" stroke-width="2"/>'
        f'<path d="M{mark - 6:.2f} 0h12l-6 8z" fill="#000000"/></svg>'
    )


def _jpeg(pixels: np.ndarray) -> Picture:
    height, width = pixels.shape[:2]
    return Picture(cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes(), width, height)
