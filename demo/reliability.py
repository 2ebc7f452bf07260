"""Whether a probability means what it says: films binned by it, and how many of each bin are ill."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

BINS = 10


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

    @property
    def expected_calibration_error(self) -> float:
        """Mean distance between probability and share, weighted by films, 0..1 (Guo et al., ICML 2017, section 2)."""
        return float(np.sum(np.abs(self.mean - self.observed) * self.films) / self.films.sum())


def reliability(labels: ArrayLike, probabilities: ArrayLike, bins: int = BINS) -> Reliability:
    """Sort films into bins of equal width; a probability on a border belongs to the higher bin, 1 to the last.

    Args:
        labels: 0 or 1, shape [N], at least one.
        probabilities: 0..1, shape [N].
        bins: how many, empty ones included.
    """
    truth, given = np.asarray(labels, dtype=np.float64), np.asarray(probabilities, dtype=np.float64)
    place = np.searchsorted(np.linspace(0, 1, bins + 1)[1:-1], given, side="right")
    films = np.bincount(place, minlength=bins)
    held = films > 0
    mean = np.bincount(place, given, bins)[held] / films[held]
    observed = np.bincount(place, truth, bins)[held] / films[held]
    return Reliability(mean, observed, films[held].astype(np.int64))
