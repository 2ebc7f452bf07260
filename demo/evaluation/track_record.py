"""What the networks did on films whose answer is known: what a visitor may weigh a verdict by."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from demo.evaluation.alike_films import AlikeFilms, alike_films
from demo.evaluation.proportions import complement, proportion
from export.bundle import Bundle
from export.bundle.card_figures import CardFigures, card_figures
from export.bundle.evaluation import OperatingMetrics
from export.bundle.metric import Metric
from export.bundle.scores import BundleScores, read_bundle_scores
from train.common.errors import PneumoscopeError
from train.metrics.operating_points import Confusion, confusion

#: The splits in the order in which their figures are quoted: on validation thresholds and calibration were chosen, so
#: its figures flatter the networks.
QUOTED_SPLITS = ("test", "validation")


@dataclass(frozen=True)
class PairRecord:
    """What was true of the films of a split on which two networks gave one pair of verdicts.

    Attributes:
        split: of the films.
        films: that got this pair of verdicts.
        pneumonia: how many of them show pneumonia.
        of_films: films of the split in all.
    """

    split: str
    films: int
    pneumonia: int
    of_films: int

    def right(self, positive: bool) -> int:
        """Films about which a verdict is right."""
        return self.pneumonia if positive else self.films - self.pneumonia


@dataclass(frozen=True)
class RatesRecord:
    """What a network reached at a threshold on the films of a split.

    Attributes:
        split: of the films.
        counts: calls against the truth.
        sensitivity, specificity: None without a film of the class. Their intervals are the card's, over patients,
            where it has them, and else take films as independent.
    """

    split: str
    counts: Confusion
    sensitivity: Metric | None
    specificity: Metric | None

    @property
    def false_alarms(self) -> Metric | None:
        """Share of the normal films called pneumonia."""
        return None if self.specificity is None else complement(self.specificity)


@dataclass(frozen=True)
class TrackRecord:
    """The scores of each network's films, by network and split; a split that was not scored is not there.

    Attributes:
        comparable: splits of which both networks were scored on the same films.
        figures: of each network's card.
    """

    scores: Mapping[str, Mapping[str, BundleScores]]
    comparable: frozenset[str]
    figures: Mapping[str, CardFigures] = field(default_factory=dict)

    def counts(self, network: str, split: str, threshold: float) -> Confusion | None:
        """The confusion counts of a network at a threshold; None where that split was not scored."""
        scored = self.scores.get(network, {}).get(split)
        return None if scored is None else confusion(scored.labels, scored.probabilities, threshold)

    def rates(self, network: str, threshold: float) -> tuple[RatesRecord, ...]:
        """What a network reached at a threshold, on each split that was scored: test first."""
        found = ((split, self.counts(network, split, threshold)) for split in QUOTED_SPLITS)
        return tuple(self._rates(network, split, threshold, counts) for split, counts in found if counts is not None)

    def pairs(self, thresholds: Mapping[str, float], verdicts: Mapping[str, bool]) -> tuple[PairRecord, ...]:
        """The records of a pair of verdicts, network → positive, at two thresholds: test first; else empty."""
        return tuple(
            self._pair(split, thresholds, verdicts) for split in QUOTED_SPLITS if split in self.comparable and verdicts
        )

    def alike(self, network: str, probability: float) -> tuple[AlikeFilms, ...]:
        """Of each split that was scored, the films that a network gave about this probability: test first."""
        scored = self.scores.get(network, {})
        found = (alike_films(scored[split], split, probability) for split in QUOTED_SPLITS if split in scored)
        return tuple(one for one in found if one is not None)

    def _rates(self, network: str, split: str, threshold: float, counts: Confusion) -> RatesRecord:
        measured = self._of_card(network, split, threshold)
        return RatesRecord(
            split,
            counts,
            _with_interval(counts.tp, counts.tp + counts.fn, measured.sensitivity),
            _with_interval(counts.tn, counts.tn + counts.fp, measured.specificity),
        )

    def _of_card(self, network: str, split: str, threshold: float) -> OperatingMetrics:
        figures = self.figures.get(network)
        points = figures.points if figures else ()
        point = next((point for point in points if point.threshold == threshold), None)
        if figures is None or point is None:
            return OperatingMetrics()
        whole = {"test": figures.test, "validation": figures.validation}[split]
        if whole is not None and whole.operating_point == point.name:
            return whole
        return {"test": point.test, "validation": point.validation}[split] or OperatingMetrics()

    def _pair(self, split: str, thresholds: Mapping[str, float], verdicts: Mapping[str, bool]) -> PairRecord:
        scored = {name: self.scores[name][split] for name in verdicts}
        ill = next(iter(scored.values())).labels == 1
        alike = np.ones(ill.size, dtype=bool)
        for name, positive in verdicts.items():
            alike &= (scored[name].probabilities >= thresholds[name]) == positive
        return PairRecord(split, int(alike.sum()), int((alike & ill).sum()), ill.size)


def read_track_record(bundles: Mapping[str, Bundle]) -> TrackRecord:
    """Read the scores of all bundles. Scores that cannot be read count as not there: a film can be read without."""
    scores = {name: _splits(bundle) for name, bundle in bundles.items()}
    figures = {name: card_figures(bundle.card) for name, bundle in bundles.items()}
    same_split = len({bundle.card.split_fingerprint for bundle in bundles.values()}) == 1
    comparable = frozenset(split for split in QUOTED_SPLITS if same_split and _same_films(scores, split))
    return TrackRecord(scores, comparable, figures)


def _same_films(scores: Mapping[str, Mapping[str, BundleScores]], split: str) -> bool:
    films = [splits[split].films for splits in scores.values() if split in splits]
    return len(films) == 2 and films[0] == films[1]


def _with_interval(films: int, of_films: int, measured: Metric | None) -> Metric | None:
    if not of_films:
        return None
    counted = proportion(films, of_films)
    is_same = measured is not None and measured.low is not None and math.isclose(measured.value, counted.value)
    return measured if is_same else counted


def _splits(bundle: Bundle) -> dict[str, BundleScores]:
    try:
        return read_bundle_scores(bundle)
    except PneumoscopeError:
        return {}
