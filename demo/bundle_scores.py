"""The scores a bundle carries, as calibrated probabilities: what the page computes its figures from."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from export.bundle import Bundle
from train.scores import bounded, logistic, read_scores


@dataclass(frozen=True, eq=False)
class BundleScores:
    """One network's films of one split.

    Attributes:
        films: paths relative to the data root, POSIX.
        labels: int64 [N], 0 normal, 1 pneumonia.
        probabilities: float64 [N], calibrated, 0..1: on the scale of the card's thresholds.
    """

    films: tuple[str, ...]
    labels: NDArray[np.int64]
    probabilities: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.films)


def read_bundle_scores(bundle: Bundle, split: str) -> BundleScores:
    """Read the films of a split ("validation" or "test"); none where that split was not scored.

    Raises:
        ScoresError: the bundle's scores.csv cannot be read.
    """
    scores = read_scores(bundle.folder / "scores.csv").of_split(split)
    logits = bounded(scores.logits) / bundle.card.calibration.temperature
    return BundleScores(scores.films, scores.labels, logistic(logits))
