"""What decisions at a threshold are worth: net benefit, cost, and the threshold that a cost ratio implies. NumPy only.

Scores here are calibrated probabilities, 0..1: a threshold on them says how many false alarms one missed pneumonia is
worth. Prevalence is re-weighted as PPV and NPV are: sensitivity and specificity are kept, and the share of films with
pneumonia is the one that is asked for.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from train.common.errors import PneumoscopeError
from train.metrics.operating_points import roc_curve

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class CheapestThreshold:
    """The threshold that costs least on the very films it is sought on: flattering by that, and nothing that ships.

    Attributes:
        threshold: the lowest probability still called pneumonia; above 1 where no film is to be called.
        cost: a film, in false alarms.
    """

    threshold: float
    cost: float


def net_benefit(
    labels: ArrayLike, probabilities: ArrayLike, thresholds: ArrayLike, prevalence: float | None = None
) -> Floats:
    """Net benefit of calling films at or above each threshold (Vickers & Elkin, Med Decis Making 2006;26:565).

    True positives less false positives weighed by the odds of the threshold, as a share of all films:
    sensitivity × prevalence − (1 − specificity) × (1 − prevalence) × threshold / (1 − threshold).

    Args:
        labels: 0 or 1, [N], both present.
        probabilities: calibrated, 0..1, [N].
        thresholds: 0 ≤ threshold < 1, [K].
        prevalence: 0..1, of the films that decisions are for; None for the share in `labels`.

    Returns:
        float64 [K]; 0 is what treating nobody brings.

    Raises:
        PneumoscopeError: a threshold or prevalence outside its bounds, or as `roc_curve`.
    """
    at = _thresholds(thresholds)
    curve = roc_curve(labels, probabilities)
    # The curve's cuts fall; cut k calls the films at or above its threshold, which is the last one not below `at`.
    cuts = np.searchsorted(-curve.thresholds, -at, side="right") - 1
    share = _prevalence(_share_of_ones(labels) if prevalence is None else prevalence)
    return _benefit(curve.sensitivity[cuts], curve.false_positive_rate[cuts], share, at / (1 - at))


def treat_all(thresholds: ArrayLike, prevalence: float) -> Floats:
    """Net benefit of calling every film pneumonia, [K]; arguments and errors as `net_benefit`."""
    at = _thresholds(thresholds)
    return _benefit(np.ones_like(at), np.ones_like(at), _prevalence(prevalence), at / (1 - at))


def implied_threshold(alarms_a_miss: float) -> float:
    """The probability from which to call pneumonia where one missed costs as much as so many false alarms: 1 / (1 + N).

    It holds where probabilities are calibrated, whatever the prevalence they were calibrated to.

    Raises:
        PneumoscopeError: N is not a positive number.
    """
    return 1 / (1 + _ratio(alarms_a_miss))


def expected_cost(
    sensitivity: ArrayLike, false_positive_rate: ArrayLike, alarms_a_miss: float, prevalence: float
) -> Floats:
    """What errors cost a film, in false alarms: N × prevalence × (1 − sensitivity) + (1 − prevalence) × false alarms.

    Raises:
        PneumoscopeError: as `implied_threshold`, or a prevalence outside 0..1.
    """
    ratio, share = _ratio(alarms_a_miss), _prevalence(prevalence)
    missed, alarms = 1 - np.asarray(sensitivity, np.float64), np.asarray(false_positive_rate, np.float64)
    return ratio * share * missed + (1 - share) * alarms


def cheapest_threshold(
    labels: ArrayLike, probabilities: ArrayLike, alarms_a_miss: float, prevalence: float | None = None
) -> CheapestThreshold:
    """The threshold of least expected cost on these films; of several the highest.

    Raises:
        PneumoscopeError: as `expected_cost` and `roc_curve`.
    """
    curve = roc_curve(labels, probabilities)
    share = _share_of_ones(labels) if prevalence is None else prevalence
    costs = expected_cost(curve.sensitivity, curve.false_positive_rate, alarms_a_miss, share)
    best = int(np.argmin(costs))
    return CheapestThreshold(float(curve.thresholds[best]), float(costs[best]))


def _benefit(sensitivity: Floats, false_positive_rate: Floats, prevalence: float, odds: Floats) -> Floats:
    return sensitivity * prevalence - false_positive_rate * (1 - prevalence) * odds


def _share_of_ones(labels: ArrayLike) -> float:
    return float(np.asarray(labels).mean())


def _thresholds(values: ArrayLike) -> Floats:
    at = np.atleast_1d(np.asarray(values, dtype=np.float64))
    if not np.all((at >= 0) & (at < 1)):
        raise PneumoscopeError(f"thresholds must lie from 0 to below 1. Received: {values!s}")
    return at


def _prevalence(value: float) -> float:
    if not 0 <= value <= 1:
        raise PneumoscopeError(f"prevalence must lie between 0 and 1. Received: {value!s}")
    return float(value)


def _ratio(value: float) -> float:
    if not (math.isfinite(value) and value > 0):
        raise PneumoscopeError(f"false alarms for one missed must be a number above 0. Received: {value!s}")
    return float(value)
