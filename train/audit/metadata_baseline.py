"""How well a film's width, height and bytes alone tell its class: what a network may learn without looking at lungs.

A logistic regression on logarithms: of the sides' ratio and product where both vary, lest the penalty shrink the aspect
ratio, a small difference of two sides that go together. That networks learn such traits: Zech et al., PLoS Med
2018;15:e1002683; DeGrave et al., Nat Mach Intell 2021;3:610.

Where there is nothing to learn, the cross-validated AUROC of a small cohort lies below 0.5, not at it: each fit leans
away from the films it was not shown. So 0.5 and below tells nothing.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from train.common.errors import PneumoscopeError
from train.metrics.cluster_bootstrap import RESAMPLES, SMALLEST_PATIENTS, Ranking, patient_interval, resample
from train.metrics.intervals import UNDEFINED, Interval, auroc_interval

COLUMNS = ("width", "height", "bytes")
FOLDS = 5
SEED = 0
Advance = Callable[..., None]


@dataclass(frozen=True)
class Figure:
    """An AUROC with its interval over patients (BCa, 95 %), and why there is none where it is undefined."""

    auroc: Interval
    films: int
    patients: int
    reason: str | None = None

    def as_json(self) -> dict[str, object]:
        """The same, NaN as None."""
        return {
            "auroc": self.auroc.as_json(),
            "films": self.films,
            "patients": self.patients,
            "reason": self.reason,
        }


@dataclass(frozen=True)
class MetadataBaseline:
    """What the columns tell.

    Attributes:
        columns: used, a subset of COLUMNS.
        constant_columns: left out, since all films outside test have the same value.
        folds: of the cross-validation; 0 where there was none.
        cross_validated: films outside test, each scored by a fit on other patients.
        test: the test films, scored by a fit on all films outside test; None where there are none.
    """

    columns: tuple[str, ...]
    constant_columns: tuple[str, ...]
    folds: int
    cross_validated: Figure
    test: Figure | None

    def as_json(self) -> dict[str, object]:
        """The cross-validated figure at the top, the test figure below `test`; NaN as None."""
        return {
            "columns": list(self.columns),
            "constant_columns": list(self.constant_columns),
            "folds": self.folds,
            **self.cross_validated.as_json(),
            "test": None if self.test is None else self.test.as_json(),
        }


def metadata_baseline(
    traits: ArrayLike,
    labels: Sequence[int],
    patients: Sequence[str],
    in_test: Sequence[bool],
    advance: Advance = lambda *_: None,
) -> MetadataBaseline:
    """Fit and evaluate the baseline; what cannot be computed has a reason instead of a figure.

    Args:
        traits: [N, 3], width and height in pixels, bytes of the file.
        labels: 0 or 1, [N].
        patients: id of each film, [N].
        in_test: whether it is a test film, [N].
        advance: called with the number of resamples done, of 2 * RESAMPLES in all where there are test films.
    """
    values, positive, ids = np.asarray(traits, dtype=np.float64), np.asarray(labels), np.asarray(patients, dtype=str)
    test = np.asarray(in_test, dtype=bool)
    values = values.reshape(-1, len(COLUMNS))
    varying = np.ptp(values[~test], axis=0) > 0 if (~test).any() else np.zeros(len(COLUMNS), dtype=bool)
    columns = tuple(name for name, varies in zip(COLUMNS, varying, strict=True) if varies)
    constant = tuple(name for name in COLUMNS if name not in columns) if (~test).any() else ()
    reason = _reason(positive[~test], ids[~test])
    if reason is None and not (np.isfinite(values).all() and (values > 0).all()):
        reason = "a film's width, height or bytes are not a number above 0"
    if reason is None and not columns:
        reason = f"all films have the same {', '.join(COLUMNS)}: they tell nothing"
    if reason is not None:
        nothing = Figure(UNDEFINED, int((~test).sum()), len(set(ids[~test])), reason)
        return MetadataBaseline(columns, constant, 0, nothing, None)
    logs = _features(values, columns)
    try:
        scores, folds = _cross_validated(logs[~test], positive[~test], ids[~test])
    except PneumoscopeError as error:
        nothing = Figure(UNDEFINED, int((~test).sum()), len(set(ids[~test])), str(error))
        return MetadataBaseline(columns, constant, 0, nothing, None)
    found = _evaluated_scores(positive[~test], scores, ids[~test], advance)
    on_test = None
    if test.any():
        on_test = Figure(UNDEFINED, int(test.sum()), len(set(ids[test])), _reason(positive[test], ids[test]))
        if on_test.reason is None:
            on_test = _evaluated_scores(
                positive[test], _fitted(logs[~test], positive[~test], logs[test]), ids[test], advance
            )
    return MetadataBaseline(columns, constant, folds, found, on_test)


def _reason(labels: NDArray, patients: NDArray) -> str | None:
    if not labels.size:
        return "no readable films outside test"
    if len(set(labels.tolist())) < 2:
        return "films of one class only: expected normal and pneumonia"
    count = len(set(patients.tolist()))
    if count < SMALLEST_PATIENTS:
        return f"{count} patients: expected at least {SMALLEST_PATIENTS}, fewer give no interval"
    return None


def _features(values: NDArray, columns: Sequence[str]) -> NDArray:
    logs = dict(zip(COLUMNS, np.log(values).T, strict=True))
    wide, high = logs["width"], logs["height"]
    if "width" in columns and "height" in columns:
        logs |= {"width": wide - high, "height": wide + high}
    return np.stack([logs[name] for name in columns], axis=1)


def _cross_validated(logs: NDArray, labels: NDArray, patients: NDArray) -> tuple[NDArray, int]:
    from sklearn.model_selection import StratifiedGroupKFold

    smallest = min(len(set(patients[labels == label].tolist())) for label in (0, 1))
    folds = min(FOLDS, smallest)
    if folds < 2:
        raise PneumoscopeError("one class is of a single patient: expected at least two to cross-validate")
    scores = np.full(len(labels), math.nan)
    dealer = StratifiedGroupKFold(n_splits=folds, shuffle=True, random_state=SEED)
    for others, fold in dealer.split(logs, labels, patients):
        if len(set(labels[others].tolist())) < 2:
            raise PneumoscopeError("too few patients of one class to cross-validate: bring more films")
        scores[fold] = _fitted(logs[others], labels[others], logs[fold])
    return scores, folds


def _fitted(logs: NDArray, labels: NDArray, others: NDArray) -> NDArray:
    """Probabilities float64 [n] of `others` by a fit on `logs`."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression()).fit(logs, labels).predict_proba(others)[:, 1]


def _evaluated_scores(labels: NDArray, scores: NDArray, patients: NDArray, advance: Advance) -> Figure:
    ranking = Ranking.of(labels, scores)
    draws = resample(patients.tolist(), lambda weights: {"auroc": ranking.areas(weights)[0]}, advance, RESAMPLES)
    closed = auroc_interval(labels, scores)
    interval = patient_interval(closed.value, draws["auroc"], otherwise=closed)
    return Figure(interval, len(labels), len(set(patients.tolist())))
