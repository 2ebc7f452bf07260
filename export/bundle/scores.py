"""The scores a bundle carries, as calibrated probabilities: what the page computes its figures from."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from export.bundle.bundle import Bundle
from train.metrics.scores import SCORED_SPLITS, Scores, bounded, logistic, read_scores

SCORES = "scores.csv"


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


def read_bundle_scores(bundle: Bundle) -> dict[str, BundleScores]:
    """Read the films of each split of SCORED_SPLITS that was scored.

    Raises:
        ScoresError: the bundle's scores.csv cannot be read.
    """
    scores = read_scores(bundle.folder / SCORES, bundle.contents[SCORES])
    parts = {split: scores.of_split(split) for split in SCORED_SPLITS}
    return {split: _calibrated(part, bundle) for split, part in parts.items() if len(part)}


def _calibrated(scores: Scores, bundle: Bundle) -> BundleScores:
    logits = bundle.card.calibration.calibrated(bounded(scores.logits))
    return BundleScores(scores.films, scores.labels, logistic(logits))
