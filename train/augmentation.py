"""Random changes of a training film: where it lies, how it was exposed, how sharp, clean and well stored it is."""

import cv2
import numpy as np

from train.settings import AugmentationSettings

#: The side at which `blur` is in pixels.
BLUR_SIDE = 224


def augment(image: np.ndarray, settings: AugmentationSettings, generator: np.random.Generator) -> np.ndarray:
    """Return a randomly changed copy of a prepared film, uint8 [S, S] → uint8 [S, S].

    In the order in which a film comes about: geometry, one affine map about the centre (bilinear; the border pixel is
    repeated outside); exposure, one table of grey values; blur; noise; JPEG. Every number is drawn whether its range
    is 0 or not, so that switching one change off or on does not change the draws of the others.
    """
    side = image.shape[0]
    rotation, zoom, shift_x, shift_y, brightness, contrast, gamma, flip = generator.uniform(-1, 1, 8)
    # Drawn after the eight, and the field of noise last: films are as they were before these three existed.
    blur, noise, jpeg = generator.uniform(0, 1, 3)
    matrix = cv2.getRotationMatrix2D(
        ((side - 1) / 2, (side - 1) / 2), rotation * settings.rotation, 1 + zoom * settings.zoom
    )
    matrix[:, 2] += (shift_x * settings.shift * side, shift_y * settings.shift * side)
    if settings.flip and flip > 0:
        matrix = matrix @ np.array([[-1, 0, side - 1], [0, 1, 0], [0, 0, 1]], dtype=np.float64)
    image = cv2.warpAffine(image, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    if settings.brightness or settings.contrast or settings.gamma:
        image = _expose(image, brightness * settings.brightness, contrast * settings.contrast, gamma * settings.gamma)
    sigma = blur * settings.blur * side / BLUR_SIDE
    if sigma > 0:
        image = cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    if settings.noise:
        image = _add_noise(image, noise * settings.noise, generator)
    if settings.jpeg:
        image = _recode(image, round(settings.jpeg + jpeg * (100 - settings.jpeg)))
    return image


def _expose(image: np.ndarray, brightness: float, contrast: float, gamma: float) -> np.ndarray:
    grey = np.arange(256, dtype=np.float64) / 255
    grey = grey ** (2**gamma)
    centre = float(image.mean()) / 255
    grey = (grey - centre) * (1 + contrast) + centre + brightness
    return cv2.LUT(image, np.clip(np.rint(grey * 255), 0, 255).astype(np.uint8))


def _add_noise(image: np.ndarray, deviation: float, generator: np.random.Generator) -> np.ndarray:
    field = generator.standard_normal(image.shape, dtype=np.float32)
    return cv2.add(image, field * np.float32(deviation), dtype=cv2.CV_8U)  # rounded, and cut to 0..255


def _recode(image: np.ndarray, quality: int) -> np.ndarray:
    _, code = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return cv2.imdecode(code, cv2.IMREAD_GRAYSCALE)
