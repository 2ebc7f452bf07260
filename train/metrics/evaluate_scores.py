"""From labels and logits to metrics, each with an interval over patients and one that takes films as independent."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from train.metrics.cluster_bootstrap import Draws, Floats, Ranking, patient_interval, prediction_metrics, resample
from train.metrics.intervals import (
    Interval,
    auroc_interval,
    average_precision_interval,
    balanced_accuracy_interval,
    f1_interval,
    wilson_interval,
)
from train.metrics.operating_points import Confusion, choose_threshold, confusion, predictive_values
from train.metrics.reliability import brier_score, expected_calibration_error
from train.metrics.scores import bounded, log_loss, logistic, probability

INTERVALS = (
    "95 %: BCa interval of 2,000 resamples of patients. Beside it (independent_low, independent_high), and in its "
    "place where all resamples agree, the interval that takes films as independent: Wilson for proportions, DeLong on "
    "the logit scale for AUROC, Boyd, Eng & Page for average precision, Wilson carried over to F1, MOVER for balanced "
    "accuracy"
)
AS_REPORT = "as the report counts: threshold chosen on this split"
#: From a ward where few are ill to the share of pneumonia among the training films.
PREVALENCES = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.74)

Json = dict[str, Any]


def evaluate_scores(
    labels: ArrayLike,
    logits: ArrayLike,
    thresholds: Mapping[str, float],
    patients: Sequence[str] | None = None,
    advance: Callable[..., None] = lambda *_: None,
) -> Json:
    """Metrics of one set of films at given thresholds.

    Args:
        labels: 0 or 1, shape [N], both present.
        logits: finite, shape [N].
        thresholds: operating point → threshold on the probability.
        patients: id of each film, for intervals over patients; without them films are taken as independent.
        advance: called with the number of resamples done.

    Returns:
        JSON-ready: n, positives, prevalence, log_loss, brier, ece (the last three of the uncalibrated probability);
        auroc and average_precision as {value, low, high}; operating_points: name → {threshold, confusion, and accuracy,
        balanced_accuracy, f1, sensitivity, specificity, ppv, npv as {value, low, high}, null where undefined};
        as_report: accuracy at 0.5 and the maximum F1 over all thresholds of these films. With patients every {value,
        low, high} is over patients and has independent_low and independent_high beside it, and each operating point
        has over_prevalence: lists prevalence, ppv, ppv_low, ppv_high, npv, npv_low, npv_high.

    Raises:
        PneumoscopeError: no films, one class only, NaN or infinite logits.
    """
    films = _ScoredFilms.of(labels, logits, {**thresholds, "at 0.5": 0.5})
    draws = resample(patients, films.figures, advance) if patients is not None else {}
    best = float(logistic(choose_threshold(labels, bounded(films.logits), "f1")))
    return {
        "n": int(films.labels.size),
        "positives": int(films.labels.sum()),
        "prevalence": float(films.labels.mean()),
        "log_loss": log_loss(films.labels, films.logits),
        "brier": brier_score(films.labels, films.probabilities),
        "ece": expected_calibration_error(films.labels, films.probabilities),
        **{name: _shown(closed, name, draws) for name, closed in films.areas.items()},
        "operating_points": {name: _point(films, name, draws) for name in thresholds},
        "as_report": {
            "note": AS_REPORT,
            "accuracy_at_0.5": _shown(films.points["at 0.5"]["accuracy"], "at 0.5: accuracy", draws),
            "f1_maximum": {"value": confusion(labels, films.probabilities, best).f1, "threshold": best},
        },
    }


@dataclass(frozen=True, eq=False)
class _ScoredFilms:
    """Films with what follows from them and from the thresholds at once.

    Attributes:
        cuts: name → threshold on the probability.
        areas: AUROC and average precision, with intervals that take films as independent.
        tables, points: at each threshold the confusion, and what `closed_intervals` makes of it.
    """

    labels: Floats
    logits: Floats
    probabilities: Floats
    ranking: Ranking
    cuts: Mapping[str, float]
    areas: Mapping[str, Interval]
    tables: Mapping[str, Confusion]
    points: Mapping[str, Mapping[str, Interval]]

    @classmethod
    def of(cls, labels: ArrayLike, logits: ArrayLike, cuts: Mapping[str, float]) -> Self:
        areas = {
            "auroc": auroc_interval(labels, logits),
            "average_precision": average_precision_interval(labels, logits),
        }
        truth, raw = np.asarray(labels, dtype=np.float64), np.asarray(logits, dtype=np.float64)
        probabilities = probability(raw)
        tables = {name: confusion(labels, probabilities, cut) for name, cut in cuts.items()}
        points = {name: closed_intervals(table) for name, table in tables.items()}
        return cls(truth, raw, probabilities, Ranking.of(labels, raw), cuts, areas, tables, points)

    def figures(self, weights: Floats) -> dict[str, Floats]:
        """What the bootstrap resamples: the areas, and each threshold's metrics."""
        counted = dict(zip(self.areas, self.ranking.areas(weights), strict=True))
        for name, cut in self.cuts.items():
            found = prediction_metrics(self.labels, self.probabilities >= cut, weights)
            counted |= {f"{name}: {key}": values for key, values in found.items()}
        return counted


def _shown(closed: Interval, key: str, draws: Mapping[str, Draws]) -> Json:
    """A metric with its interval over patients, and the one that takes films as independent beside it or alone."""
    if not draws:
        return closed.as_json()
    beside = {"independent_low": closed.low, "independent_high": closed.high}
    over_patients = patient_interval(closed.value, draws[key], otherwise=closed)
    return over_patients.as_json() | {name: None if np.isnan(limit) else limit for name, limit in beside.items()}


def _point(films: _ScoredFilms, name: str, draws: Mapping[str, Draws]) -> Json:
    counts = films.tables[name]
    table = {"tp": counts.tp, "fp": counts.fp, "tn": counts.tn, "fn": counts.fn}
    entry = {"threshold": float(films.cuts[name]), "confusion": table}
    entry |= {key: _shown(closed, f"{name}: {key}", draws) for key, closed in films.points[name].items()}
    return entry | ({"over_prevalence": _over_prevalence(films.points[name], name, draws)} if draws else {})


def closed_intervals(counts: Confusion) -> dict[str, Interval]:
    """The figures of a confusion table with the intervals that take films as independent."""
    sensitivity = wilson_interval(counts.tp, counts.tp + counts.fn)
    specificity = wilson_interval(counts.tn, counts.tn + counts.fp)
    return {
        "accuracy": wilson_interval(counts.tp + counts.tn, counts.n),
        "balanced_accuracy": balanced_accuracy_interval(sensitivity, specificity),
        "f1": f1_interval(counts.tp, counts.fp, counts.fn),
        "sensitivity": sensitivity,
        "specificity": specificity,
        "ppv": wilson_interval(counts.tp, counts.tp + counts.fp),
        "npv": wilson_interval(counts.tn, counts.tn + counts.fn),
    }


def _over_prevalence(closed: Mapping[str, Interval], name: str, draws: Mapping[str, Draws]) -> Json:
    """PPV and NPV where the disease is rarer or commoner than among these films, as parallel lists.

    Both rise with sensitivity and specificity, so that Bayes' rule on the closed limits of both gives closed limits
    for where all resamples agree: without a false alarm they all have a PPV of 1.
    """
    sensitivity, specificity = draws[f"{name}: sensitivity"], draws[f"{name}: specificity"]
    rates = [(rate.value, rate.low, rate.high) for rate in (closed["sensitivity"], closed["specificity"])]
    table: Json = {"prevalence": list(PREVALENCES)}
    for index, key in enumerate(("ppv", "npv")):
        rows = []
        for prevalence in PREVALENCES:
            value, low, high = predictive_values(rates[0], rates[1], prevalence)[index].tolist()
            drawn = Draws(
                _predictive(sensitivity.resampled, specificity.resampled, prevalence)[index],
                _predictive(sensitivity.jackknife, specificity.jackknife, prevalence)[index],
            )
            rows.append(patient_interval(value, drawn, Interval(value, low, high)).as_json())
        table |= {
            f"{key}{end}": [row[field] for row in rows]
            for field, end in (("value", ""), ("low", "_low"), ("high", "_high"))
        }
    return table


def _predictive(sensitivity: Floats, specificity: Floats, prevalence: float) -> tuple[Floats, Floats]:
    """As `predictive_values`; NaN where a resample has films of one class only and so lacks one of the rates."""
    lacking = np.isnan(sensitivity) | np.isnan(specificity)
    rates = np.where(lacking, 0.5, sensitivity), np.where(lacking, 0.5, specificity)
    ppv, npv = predictive_values(*rates, prevalence)
    return np.where(lacking, np.nan, ppv), np.where(lacking, np.nan, npv)
