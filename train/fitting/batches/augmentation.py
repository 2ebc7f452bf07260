"""Random changes of a training film: where it lies, how it was exposed, how sharp, clean and well stored it is."""

import math
from dataclasses import replace

import cv2
import numpy as np

from train.radiograph import PrepareSpec, prepare
from train.runs.settings import AugmentationSettings

#: The side at which `blur` is in pixels.
BLUR_SIDE = 224
#: An erased rectangle's aspect, relative to the picture's, lies between 1 / this and this (Zhong et al.).
ERASED_ASPECT = 1 / 0.3
#: Set the generator of what came later apart from the one that films had before, whose draws stay as they were.
_LATER = 1


def training_picture(
    film: np.ndarray, settings: AugmentationSettings, spec: PrepareSpec | None, key: tuple[int, int, int]
) -> np.ndarray:
    """Return what a network is shown of a training film: a random crop, prepared, and changed at random.

    What is drawn is drawn whether its range is 0 or not, and what is new is drawn last: pictures stay as they were.

    Args:
        film: uint8 [H, W] as it was read; or already prepared, uint8 [S, S], where `spec` is None.
        settings: the ranges.
        spec: how a crop is made into an input of side S, all of it: its centre crop is for reading whole films; None:
            there is no crop.
        key: (seed, epoch, film): all draws follow from it.

    Returns:
        uint8 [S, S].
    """
    later = np.random.default_rng((*key, _LATER))
    place = later.uniform(0, 1, 4)
    weight = later.uniform(0, settings.equalise)
    *erased, grey = later.uniform(0, 1, 5)
    picture = film if spec is None else _prepared_crop(film[crop_window(film.shape, settings, place)], spec)
    if weight > 0:
        picture = cv2.addWeighted(cv2.equalizeHist(picture), weight, picture, 1 - weight, 0)
    picture = augment(picture, settings, np.random.default_rng(key))
    if settings.erase:
        picture[erased_window(picture.shape, settings, np.array(erased))] = int(grey * 256)
    return picture


def _prepared_crop(crop: np.ndarray, spec: PrepareSpec) -> np.ndarray:
    return prepare(crop, replace(spec, centre_crop=1.0))


def crop_window(shape: tuple[int, int], settings: AugmentationSettings, draws: np.ndarray) -> tuple[slice, slice]:
    """Return the rows and columns of a random crop (Szegedy et al. 2015, arXiv:1409.4842).

    The share of the area is even between `crop` and 1, the aspect log-even and cut to what the film can hold of that
    share, the place even among all where the crop fits.

    Args:
        shape: (H, W) of the film, at least 1 each.
        settings: `crop` and `crop_aspect`.
        draws: four numbers in [0, 1): share, aspect, row, column.
    """
    return _window(shape, settings.crop + draws[0] * (1 - settings.crop), settings.crop_aspect, draws[1:])


def erased_window(shape: tuple[int, ...], settings: AugmentationSettings, draws: np.ndarray) -> tuple[slice, slice]:
    """Return the rows and columns of a rectangle to be erased (Zhong et al. 2020, arXiv:1708.04896).

    The paper erases half the pictures by 2 to 40 % of the area; here every picture loses between 0 and `erase`.

    Args:
        shape: (H, W) of the picture, at least 1 each.
        settings: `erase`.
        draws: four numbers in [0, 1): share, aspect, row, column.

    Returns:
        Empty slices where the share is less than a pixel.
    """
    share = draws[0] * settings.erase
    if share * shape[0] * shape[1] < 1:
        return slice(0, 0), slice(0, 0)
    return _window(shape, share, ERASED_ASPECT, draws[1:])


def _window(shape: tuple[int, ...], share: float, aspect: float, draws: np.ndarray) -> tuple[slice, slice]:
    """Place a rectangle of a share of the area; aspect log-even from 1 / `aspect` to it, cut to what there is room for.

    draws: three numbers in [0, 1): aspect, row, column.
    """
    height, width = shape
    stretch = aspect ** (draws[0] - 0.5)  # of each side: the aspect is its square
    stretch = min(max(stretch, math.sqrt(share)), 1 / math.sqrt(share))
    rows = min(height, max(1, round(height * math.sqrt(share) / stretch)))
    columns = min(width, max(1, round(width * math.sqrt(share) * stretch)))
    top, left = int(draws[1] * (height - rows + 1)), int(draws[2] * (width - columns + 1))
    return slice(top, top + rows), slice(left, left + columns)


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
    return np.asarray(cv2.imdecode(code, cv2.IMREAD_GRAYSCALE))
