"""Changes of a film's picture under which a network's reading should stand, and those that take the lungs away.

Each corruption is something that happens to a film between two hospitals, at a strength at which a radiologist would
not change their mind. Lengths are shares of the film's side, so that a change looks the same at every size; grey values
are 0 to 255. Where a change has a choice (the side a film tilts to, the grain of the noise, which letters stand where)
it is drawn from the seed, the change and the film's index among its split's: the same for every network of one split.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np

from train.common.errors import PneumoscopeError
from train.radiograph import PrepareSpec, prepare

AS_IT_IS = "as_it_is"
SEED = 0

JPEG_QUALITY = 30
BLUR = 1.5 / 224  # standard deviation, share of the side
NOISE = 10.0  # standard deviation, grey values
TONE = 0.15
ROTATION = 5.0  # degrees
KEPT = 0.9  # of either side, by the crop
LETTERS = ("R", "L", "PA", "AP", "ERECT", "SUPINE", "PORTABLE")
LETTER_HEIGHT = 0.07
CORNER = 0.15
FRAME = 0.05

LUNGS_BLACKED_OUT = "lungs_blacked_out"
LUNGS_ONLY = "lungs_only"
VIEWS = (LUNGS_BLACKED_OUT, LUNGS_ONLY)

Film = np.ndarray
Corruption = Callable[[Film, np.random.Generator], Film]


def _jpeg(film: Film, _: np.random.Generator) -> Film:
    whole, data = cv2.imencode(".jpg", film, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not whole:
        raise PneumoscopeError(f"OpenCV cannot write a film of {film.shape} as JPEG")
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE))


def _blur(film: Film, _: np.random.Generator) -> Film:
    return cv2.GaussianBlur(film, (0, 0), BLUR * len(film), borderType=cv2.BORDER_REPLICATE)


def _noise(film: Film, generator: np.random.Generator) -> Film:
    return _to_grey(film + generator.normal(0, NOISE, film.shape))


def _brightness(change: float) -> Corruption:
    return lambda film, _: _to_grey(film + change * 255.0)


def _contrast(change: float) -> Corruption:
    return lambda film, _: _to_grey((film - film.mean()) * (1 + change) + film.mean())


def _gamma(exponent: float) -> Corruption:
    return lambda film, _: _to_grey(255 * (film / 255.0) ** exponent)


def _rotation(film: Film, generator: np.random.Generator) -> Film:
    side, middle = len(film), (len(film) - 1) / 2
    turn = cv2.getRotationMatrix2D((middle, middle), ROTATION * generator.choice((-1, 1)), 1)
    return cv2.warpAffine(film, turn, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _crop(film: Film, _: np.random.Generator) -> Film:
    side = len(film)
    kept = max(1, round(side * KEPT))
    first = (side - kept) // 2
    return cv2.resize(film[first : first + kept, first : first + kept], (side, side), interpolation=cv2.INTER_LINEAR)


def _letters(film: Film, generator: np.random.Generator) -> Film:
    side, font = len(film), cv2.FONT_HERSHEY_SIMPLEX
    text = str(generator.choice(LETTERS))
    scale = LETTER_HEIGHT * side / 21  # the font's capitals are 21 pixels high at scale 1
    thickness = max(1, round(side / 112))
    (width, height), _ = cv2.getTextSize(text, font, scale, thickness)
    margin = round(0.03 * side)
    left = int(generator.choice((margin, max(margin, side - margin - width))))
    bottom = int(generator.choice((margin + height, side - margin)))
    return cv2.putText(film.copy(), text, (left, bottom), font, scale, 255, thickness, cv2.LINE_AA)


def _corners(film: Film, _: np.random.Generator) -> Film:
    masked, edge = film.copy(), max(1, round(CORNER * len(film)))
    for rows in (slice(edge), slice(-edge, None)):
        for columns in (slice(edge), slice(-edge, None)):
            masked[rows, columns] = 0
    return masked


def _border(film: Film, _: np.random.Generator) -> Film:
    framed, edge = film.copy(), max(1, round(FRAME * len(film)))
    framed[:edge], framed[-edge:], framed[:, :edge], framed[:, -edge:] = 0, 0, 0, 0
    return framed


def _half_size(film: Film, _: np.random.Generator) -> Film:
    side, half = len(film), max(1, len(film) // 2)
    small = cv2.resize(film, (half, half), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (side, side), interpolation=cv2.INTER_CUBIC)


def _to_grey(values: np.ndarray) -> Film:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


#: Name → what is done, in words, and how.
CORRUPTIONS: dict[str, tuple[str, Corruption]] = {
    AS_IT_IS: ("nothing", lambda film, _: film.copy()),
    "jpeg_30": (f"JPEG, quality {JPEG_QUALITY}", _jpeg),
    "blur": ("blur, 1.5 px at 224", _blur),
    "noise": (f"noise, standard deviation {NOISE:g} of 255", _noise),
    "brighter": ("brightness +15 %", _brightness(TONE)),
    "darker": ("brightness −15 %", _brightness(-TONE)),
    "more_contrast": ("contrast +15 %", _contrast(TONE)),
    "less_contrast": ("contrast −15 %", _contrast(-TONE)),
    "gamma_0.7": ("gamma 0.7", _gamma(0.7)),
    "gamma_1.4": ("gamma 1.4", _gamma(1.4)),
    "rotation": ("rotated by 5° to either side", _rotation),
    "crop": ("middle 90 % of either side", _crop),
    "letters": ("burned-in letters in a corner", _letters),
    "masked_corners": ("corners masked black, 15 % of the side", _corners),
    "border": ("black border, 5 % of the side", _border),
    "half_size": ("shrunk to half the side and back (112 → 224)", _half_size),
}


@dataclass(frozen=True)
class CorruptionSpec:
    """How films are prepared for a stress: to their size first, then changed, then given the network's contrast rule.

    A scanner changes a film before the contrast rule sees it; a change on a film of 2,000 pixels, though, would be
    gone once it is shrunk.
    """

    sized: PrepareSpec
    toned: PrepareSpec

    @classmethod
    def of(cls, spec: PrepareSpec) -> "CorruptionSpec":
        """Take a network's preprocessing apart."""
        return cls(replace(spec, contrast="none"), replace(spec, resize="squash", centre_crop=1.0))


def changed(film: Film, name: str, index: int, seed: int = SEED) -> Film:
    """Change a film.

    Args:
        film: uint8 [S, S].
        name: one of CORRUPTIONS.
        index: of the film among its split's.
        seed: same seed, change and index, same draws.

    Returns:
        uint8 [S, S], a new array.
    """
    generator = np.random.default_rng((seed, list(CORRUPTIONS).index(name), index))
    return CORRUPTIONS[name][1](film, generator)


def corrupt_films(images: np.ndarray, name: str, spec: CorruptionSpec, first: int = 0, seed: int = SEED) -> np.ndarray:
    """Change films of a split, uint8 [n, S, S] as `spec.sized` leaves them → the same, ready for the network.

    `first` is the index of the first of them in the split.
    """
    rows = [changed(np.asarray(image), name, first + row, seed) for row, image in enumerate(images)]
    return np.stack([prepare(row, spec.toned) for row in rows])


def blacked_out(film: np.ndarray, lungs: np.ndarray, view: str) -> np.ndarray:
    """A film, uint8 [S, S], with the lungs (bool [S, S]) or all but the lungs set to 0; a new array.

    Raises:
        PneumoscopeError: `view` is none of VIEWS.
    """
    if view not in VIEWS:
        raise PneumoscopeError(f"unknown view {view!r}: expected one of {', '.join(VIEWS)}")
    return np.where(lungs == (view == LUNGS_ONLY), film, np.uint8(0))


def blacked_out_films(images: np.ndarray, lungs: np.ndarray, view: str, spec: CorruptionSpec) -> np.ndarray:
    """Films as `spec.sized` leaves them, uint8 [n, S, S], and their lungs, bool [n, S, S] → ready for the network.

    The network's contrast rule comes after the blacking out, as on a film that was masked at the scanner.
    """
    rows = zip(images, lungs, strict=True)
    return np.stack([prepare(blacked_out(np.asarray(image), place, view), spec.toned) for image, place in rows])
