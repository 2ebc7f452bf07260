"""How often a pair of verdicts was right: A and B on the same validation films."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from demo.bundle_scores import read_bundle_scores
from export.bundle import Bundle
from train.scores import ScoresError


@dataclass(frozen=True)
class PairRecord:
    """What was true of the validation films on which two networks gave one pair of verdicts.

    Attributes:
        films: that got this pair of verdicts.
        pneumonia: how many of them show pneumonia.
        of_films: validation films in all.
    """

    films: int
    pneumonia: int
    of_films: int


@dataclass(frozen=True, eq=False)
class PairScores:
    """Both networks' calibrated probabilities of the same validation films.

    Attributes:
        labels: bool [N], pneumonia or not.
        probabilities: by network name, float64 [N].
    """

    labels: np.ndarray
    probabilities: Mapping[str, np.ndarray]

    def record(self, thresholds: Mapping[str, float], verdicts: Mapping[str, bool]) -> PairRecord:
        """The record of a pair of verdicts (network name → positive) at two thresholds."""
        alike = np.ones(self.labels.size, dtype=bool)
        for name, positive in verdicts.items():
            alike &= (self.probabilities[name] >= thresholds[name]) == positive
        return PairRecord(int(alike.sum()), int((alike & self.labels).sum()), self.labels.size)


def pair_scores(bundles: Mapping[str, Bundle]) -> PairScores | None:
    """The validation scores of two bundles side by side; None where they were not measured on the same films.

    A bundle without readable scores gives None too: the page can do without this line.
    """
    if len(bundles) < 2 or len({bundle.card.split_fingerprint for bundle in bundles.values()}) > 1:
        return None
    try:
        scores = {name: read_bundle_scores(bundle, "validation") for name, bundle in bundles.items()}
    except ScoresError:
        return None
    first, *others = scores.values()
    if not first.films or any(other.films != first.films for other in others):
        return None
    return PairScores(first.labels == 1, {name: scored.probabilities for name, scored in scores.items()})
