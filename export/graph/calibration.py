"""The calibrated scale and the operating points on it, from validation scores alone."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from train.common.errors import PneumoscopeError
from train.evaluation.thresholds import thresholds_seen
from train.metrics.augmented_scores import AugmentedScores, require_same_films
from train.metrics.calibration_fit import FITTED_METHODS, Fit, Method, Scale, fit_or_keep
from train.metrics.cluster_bootstrap import SMALLEST_PATIENTS, Floats, patient_interval, resample
from train.metrics.operating_choices import Seen
from train.metrics.operating_points import confusion
from train.metrics.reliability import brier_score, expected_calibration_error
from train.metrics.scores import Scores, log_loss, logistic
from train.runs.settings import OperatingSettings

FOLDS = 10
SEED = 0


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
        method: "temperature" (Guo et al. 2017, arXiv:1706.04599, section 4.2; offset 0), "platt" (Platt 1999) or
            "none", also where the fit had no optimum.
        temperature, offset: fitted on all validation films, as they are or as seen through the augmentation.
        before: of the network's own probability on the validation films.
        after: of the calibrated one, each film by a scale fitted on the other patients' folds; `before` where nothing
            was fitted.
        candidates: method → its cross-validated log loss, by which the method was chosen where it was not given; those
            that could be fitted.
        folds: of that cross-validation; 0 where the films are of too few patients, and `after` is of the fit itself.
        note: empty, or why the scale was left as it is.
        operating_points: the evaluation's own, on the calibrated scale.
        seen: the validation films that the thresholds are from, "plain" or "augmented".
        fitted_on: the same of the scale.
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
    seen: Seen = "plain"
    fitted_on: Seen = "plain"

    @property
    def scale(self) -> Scale:
        """Temperature and offset."""
        return Scale(self.temperature, self.offset)


def calibrate(
    scores: Scores,
    *,
    intervals: bool = False,
    operating: OperatingSettings = OperatingSettings(),  # noqa: B008  # frozen
    augmented: AugmentedScores | None = None,
) -> Calibration:
    """Fit temperature or Platt scaling, or none, and move the operating points to the calibrated scale.

    Where `operating.calibration` leaves the choice ("cross_validated") the method is the one with the lower log loss
    under cross-validation by patient; it is then fitted on all validation films. A method that cannot be fitted on them
    is no candidate, and without one the network's own probability ships, and is what is measured.

    With `intervals` the qualities have theirs, over patients: that takes longer than all the rest.

    Args:
        scores: of which the validation rows are looked at; the qualities are of these films as they are.
        intervals: over patients.
        operating: the method, and whether scale and thresholds are from the films as they are or as seen augmented.
        augmented: their readings through the augmentation, where those are asked for.

    Raises:
        PneumoscopeError: no validation films, of one class only, or no augmented readings of them where asked for.
    """
    rows = scores.of_split("validation")
    if not len(rows):
        raise PneumoscopeError("the run has no validation scores to calibrate on: pneumoscope evaluate RUN")
    points = thresholds_seen(rows, operating, augmented)
    readings = None if operating.fitted_on == "plain" else require_same_films(augmented, rows)
    folds = _folds(rows)
    asked = operating.calibration
    methods = FITTED_METHODS if asked == "cross_validated" else (asked,)
    films = np.ones(len(rows), dtype=bool)
    fits = {method: _fitted(rows, films, method, readings) for method in methods}
    calibrated = {
        method: _cross_validated(rows, folds, method, readings) for method in methods if not fits[method].failed
    }
    losses = {method: log_loss(rows.labels, logits) for method, logits in calibrated.items()}
    # Of equals the simpler: min takes the first.
    method = min(losses, key=lambda name: losses[name], default=methods[0])
    fit = fits[method]
    scale, after = fit.scale, calibrated.get(method, rows.logits)
    return Calibration(
        method="none" if fit.failed else method,
        temperature=scale.temperature,
        offset=scale.offset,
        before=quality(rows.labels, rows.logits, rows.patients if intervals else ()),
        after=quality(rows.labels, after, rows.patients if intervals else ()),
        candidates={str(name): loss for name, loss in losses.items()},
        folds=len(folds),
        note=fit.note,
        operating_points={name: _calibrated_point(rows, cut, scale) for name, cut in points.items()},
        seen=operating.seen,
        fitted_on=operating.fitted_on,
    )


def quality(labels: ArrayLike, logits: ArrayLike, patients: Sequence[str] = ()) -> Quality:
    """Judge probabilities given as logits, [N], against labels, [N]; with intervals if the patients are given."""
    probabilities, truth = logistic(logits), np.asarray(labels, dtype=np.float64)
    found = Quality(
        log_loss(labels, logits), brier_score(labels, probabilities), expected_calibration_error(labels, probabilities)
    )
    if len(set(patients)) < SMALLEST_PATIENTS:
        return found
    raw = np.asarray(logits, dtype=np.float64)
    by_film = {"log_loss": np.logaddexp(0, raw) - truth * raw, "brier": (probabilities - truth) ** 2}
    draws = resample(
        patients, lambda weights: {name: weights @ each / weights.sum(axis=1) for name, each in by_film.items()}
    )
    spans = {name: patient_interval(getattr(found, name), draws[name]) for name in by_film}
    return replace(
        found,
        **{f"{name}_{end}": getattr(span, end) for name, span in spans.items() for end in ("low", "high")},
    )


def quality_on(scores: Scores, split: str, scale: Scale, *, intervals: bool = False) -> tuple[Quality, Quality] | None:
    """Before and after on test or external films, only to be reported; None where they were not read."""
    rows = scores.of_split(split)
    if not len(rows):
        return None
    evaluated = (rows.logits, scale.calibrated(rows.logits))
    before, after = (quality(rows.labels, logits, rows.patients if intervals else ()) for logits in evaluated)
    return before, after


def _folds(rows: Scores) -> list[NDArray[np.int64]]:
    """Rows of each fold: whole patients, stratified by class; none where a class has a single patient."""
    positive = rows.labels == 1
    patients = np.asarray(rows.patients)
    count = min(FOLDS, len(set(patients[positive])), len(set(patients[~positive])))
    if count < 2:
        return []
    from sklearn.model_selection import StratifiedGroupKFold

    dealer = StratifiedGroupKFold(n_splits=count, shuffle=True, random_state=SEED)
    return [fold for _, fold in dealer.split(rows.logits, rows.labels, patients)]


def _fitted(rows: Scores, films: NDArray[np.bool_], method: Method, readings: AugmentedScores | None) -> Fit:
    """The scale of some of the films, or of their augmented readings."""
    if readings is None:
        return fit_or_keep(method, rows.labels[films], rows.logits[films])
    labels, logits, _ = readings.of_films(films).all_readings()
    return fit_or_keep(method, labels, logits)


def _cross_validated(
    rows: Scores, folds: list[NDArray[np.int64]], method: Method, readings: AugmentedScores | None
) -> Floats:
    """Logits on the calibrated scale, each fitted without the film's own fold."""
    if not folds:
        return _fitted(rows, np.ones(len(rows), dtype=bool), method, readings).scale.calibrated(rows.logits)
    calibrated = np.array(rows.logits)
    for fold in folds:
        others = np.ones(len(rows), dtype=bool)
        others[fold] = False
        scale = _fitted(rows, others, method, readings).scale
        calibrated[fold] = scale.calibrated(rows.logits[fold])
    return calibrated


def _calibrated_point(rows: Scores, cut: float, scale: Scale) -> CalibratedPoint:
    counts = confusion(rows.labels, rows.logits, cut)
    return CalibratedPoint(float(logistic(scale.calibrated(cut))), counts.sensitivity, counts.specificity)
