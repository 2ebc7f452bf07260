"""What harmless changes of a film do to a network: the changes, and the table of their effect. No TensorFlow here.

Each change is something that happens to a film between two hospitals, at a strength at which a reader would not change
their mind. Lengths are shares of the film's side, so that a change looks the same at every size; grey values are 0 to
255. Where a change has a choice (the side a film tilts to, the grain of the noise, which letters stand where) it is
drawn from the seed, the change and the film alone: the same for every network.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike

from train.atomic import write_text
from train.bootstrap import (
    RESAMPLES,
    Figures,
    Floats,
    Ranking,
    call_figures,
    patient_interval,
    require_patients,
    resample,
)
from train.errors import PneumoscopeError
from train.evaluation import is_of_these_scores, json_text
from train.intervals import auroc_interval
from train.metrics import closed_intervals
from train.operating_points import confusion
from train.radiograph import PrepareSpec, prepare
from train.scores import EXTERNAL, SCORED_SPLITS, Scores, probability

FORMAT = 1
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

Film = np.ndarray
Json = dict[str, Any]
Change = Callable[[Film, np.random.Generator], Film]


def _jpeg(film: Film, _: np.random.Generator) -> Film:
    whole, data = cv2.imencode(".jpg", film, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not whole:
        raise PneumoscopeError(f"OpenCV cannot write a film of {film.shape} as JPEG")
    return cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)


def _blur(film: Film, _: np.random.Generator) -> Film:
    return cv2.GaussianBlur(film, (0, 0), BLUR * len(film), borderType=cv2.BORDER_REPLICATE)


def _noise(film: Film, generator: np.random.Generator) -> Film:
    return _to_grey(film + generator.normal(0, NOISE, film.shape))


def _brightness(change: float) -> Change:
    return lambda film, _: _to_grey(film + change * 255.0)


def _contrast(change: float) -> Change:
    return lambda film, _: _to_grey((film - film.mean()) * (1 + change) + film.mean())


def _gamma(exponent: float) -> Change:
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
CHANGES: dict[str, tuple[str, Change]] = {
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


#: For a bar's total.
STRESS_RESAMPLES = RESAMPLES * len(CHANGES)


@dataclass(frozen=True)
class StressSpec:
    """How films are prepared for a stress: to their size first, then changed, then given the network's contrast rule.

    A scanner changes a film before the contrast rule sees it; a change on a film of 2,000 pixels, though, would be
    gone once it is shrunk.
    """

    sized: PrepareSpec
    toned: PrepareSpec

    @classmethod
    def of(cls, spec: PrepareSpec) -> "StressSpec":
        """Take a network's preprocessing apart."""
        return cls(replace(spec, contrast="none"), replace(spec, resize="squash", centre_crop=1.0))


def changed(film: Film, name: str, index: int, seed: int = SEED) -> Film:
    """Change a film.

    Args:
        film: uint8 [S, S].
        name: one of CHANGES.
        index: of the film among its split's.
        seed: same seed, change and index, same draws.

    Returns:
        uint8 [S, S], a new array.
    """
    generator = np.random.default_rng((seed, list(CHANGES).index(name), index))
    return CHANGES[name][1](film, generator)


def changed_films(images: np.ndarray, name: str, spec: StressSpec, first: int = 0, seed: int = SEED) -> np.ndarray:
    """Change films of a split, uint8 [n, S, S] as `spec.sized` leaves them → the same, ready for the network.

    `first` is the index of the first of them in the split.
    """
    rows = [changed(np.asarray(image), name, first + row, seed) for row, image in enumerate(images)]
    return np.stack([prepare(row, spec.toned) for row in rows])


def stress_table(
    labels: ArrayLike,
    patients: Sequence[str],
    logits: Mapping[str, ArrayLike],
    threshold: float,
    advance: Callable[..., None] = lambda *_: None,
) -> Json:
    """Figures of a network under each change.

    Args:
        labels: 0 or 1, [N].
        patients: id of each film.
        logits: change → [N]; AS_IT_IS among them.
        threshold: on the uncalibrated probability, frozen on validation.
        advance: called with the number of resamples done.

    Returns:
        Change → {what, accuracy, balanced_accuracy, sensitivity, specificity, auroc, probability_shift (mean |Δp| of
        the uncalibrated probability against the film as it is), decisions_changed (share of the films)}, each figure
        with its interval over patients. JSON-ready.

    Raises:
        PneumoscopeError: NaN logits, one class only, too few patients.
    """
    require_patients(patients, "the films")
    before = probability(logits[AS_IT_IS])
    table: Json = {}
    for name, raw in logits.items():
        closed = {
            "auroc": auroc_interval(labels, raw),
            **closed_intervals(confusion(labels, probability(raw), threshold)),
        }
        figures = _figures(labels, raw, before, threshold)
        draws = resample(patients, figures, advance)
        whole = {key: float(values[0]) for key, values in figures(np.ones((1, len(patients)))).items()}
        table[name] = {"what": CHANGES[name][0]} | {
            key: patient_interval(value, draws[key], closed.get(key)).as_json() for key, value in whole.items()
        }
    return table


def _figures(labels: ArrayLike, logits: ArrayLike, before: Floats, threshold: float) -> Figures:
    chances, ranking = probability(logits), Ranking.of(labels, logits)
    called, shift = chances >= threshold, np.abs(chances - before)
    other = (called != (before >= threshold)).astype(np.float64)

    def figures(weights: Floats) -> dict[str, Floats]:
        rates, films = call_figures(labels, called, weights), weights.sum(axis=1)
        return {
            **{key: rates[key] for key in ("accuracy", "balanced_accuracy", "sensitivity", "specificity")},
            "auroc": ranking.areas(weights)[0],
            "probability_shift": weights @ shift / films,
            "decisions_changed": weights @ other / films,
        }

    return figures


def stress_result(
    evaluation: Mapping[str, Any],
    scores: Scores,
    logits: Mapping[str, ArrayLike],
    advance: Callable[..., None] = lambda *_: None,
) -> Json:
    """A run's stress on one split, ready for stress.json.

    Args:
        evaluation: of the run; its default threshold is used.
        scores: of the films as they are, of one split.
        logits: change → [N].
        advance: as `stress_table`.

    Raises:
        PneumoscopeError: as `stress_table`, or the network is not the one evaluated.
    """
    split, point = scores.splits[0], evaluation["default_operating_point"]
    if split == "validation" and not is_of_these_scores(dict(evaluation), scores):
        raise PneumoscopeError("the network is not the one whose thresholds were frozen: evaluate the run again")
    threshold = float(evaluation["thresholds"][point])
    return {
        "format": FORMAT,
        "network": evaluation["network"],
        "split_fingerprint": evaluation["split_fingerprint"],
        "seed": SEED,
        "operating_point": point,
        "threshold": threshold,
        "intervals": "95 %: BCa interval of 2,000 resamples of patients",
        split: {
            "films": len(scores),
            "patients": len(set(scores.patients)),
            "positives": int(scores.labels.sum()),
            "changes": stress_table(scores.labels, scores.patients, logits, threshold, advance),
        },
    }


def write_stress(path: Path, result: Mapping[str, Any]) -> Json:
    """Write stress.json atomically; the other split's figures stay where they are of the same network and films.

    Returns:
        What the file then holds.
    """
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        before = {}
    same = isinstance(before, dict) and all(
        before.get(key) == result[key] for key in ("format", "network", "split_fingerprint", "seed", "threshold")
    )
    whole = {"validation": None, "test": None} | (before if same else {}) | dict(result)
    splits = (*SCORED_SPLITS, EXTERNAL) if EXTERNAL in whole else SCORED_SPLITS
    ordered = {key: whole[key] for key in (*(key for key in whole if key not in splits), *splits)}
    write_text(path, json_text(ordered))
    return ordered
