"""Where the lungs of a film are: the template that `data synthesize` aligns films to, its lungs, and those of a film.

The template is made again from training films at hand whenever it is needed; nothing of them is kept. Its lungs are the
dark field on either side of the middle, each made convex, so that the lung behind the heart is in it too.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from train.common.errors import PneumoscopeError
from train.radiograph import PrepareSpec, prepare
from train.synthetic.registration import align, from_common_shape, register, template_of

#: So many training films make the template; more do not sharpen it.
TEMPLATE_FILMS = 200
FEWEST_FILMS = 8

# Of the template's side: the lungs are sought inside these borders, and their outline is widened by the margin.
_TOP, _BOTTOM, _EDGE = 0.12, 0.92, 0.10
_MARGIN = 0.02
#: Of the larger lung's area: what is smaller is no lung.
_SPECK = 1 / 3
#: Share of the template that one lung covers; the mean of the public set's films has 0.15 and 0.16.
_PLAUSIBLE = (0.04, 0.35)


@dataclass(frozen=True, eq=False)
class LungTemplate:
    """A mean film, and where its lungs are.

    Attributes:
        film: uint8 [s, s], as `train.synthetic.registration.template_of` gives it.
        lungs: bool [s, s].
    """

    film: np.ndarray
    lungs: np.ndarray


def fit_lungs(films: np.ndarray) -> LungTemplate:
    """Align films to their mean and find the lungs of that.

    Args:
        films: uint8 [N, S, S], healthy training films; about TEMPLATE_FILMS of them.

    Raises:
        PneumoscopeError: under FEWEST_FILMS films, or a mean on which no two lungs can be told.
    """
    if len(films) < FEWEST_FILMS:
        raise PneumoscopeError(
            f"{len(films)} healthy training films: expected at least {FEWEST_FILMS} to find the lungs by"
        )
    template = template_of(films, align(films, np.ones(len(films), dtype=bool)))
    return LungTemplate(template, _lungs_of_template(template))


def lungs_of(film: np.ndarray, template: LungTemplate) -> np.ndarray:
    """The lungs of a film, uint8 [S, S] → bool [S, S]: the template's, moved by the film's displacement."""
    side = len(film)
    lungs = cv2.resize(template.lungs.astype(np.float32), (side, side), interpolation=cv2.INTER_LINEAR)
    moved = from_common_shape(lungs, register(film, template.film)) >= 0.5
    # Far from the lungs a displacement may lead beyond the film, whose mirror image then leaves specks.
    count, parts, measures, _ = cv2.connectedComponentsWithStats(moved.astype(np.uint8))
    areas = measures[1:, cv2.CC_STAT_AREA]
    return np.isin(parts, 1 + np.flatnonzero(areas >= _SPECK * areas.max())) if count > 1 else moved


def lungs_as_prepared(film: np.ndarray, template: LungTemplate, spec: PrepareSpec) -> np.ndarray:
    """Where the lungs of a whole film are on the picture that `prepare` makes of it.

    They are sought on the whole film, squashed, as the template's were, and then cropped and resized with it: on its
    centre alone, or between bars, the template lies elsewhere.

    Args:
        film: uint8 [H, W], as it was read.
        template: as `fit_lungs` gives it.
        spec: of the picture; its contrast does not matter.

    Returns:
        bool [S, S].
    """
    sized = replace(spec, contrast="none")
    whole = replace(sized, resize="squash", centre_crop=1.0)
    lungs = lungs_of(prepare(film, whole), template)
    if sized == whole:
        return lungs
    height, width = film.shape
    on_film = cv2.resize(lungs.astype(np.uint8) * 255, (width, height), interpolation=cv2.INTER_LINEAR)
    return prepare(on_film, sized) >= 128


def _lungs_of_template(film: np.ndarray) -> np.ndarray:
    side = len(film)
    smooth = cv2.GaussianBlur(film, (0, 0), 1)
    inner = np.zeros(film.shape, dtype=bool)
    edge = round(_EDGE * side)
    inner[round(_TOP * side) : round(_BOTTOM * side), edge : side - edge] = True
    limit, _ = cv2.threshold(smooth[inner].reshape(-1, 1), 0, 255, cv2.THRESH_OTSU)
    dark: np.ndarray = ((smooth < limit) & inner).astype(np.uint8)
    dark = cv2.morphologyEx(dark, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    lungs = np.zeros_like(dark)
    for half in (slice(0, side // 2), slice(side // 2, side)):
        part = np.zeros_like(dark)
        part[:, half] = dark[:, half]
        count, parts, measures, _ = cv2.connectedComponentsWithStats(part)
        largest = 1 + int(np.argmax(measures[1:, cv2.CC_STAT_AREA])) if count > 1 else 0
        share = measures[largest, cv2.CC_STAT_AREA] / film.size if largest else 0.0
        if not _PLAUSIBLE[0] <= share <= _PLAUSIBLE[1]:
            raise PneumoscopeError(
                f"no lungs are told on the mean of the healthy training films (a dark field of {share:.0%} on one "
                f"side; expected {_PLAUSIBLE[0]:.0%} to {_PLAUSIBLE[1]:.0%}): are they frontal chest films, upright?"
            )
        outline = cv2.convexHull(cv2.findNonZero((parts == largest).astype(np.uint8)))
        cv2.fillConvexPoly(lungs, outline, 1)
    margin = 2 * round(_MARGIN * side) + 1
    return cv2.dilate(lungs, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (margin, margin))) > 0
