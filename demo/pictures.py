"""Films as pictures for a browser: re-encoded from pixels, so that nothing of a file's header is in them."""

import base64

import cv2
import numpy as np

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


def heatmap_uri(heatmap: np.ndarray, side: int = 256) -> str:
    """A heatmap, float32 [h, w], 0..1, as a `data:` address of a square PNG, clear where there is no evidence.

    It is drawn square, as the network saw the film; whoever shows it stretches it over the film. The colours are
    OpenCV's inferno, whose brightness rises with the value, so that it is read right in grey as well.
    """
    fine = np.clip(cv2.resize(heatmap.astype(np.float32), (side, side), interpolation=cv2.INTER_CUBIC), 0, 1)
    level = np.round(fine * 255).astype(np.uint8)
    picture = cv2.cvtColor(cv2.applyColorMap(level, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2BGRA)
    picture[..., 3] = level
    return _uri("png", cv2.imencode(".png", picture)[1])


def _uri(kind: str, encoded: np.ndarray) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(encoded.tobytes()).decode('ascii')}"
