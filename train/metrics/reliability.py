"""How far probabilities are from the shares they promise. NumPy only."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

BINS = 15


def reliability(
    labels: ArrayLike, probabilities: ArrayLike, bins: int = BINS
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Sort films by probability into bins of equally many films (sizes differ by at most 1).

    Args:
        labels: 0 or 1, [N], at least one.
        probabilities: 0..1, [N].
        bins: most bins; fewer where there are fewer films.

    Returns:
        Mean probability, share of pneumonia films and number of films of each bin, by rising probability.
    """
    chances, truth = np.asarray(probabilities, dtype=np.float64), np.asarray(labels, dtype=np.float64)
    groups = np.array_split(np.argsort(chances, kind="stable"), min(bins, chances.size))
    promised, seen = np.array([(chances[rows].mean(), truth[rows].mean()) for rows in groups]).T
    return promised, seen, np.array([rows.size for rows in groups])


def expected_calibration_error(labels: ArrayLike, probabilities: ArrayLike, bins: int = BINS) -> float:
    """Expected calibration error, 0..1: mean distance of a bin's probability from its share of pneumonia films.

    The measure is Naeini et al.'s (AAAI 2015), with 15 bins as Guo et al. (ICML 2017) count it, but with equally many
    films in each: equally wide bins leave most films of a sure network in two of them and are biased more (Nixon et
    al., arXiv:1904.01685; Roelofs et al., AISTATS 2022). Arguments as `reliability`.
    """
    promised, seen, films = reliability(labels, probabilities, bins)
    return float(np.sum(films * np.abs(promised - seen)) / films.sum())


def brier_score(labels: ArrayLike, probabilities: ArrayLike) -> float:
    """Mean squared distance of probability and label, 0..1 (Brier, Monthly Weather Review 1950;78:1)."""
    return float(np.mean((np.asarray(probabilities, dtype=np.float64) - np.asarray(labels)) ** 2))
