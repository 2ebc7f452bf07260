"""Confidence intervals of the figures a classifier is evaluated by; each in closed form or by a short bisection.

All take the films as independent. Several films of one patient are not: intervals over patients need
resampling.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from train.common.errors import PneumoscopeError
from train.metrics.operating_points import auroc, average_precision

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Interval:
    """A figure with its confidence interval, all 0..1, of a difference -1..1; NaN three times where it is undefined."""

    value: float
    low: float
    high: float

    def as_json(self) -> dict[str, float | None]:
        """Value, low and high; None (null in JSON) for NaN."""
        fields = {"value": self.value, "low": self.low, "high": self.high}
        return {name: None if math.isnan(number) else float(number) for name, number in fields.items()}


UNDEFINED = Interval(math.nan, math.nan, math.nan)


def wilson_interval(successes: int, n: int, confidence: float = CONFIDENCE) -> Interval:
    """Wilson's score interval of a proportion (JASA 1927;22:209), without continuity correction.

    Args:
        successes: 0..n.
        n: trials; 0 gives an undefined interval.
        confidence: 0..1, two-sided.

    Raises:
        PneumoscopeError: counts that are no proportion.
    """
    if not 0 <= successes <= n:
        raise PneumoscopeError(f"no proportion: expected 0 <= successes <= n. Received: {successes} of {n}")
    return _wilson(successes / n, n, confidence) if n else UNDEFINED


def f1_interval(tp: int, fp: int, fn: int, confidence: float = CONFIDENCE) -> Interval:
    """Wilson's interval carried over to F1.

    F1 = 2J / (1 + J), rising in J = TP / (TP + FP + FN), which is a proportion: the interval of J maps to one
    of F1. This is the "Wilson indirect" interval of Lam, Gopal & Qian (arXiv:2309.14621), who find that it
    covers better than Wald's; it neither leaves 0..1 nor collapses at 0 and 1.
    """
    jaccard = wilson_interval(tp, tp + fp + fn, confidence)
    return Interval(*(2 * j / (1 + j) for j in (jaccard.value, jaccard.low, jaccard.high)))


def balanced_accuracy_interval(sensitivity: Interval, specificity: Interval) -> Interval:
    """Interval of (sensitivity + specificity) / 2 from the two intervals, which rest on different films.

    Method of variance estimates recovery (Zou & Donner, Stat Med 2008;27:1693): the distances from value to
    limit add as squares. With Wilson intervals it is Newcombe's method 10 (Stat Med 1998;17:873), since twice
    the balanced accuracy less 1 is the difference of sensitivity and false positive rate.
    """
    value = (sensitivity.value + specificity.value) / 2
    below = math.hypot(sensitivity.value - sensitivity.low, specificity.value - specificity.low) / 2
    above = math.hypot(sensitivity.high - sensitivity.value, specificity.high - specificity.value) / 2
    return Interval(value, value - below, value + above)


def difference_interval(first: Interval, second: Interval) -> Interval:
    """Interval of first less second from the two intervals, by the same method: Newcombe's square-and-add.

    It takes the two as of different films. Of the same films it is too wide, never too narrow, as long as what is hard
    for the one is hard for the other.
    """
    value = first.value - second.value
    below = math.hypot(first.value - first.low, second.high - second.value)
    above = math.hypot(first.high - first.value, second.value - second.low)
    return Interval(value, value - below, value + above)


def delong_covariance(labels: ArrayLike, scores: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """AUROCs of networks on the same films, with covariance (DeLong et al., Biometrics 1988;44:837).

    Placements are counted by sorting, as in Sun & Xu (IEEE Signal Process Lett 2014;21:1389).

    Args:
        labels: 0 or 1, shape [N], at least two films of each class.
        scores: finite, one row per network, shape [M, N].

    Returns:
        AUROCs [M], 0..1, and covariance [M, M].

    Raises:
        PneumoscopeError: as `train.metrics.operating_points.auroc`, or a single film of one class.
    """
    truth, rows = np.asarray(labels) == 1, np.atleast_2d(np.asarray(scores, dtype=np.float64))
    areas = np.array([auroc(labels, row) for row in rows])
    if min(np.count_nonzero(truth), np.count_nonzero(~truth)) < 2:
        raise PneumoscopeError("DeLong's variance needs at least two films of each class: use more films")
    positive = np.stack([_placements(row[truth], row[~truth]) for row in rows])  # [M, positives]
    # Placements of the normal films are mirrored, for every network alike: their covariance is the same.
    negative = np.stack([_placements(row[~truth], row[truth]) for row in rows])  # [M, negatives]
    covariance = np.cov(positive) / positive.shape[1] + np.cov(negative) / negative.shape[1]
    return areas, np.reshape(covariance, (len(rows), len(rows)))


def auroc_interval(labels: ArrayLike, scores: ArrayLike, confidence: float = CONFIDENCE) -> Interval:
    """AUROC with DeLong's variance on the logit scale, which keeps the interval inside 0..1.

    The transform is recommended by Qin & Hotilovac (Stat Methods Med Res 2008;17:207). DeLong's variance is
    zero where the classes are perfectly separated (or all scores equal) and undefined for one film of a
    class, and would claim certainty. There the interval is Newcombe's score-type interval (method 5, Stat Med
    2006;25:559), whose width depends on the numbers of films alone.

    Raises:
        PneumoscopeError: as `train.metrics.operating_points.auroc`.
    """
    area = auroc(labels, scores)
    positives = int(np.count_nonzero(np.asarray(labels) == 1))
    negatives = np.size(labels) - positives
    variance = 0.0
    if min(positives, negatives) >= 2:
        variance = float(delong_covariance(labels, scores)[1][0, 0])
    if variance > 0 and 0 < area < 1:
        return _logit_interval(area, math.sqrt(variance) / (area * (1 - area)), confidence)
    return _newcombe_auroc(area, positives, negatives, confidence)


def average_precision_interval(labels: ArrayLike, scores: ArrayLike, confidence: float = CONFIDENCE) -> Interval:
    """Average precision with the logit interval of Boyd, Eng & Page (ECML PKDD 2013).

    The standard error on the logit scale is (n p (1 - p))^-1/2 with n the number of pneumonia films. At an
    average precision of 1 it is undefined; there Wilson's interval of n successes in n takes its place: the
    same binomial variance, taken at the limit instead of at the estimate.

    Raises:
        PneumoscopeError: as `train.metrics.operating_points.average_precision`.
    """
    area = average_precision(labels, scores)
    positives = int(np.count_nonzero(np.asarray(labels) == 1))
    if area >= 1:
        return wilson_interval(positives, positives, confidence)
    return _logit_interval(area, 1 / math.sqrt(positives * area * (1 - area)), confidence)


def _z(confidence: float) -> float:
    return NormalDist().inv_cdf((1 + confidence) / 2)


def _wilson(share: float, n: int, confidence: float) -> Interval:
    z = _z(confidence)
    centre = share + z * z / (2 * n)
    reach = z * math.sqrt(share * (1 - share) / n + (z / (2 * n)) ** 2)
    scale = 1 + z * z / n
    # At 0 and 1 the limit is the value itself; rounding may put it a hair beside.
    low = 0.0 if share == 0 else (centre - reach) / scale
    high = 1.0 if share == 1 else (centre + reach) / scale
    return Interval(share, low, high)


def _logit_interval(value: float, standard_error: float, confidence: float) -> Interval:
    centre, reach = math.log(value / (1 - value)), _z(confidence) * standard_error
    return Interval(value, _expit(centre - reach), _expit(centre + reach))


def _expit(logit: float) -> float:
    return 1 / (1 + math.exp(-logit)) if logit >= 0 else math.exp(logit) / (1 + math.exp(logit))


def _placements(ours: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """For each of ours the share of the others below it, ties counted half."""
    ranked = np.sort(others)
    below = np.searchsorted(ranked, ours, side="left") + np.searchsorted(ranked, ours, side="right")
    return below / (2 * ranked.size)


def _newcombe_auroc(area: float, positives: int, negatives: int, confidence: float) -> Interval:
    z, mean_others = _z(confidence), (positives + negatives) / 2 - 1

    def inside(theta: float) -> bool:
        spread = 1 + mean_others * ((1 - theta) / (2 - theta) + theta / (1 + theta))
        return (area - theta) ** 2 <= z * z * theta * (1 - theta) * spread / (positives * negatives)

    def limit(outside: float) -> float:
        inner = area
        for _ in range(60):
            middle = (inner + outside) / 2
            inner, outside = (middle, outside) if inside(middle) else (inner, middle)
        return inner

    # A value at the border of 0..1 is its own limit: there the equation has the border as a second root.
    low = 0.0 if area == 0 else limit(0.0)
    high = 1.0 if area == 1 else limit(1.0)
    return Interval(area, low, high)
