"""How far probabilities are from the shares they promise: the diagram, and the one expected calibration error."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

#: Of the error: so many bins of equally many films.
BINS = 15
#: Of the diagram: so many bins of equal width.
DIAGRAM_BINS = 10


@dataclass(frozen=True, eq=False)
class Reliability:
    """Bins that hold films, by rising probability.

    Attributes:
        mean: float64 [K], mean probability of a bin's films, 0..1.
        observed: float64 [K], share of them that show pneumonia, 0..1.
        films: int64 [K], how many they are, at least 1.
    """

    mean: NDArray[np.float64]
    observed: NDArray[np.float64]
    films: NDArray[np.int64]


def reliability_diagram(labels: ArrayLike, probabilities: ArrayLike, bins: int = DIAGRAM_BINS) -> Reliability:
    """Sort films into bins of equal width; a probability on a border belongs to the higher bin, 1 to the last.

    Args:
        labels: 0 or 1, [N], at least one.
        probabilities: 0..1, [N].
        bins: how many, empty ones included.
    """
    truth, given = np.asarray(labels, dtype=np.float64), np.asarray(probabilities, dtype=np.float64)
    place = np.searchsorted(np.linspace(0, 1, bins + 1)[1:-1], given, side="right")
    films = np.bincount(place, minlength=bins)
    held = films > 0
    mean = np.bincount(place, given, bins)[held] / films[held]
    observed = np.bincount(place, truth, bins)[held] / films[held]
    return Reliability(mean, observed, films[held].astype(np.int64))


def quantile_bins(labels: ArrayLike, probabilities: ArrayLike, bins: int = BINS) -> Reliability:
    """Sort films by probability into bins of equally many films (sizes differ by at most 1).

    Args:
        labels: 0 or 1, [N], at least one.
        probabilities: 0..1, [N].
        bins: most bins; fewer where there are fewer films.
    """
    given, truth = np.asarray(probabilities, dtype=np.float64), np.asarray(labels, dtype=np.float64)
    groups = np.array_split(np.argsort(given, kind="stable"), min(bins, given.size))
    mean, observed = np.array([(given[rows].mean(), truth[rows].mean()) for rows in groups]).T
    return Reliability(mean, observed, np.array([rows.size for rows in groups]))


def expected_calibration_error(labels: ArrayLike, probabilities: ArrayLike, bins: int = BINS) -> float:
    """Expected calibration error, 0..1: mean distance of a bin's probability from its share of pneumonia films.

    The measure is Naeini et al.'s (AAAI 2015), with 15 bins as Guo et al. (ICML 2017) count it, but with equally many
    films in each: equally wide bins leave most films of a sure network in two of them and are biased more (Nixon et
    al., arXiv:1904.01685; Roelofs et al., AISTATS 2022). Arguments as `quantile_bins`.
    """
    found = quantile_bins(labels, probabilities, bins)
    return float(np.sum(found.films * np.abs(found.mean - found.observed)) / found.films.sum())


def brier_score(labels: ArrayLike, probabilities: ArrayLike) -> float:
    """Mean squared distance of probability and label, 0..1 (Brier, Monthly Weather Review 1950;78:1)."""
    return float(np.mean((np.asarray(probabilities, dtype=np.float64) - np.asarray(labels)) ** 2))
