"""The calibrated scale and the operating points on it, from validation scores alone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize, minimize_scalar

from train.bootstrap import SMALLEST_PATIENTS, Floats, patient_interval, resample
from train.calibration_error import brier_score, expected_calibration_error
from train.errors import PneumoscopeError
from train.evaluation import choose_thresholds
from train.operating_points import confusion
from train.scores import Scores, log_loss, logistic

Method = Literal["temperature", "platt"]
METHODS: tuple[Method, ...] = ("temperature", "platt")
#: The optimum is sought between these temperatures, and offsets of at most this size.
TEMPERATURE_RANGE = (0.05, 20.0)
OFFSET_LIMIT = 20.0
FOLDS = 10
SEED = 0
SEPARATED = "not fitted: the validation scores separate the classes, so that every lower temperature looks better"


@dataclass(frozen=True)
class Scale:
    """probability = sigmoid(logit / temperature + offset): rising in the logit, so that no decision ever changes."""

    temperature: float = 1.0
    offset: float = 0.0

    def calibrated(self, logits: ArrayLike) -> Floats:
        """Logits on the calibrated scale."""
        return np.asarray(logits, dtype=np.float64) / self.temperature + self.offset


@dataclass(frozen=True)
class Quality:
    """How good probabilities are: mean log loss in nats, Brier score, expected calibration error (15 equal bins).

    The first two with a 95 % interval over patients where there are enough of them. The third has none: resampling adds
    noise to its bins, and with it to their distances, so that resamples tend to have a larger one.
    """

    log_loss: float
    brier: float
    ece: float
    log_loss_low: float | None = None
    log_loss_high: float | None = None
    brier_low: float | None = None
    brier_high: float | None = None


@dataclass(frozen=True)
class CalibratedPoint:
    """An operating point on the calibrated probability, with what it reaches on the validation films."""

    threshold: float
    sensitivity: float
    specificity: float


@dataclass(frozen=True)
class Calibration:
    """What export adds to a network: probability = sigmoid(logit / temperature + offset), and where to cut it.

    Attributes:
        method: "temperature" (Guo et al. 2017, arXiv:1706.04599, section 4.2; offset 0) or "platt" (Platt 1999).
        temperature, offset: fitted on all validation films.
        before: of the network's own probability on the validation films.
        after: of the calibrated one, each film by a scale fitted on the other patients' folds.
        candidates: method → its cross-validated log loss, by which the method was chosen.
        folds: of that cross-validation; 0 where the films are of too few patients, and `after` is of the fit itself.
        note: empty, or why the scale was left as it is.
        operating_points: the evaluation's own, on the calibrated scale.
    """

    method: Method
    temperature: float
    offset: float
    before: Quality
    after: Quality
    candidates: dict[str, float]
    folds: int
    note: str
    operating_points: dict[str, CalibratedPoint]

    @property
    def scale(self) -> Scale:
        """Temperature and offset."""
        return Scale(self.temperature, self.offset)


def calibrate(scores: Scores, *, intervals: bool = False) -> Calibration:
    """Choose between temperature and Platt scaling, fit, and move the operating points to the calibrated scale.

    The method is the one with the lower log loss under cross-validation by patient; it is then fitted on all
    validation films. With `intervals` the qualities have theirs, over patients: that takes longer than all the rest.

    Raises:
        PneumoscopeError: no validation films, or of one class only.
    """
    rows = scores.of_split("validation")
    if not len(rows):
        raise PneumoscopeError("the run has no validation scores to calibrate on: pneumoscope evaluate RUN")
    points = choose_thresholds(rows.labels, rows.logits)
    folds = _folds(rows)
    calibrated = {method: _cross_validated(rows, folds, _FITS[method]) for method in METHODS}
    losses = {method: log_loss(rows.labels, logits) for method, logits in calibrated.items()}
    # Of equals the simpler: min takes the first.
    method = min(METHODS, key=lambda name: losses[name])
    scale = _FITS[method](rows.labels, rows.logits)
    if scale is None and method == "platt":
        method, scale = "temperature", _FITS["temperature"](rows.labels, rows.logits)
    note = SEPARATED if scale is None else ""
    scale = scale or Scale()
    after = rows.logits if note else calibrated[method]
    return Calibration(
        method=method,
        temperature=scale.temperature,
        offset=scale.offset,
        before=quality(rows.labels, rows.logits, rows.patients if intervals else ()),
        after=quality(rows.labels, after, rows.patients if intervals else ()),
        candidates=losses,
        folds=len(folds),
        note=note,
        operating_points={name: _calibrated_point(rows, cut, scale) for name, cut in points.items()},
    )


def quality(labels: ArrayLike, logits: ArrayLike, patients: Sequence[str] = ()) -> Quality:
    """Judge probabilities given as logits, [N], against labels, [N]; with intervals if the patients are given."""
    chances, truth = logistic(logits), np.asarray(labels, dtype=np.float64)
    found = Quality(log_loss(labels, logits), brier_score(labels, chances), expected_calibration_error(labels, chances))
    if len(set(patients)) < SMALLEST_PATIENTS:
        return found
    raw = np.asarray(logits, dtype=np.float64)
    by_film = {"log_loss": np.logaddexp(0, raw) - truth * raw, "brier": (chances - truth) ** 2}
    draws = resample(
        patients, lambda weights: {name: weights @ each / weights.sum(axis=1) for name, each in by_film.items()}
    )
    spans = {name: patient_interval(getattr(found, name), draws[name]) for name in by_film}
    return replace(
        found,
        **{f"{name}_{end}": getattr(span, end) for name, span in spans.items() for end in ("low", "high")},
    )


def quality_on_test(scores: Scores, scale: Scale, *, intervals: bool = False) -> tuple[Quality, Quality] | None:
    """Before and after on the test films, to be reported and for nothing else; None where they were not read."""
    rows = scores.of_split("test")
    if not len(rows):
        return None
    judged = (rows.logits, scale.calibrated(rows.logits))
    before, after = (quality(rows.labels, logits, rows.patients if intervals else ()) for logits in judged)
    return before, after


def fit_temperature(labels: ArrayLike, logits: ArrayLike) -> Scale | None:
    """The temperature of least log loss; None where the optimum lies outside TEMPERATURE_RANGE."""
    raw = np.asarray(logits, dtype=np.float64)
    lowest, highest = np.log(TEMPERATURE_RANGE)
    found = minimize_scalar(
        lambda log_temperature: log_loss(labels, raw / np.exp(log_temperature)),
        bounds=(lowest, highest),
        method="bounded",
        options={"xatol": 1e-6},
    )
    at_the_edge = min(found.x - lowest, highest - found.x) < 1e-3
    return None if at_the_edge else Scale(float(np.exp(found.x)))


def fit_platt(labels: ArrayLike, logits: ArrayLike) -> Scale | None:
    """Temperature and offset of least log loss (Platt 1999, without his smoothed labels: there are enough films).

    None where the optimum lies outside TEMPERATURE_RANGE or OFFSET_LIMIT, or a cut separates the classes, so that there
    is none.
    """
    raw, truth = np.asarray(logits, dtype=np.float64), np.asarray(labels, dtype=np.float64)
    if raw[truth == 1].min(initial=np.inf) > raw[truth == 0].max(initial=-np.inf):
        return None

    def loss(slope_and_offset: Floats) -> tuple[float, Floats]:
        slope, offset = slope_and_offset
        error = logistic(slope * raw + offset) - truth
        return log_loss(truth, slope * raw + offset), np.array([np.mean(error * raw), np.mean(error)])

    slopes = 1 / TEMPERATURE_RANGE[1], 1 / TEMPERATURE_RANGE[0]
    bounds = (slopes, (-OFFSET_LIMIT, OFFSET_LIMIT))
    found = minimize(
        loss, [1.0, 0.0], jac=True, bounds=bounds, method="L-BFGS-B", options={"ftol": 1e-15, "gtol": 1e-9}
    )
    for value, (low, high) in zip(found.x, bounds, strict=True):
        if min(value - low, high - value) < 1e-3 * min(abs(low), abs(high)):
            return None
    return Scale(float(1 / found.x[0]), float(found.x[1]))


_FITS: dict[Method, Callable[[ArrayLike, ArrayLike], Scale | None]] = {
    "temperature": fit_temperature,
    "platt": fit_platt,
}


def _folds(rows: Scores) -> list[NDArray[np.int64]]:
    """Rows of each fold: whole patients, stratified by class; none where a class has a single patient."""
    ill = rows.labels == 1
    patients = np.asarray(rows.patients)
    count = min(FOLDS, len(set(patients[ill])), len(set(patients[~ill])))
    if count < 2:
        return []
    from sklearn.model_selection import StratifiedGroupKFold

    dealer = StratifiedGroupKFold(n_splits=count, shuffle=True, random_state=SEED)
    return [fold for _, fold in dealer.split(rows.logits, rows.labels, patients)]


def _cross_validated(
    rows: Scores, folds: list[NDArray[np.int64]], fit: Callable[[ArrayLike, ArrayLike], Scale | None]
) -> Floats:
    """Logits on the calibrated scale, each fitted without the film's own fold."""
    if not folds:
        return (fit(rows.labels, rows.logits) or Scale()).calibrated(rows.logits)
    calibrated = np.array(rows.logits)
    for fold in folds:
        others = np.ones(len(rows), dtype=bool)
        others[fold] = False
        scale = fit(rows.labels[others], rows.logits[others]) or Scale()
        calibrated[fold] = scale.calibrated(rows.logits[fold])
    return calibrated


def _calibrated_point(rows: Scores, cut: float, scale: Scale) -> CalibratedPoint:
    counts = confusion(rows.labels, rows.logits, cut)
    return CalibratedPoint(float(logistic(scale.calibrated(cut))), counts.sensitivity, counts.specificity)
