"""Films as pictures, encoded again from pixels, so that nothing of a file's header is in them."""

import base64
from dataclasses import dataclass

import cv2
import numpy as np

SIDE_ON_SCREEN = 1600  # pixels; more than a screen shows of a film, and less than 1 MB
FILM_SIDE = 1000  # pixels; 75 mm of paper at 340 dots per inch
QUALITY = 90


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
    encoded = cv2.imencode(".jpg", film, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return f"data:image/jpeg;base64,{base64.b64encode(encoded.tobytes()).decode('ascii')}"


def film_picture(film: np.ndarray) -> Picture:
    """A film, uint8 [H, W], in grey, of at most FILM_SIDE pixels a side."""
    return jpeg_picture(shrunk(film, FILM_SIDE))


def jpeg_picture(pixels: np.ndarray) -> Picture:
    """A picture, grey [H, W] or RGB [H, W, 3], uint8."""
    height, width = pixels.shape[:2]
    stored = pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    return Picture(cv2.imencode(".jpg", stored, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes(), width, height)
