"""What the networks did on films whose answer is known: what a visitor may weigh a verdict by."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from export.bundle import Bundle
from export.bundle.scores import BundleScores, read_bundle_scores
from train.common.errors import PneumoscopeError
from train.metrics.operating_points import Confusion, confusion


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


@dataclass(frozen=True)
class TrackRecord:
    """The scores of each network's films, by network and split; a split that was not scored is not there.

    Attributes:
        comparable: both networks were scored on the same validation films.
    """

    scores: Mapping[str, Mapping[str, BundleScores]]
    comparable: bool

    def counts(self, network: str, split: str, threshold: float) -> Confusion | None:
        """The confusion counts of a network at a threshold; None where that split was not scored."""
        scored = self.scores.get(network, {}).get(split)
        return None if scored is None else confusion(scored.labels, scored.probabilities, threshold)

    def pair(self, thresholds: Mapping[str, float], verdicts: Mapping[str, bool]) -> PairRecord | None:
        """The record of a pair of verdicts (network → positive) at two thresholds; None if not comparable."""
        if not self.comparable:
            return None
        scored = {name: self.scores[name]["validation"] for name in verdicts}
        ill = next(iter(scored.values())).labels == 1
        alike = np.ones(ill.size, dtype=bool)
        for name, positive in verdicts.items():
            alike &= (scored[name].probabilities >= thresholds[name]) == positive
        return PairRecord(int(alike.sum()), int((alike & ill).sum()), ill.size)


def read_track_record(bundles: Mapping[str, Bundle]) -> TrackRecord:
    """Read the scores of all bundles. Scores that cannot be read count as not there: a film can be read without."""
    scores = {name: _splits(bundle) for name, bundle in bundles.items()}
    same_split = len({bundle.card.split_fingerprint for bundle in bundles.values()}) == 1
    films = [splits["validation"].films for splits in scores.values() if "validation" in splits]
    comparable = same_split and len(films) == 2 and films[0] == films[1]
    return TrackRecord(scores, comparable)


def _splits(bundle: Bundle) -> dict[str, BundleScores]:
    try:
        return read_bundle_scores(bundle)
    except PneumoscopeError:
        return {}
