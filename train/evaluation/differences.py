"""Differences of two networks' figures on the same films: over patients, and DeLong's of the AUROC. NumPy only.

Two networks that make no error, or the same ones, differ by 0 on every resample of the films, and would be told to be
equal for certain. There the closed intervals of both are taken together as if they were of different films.
"""

import math
from collections.abc import Callable, Mapping
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from train.metrics.cluster_bootstrap import Floats, Ranking, patient_interval, prediction_metrics, resample
from train.metrics.evaluate_scores import closed_intervals
from train.metrics.intervals import CONFIDENCE, Interval, auroc_interval, delong_covariance, difference_interval
from train.metrics.operating_points import confusion
from train.metrics.scores import Scores, probability

DIFFERENCES = ("accuracy", "balanced_accuracy", "sensitivity", "specificity")

Json = dict[str, Any]
Cuts = Mapping[str, tuple[float, float]]
Predictions = tuple[NDArray[np.bool_], NDArray[np.bool_]]


def predictions_at(one: Scores, other: Scores, cuts: Cuts) -> dict[str, Predictions]:
    """What each of two networks calls positive at its own threshold on the probability: name → two arrays [N]."""
    probabilities = probability(one.logits), probability(other.logits)
    return {name: (probabilities[0] >= first, probabilities[1] >= second) for name, (first, second) in cuts.items()}


def differences_over_patients(one: Scores, other: Scores, cuts: Cuts, advance: Callable[..., None]) -> dict[str, Json]:
    """The first network less the second, with intervals over patients.

    Args:
        one, other: scores of the same films in the same order, of both classes.
        cuts: name → the two networks' thresholds on the probability.
        advance: called with the number of resamples done.

    Returns:
        "auroc", and "name: metric" for each of `cuts` and of DIFFERENCES: {value, low, high}.
    """
    rankings = [Ranking.of(one.labels, scores.logits) for scores in (one, other)]
    predictions = predictions_at(one, other, cuts)

    def figures(weights: Floats) -> dict[str, Floats]:
        areas = [ranking.areas(weights)[0] for ranking in rankings]
        counted = {"auroc": areas[0] - areas[1]}
        for name, pair in predictions.items():
            ours, theirs = (prediction_metrics(one.labels, predicted, weights) for predicted in pair)
            counted |= {f"{name}: {key}": ours[key] - theirs[key] for key in DIFFERENCES}
        return counted

    draws = resample(one.patients, figures, advance)
    closed = _closed(one, other, cuts)
    whole = figures(np.ones((1, len(one))))
    return {
        name: patient_interval(float(values[0]), draws[name], closed.get(name)).as_json()
        for name, values in whole.items()
    }


def _closed(one: Scores, other: Scores, cuts: Cuts) -> dict[str, Interval]:
    """Closed intervals by the names of `differences_over_patients`; none where the two are one and cannot differ."""
    closed = {}
    if not _same_order(one.logits, other.logits):
        areas = (auroc_interval(one.labels, scores.logits) for scores in (one, other))
        closed["auroc"] = difference_interval(*areas)
    same = np.array_equal(one.logits, other.logits)
    for name, pair in cuts.items():
        if same and pair[0] == pair[1]:
            continue
        ours, theirs = (
            closed_intervals(confusion(one.labels, probability(scores.logits), cut))
            for scores, cut in zip((one, other), pair, strict=True)
        )
        closed |= {f"{name}: {key}": difference_interval(ours[key], theirs[key]) for key in DIFFERENCES}
    return closed


def auroc_difference(labels: ArrayLike, first: ArrayLike, second: ArrayLike) -> Json:
    """AUROC of two networks on the same films, and their difference (DeLong et al., Biometrics 1988;44:837).

    Returns:
        first, second, difference as {value, low, high}, and p (two-sided; null where the difference has no variance).
    """
    (one, other), covariance = delong_covariance(labels, [np.asarray(first), np.asarray(second)])
    gap = float(one - other)
    variance = float(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    # Equal rankings leave rounding for a variance.
    error = math.sqrt(variance) if variance > 1e-15 else 0.0
    reach = NormalDist().inv_cdf((1 + CONFIDENCE) / 2) * error
    interval = Interval(gap, max(gap - reach, -1.0), min(gap + reach, 1.0))
    if not error and not _same_order(first, second):
        interval = difference_interval(auroc_interval(labels, first), auroc_interval(labels, second))
    return {
        "first": float(one),
        "second": float(other),
        "difference": interval.as_json(),
        "p": 2 * NormalDist().cdf(-abs(gap) / error) if error else None,
    }


def _same_order(first: ArrayLike, second: ArrayLike) -> bool:
    """Whether two networks rank all films alike, ties included: then no AUROC tells them apart."""
    ours, theirs = (np.unique(np.asarray(scores), return_inverse=True)[1] for scores in (first, second))
    return np.array_equal(ours, theirs)
