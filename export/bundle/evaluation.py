"""What a bundle tells about its network's worth: scores, training history, and evaluation.json as records."""

import csv
import io
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from export.bundle.bundle import STRESS, Bundle
from export.bundle.card import Calibration, Card
from export.bundle.metric import AsObject, Count, Metric, Number, ObjectsByName, Record, Share, Text
from export.bundle.robustness import Robustness, RobustnessError, read_robustness
from export.bundle.scores import BundleScores, read_bundle_scores
from train.metrics.scores import ScoresError, logistic

ALL_FILMS = "all"
PARTIAL_COHORTS = ("deduplicated", "without_training_patients")
EPOCH_FIGURES = ("loss", "accuracy", "auroc", "val_loss", "val_accuracy", "val_auroc", "learning_rate")
EVALUATION, HISTORY = "evaluation.json", "history.csv"


class OperatingMetrics(Record):
    """The metrics at one operating point."""

    accuracy: Share = None
    balanced_accuracy: Share = None
    f1: Share = None
    sensitivity: Share = None
    specificity: Share = None
    ppv: Share = None
    npv: Share = None


class AtThreshold(Record):
    """The threshold at which a metric was found, on the uncalibrated probability."""

    threshold: Number = None


class AsReport(Record):
    """The metrics by the published study's protocol; `f1`: the highest of any threshold on the very films."""

    accuracy: Share = Field(default=None, alias="accuracy_at_0.5")
    f1: Share = Field(default=None, alias="f1_maximum")
    f1_at: Annotated[AtThreshold, AsObject] = Field(default=AtThreshold(), alias="f1_maximum")


class SplitMetrics(Record):
    """The metrics of one split, or of a subset of it. n, patients: how many films and patients."""

    n: Count = None
    patients: Count = None
    auroc: Share = None
    average_precision: Share = None
    operating_points: Annotated[dict[str, OperatingMetrics], ObjectsByName] = Field(default_factory=dict)
    as_report: Annotated[AsReport, AsObject] = AsReport()


class Subset(Record):
    """The metrics without some films of the split, or the reason why there are none."""

    films_left_out: Count = None
    metrics: Annotated[SplitMetrics, AsObject] = SplitMetrics()
    reason: Text = ""


class SplitEvaluation(Record):
    """One split of evaluation.json; `cohorts`: subset → its metrics."""

    metrics: Annotated[SplitMetrics, AsObject] = SplitMetrics()
    cohorts: Annotated[dict[str, Subset], ObjectsByName] = Field(default_factory=dict)


class Evaluation(Record):
    """evaluation.json, as `train.evaluation.evaluation` writes it; `test` is empty until the test films were read."""

    intervals: Text = ""
    validation: Annotated[SplitEvaluation, AsObject] = SplitEvaluation()
    test: Annotated[SplitEvaluation, AsObject] = SplitEvaluation()

    def split(self, name: str) -> SplitEvaluation:
        """The evaluation of "validation" or "test"."""
        return {"validation": self.validation, "test": self.test}[name]

    def of(self, split: str, subset: str = ALL_FILMS) -> SplitMetrics:
        """The metrics of "validation" or "test", or of a subset of it; empty ones where there are none."""
        films = self.split(split)
        return films.metrics if subset == ALL_FILMS else films.cohorts.get(subset, Subset()).metrics


@dataclass(frozen=True)
class Epoch:
    """One row of history.csv: its stage, its number from 1 on, and those of EPOCH_FIGURES that are numbers."""

    stage: str
    number: int
    figures: Mapping[str, float]


@dataclass(frozen=True)
class Cohort:
    """A choice of a split's films that was evaluated by itself.

    Attributes:
        name: ALL_FILMS, or one of PARTIAL_COHORTS.
        films, patients: how many; None where it was not evaluated.
        left_out: films of the split that are not in it, where known.
        reason: why it was not evaluated, in English; "" where it was.
    """

    name: str
    films: int | None
    patients: int | None
    left_out: int | None
    reason: str


@dataclass(frozen=True, eq=False)
class BundleEvaluation:
    """A network's evaluation, as far as its bundle can be read.

    Attributes:
        card: of the bundle.
        scores: by split, those with films of both classes.
        history: in the order of training; empty where there is none.
        broken: names of the bundle's files that could not be read.
        stored: evaluation.json; an empty one where it could not be read.
        stress: how it fares under corruptions; None where that was not measured.
    """

    card: Card
    scores: Mapping[str, BundleScores] = field(repr=False)
    history: tuple[Epoch, ...]
    broken: tuple[str, ...]
    stored: Evaluation = field(repr=False)
    stress: Robustness | None = field(default=None, repr=False)

    @property
    def network(self) -> str:
        """The name, "a" or "b"."""
        return self.card.network

    @property
    def thresholds(self) -> dict[str, float]:
        """Thresholds of the operating points, on the calibrated probability."""
        return {name: point.threshold for name, point in self.card.operating_points.items()}

    @property
    def intervals(self) -> str:
        """How the intervals were made, in English as evaluation.json says it; "" where it does not."""
        return self.stored.intervals

    def measured(self, split: str, name: str, cohort: str = ALL_FILMS) -> Metric | None:
        """A metric of a split, such as "auroc"; None where evaluation.json does not have it."""
        return getattr(self.stored.of(split, cohort), name)

    def measured_at(self, split: str, point: str, name: str, cohort: str = ALL_FILMS) -> Metric | None:
        """A metric at an operating point, such as "sensitivity"."""
        at = self.stored.of(split, cohort).operating_points.get(point, OperatingMetrics())
        return getattr(at, name, None)

    def cohorts(self, split: str) -> tuple[Cohort, ...]:
        """The subsets of a split that were evaluated besides all its films, ALL_FILMS first; () where none was."""
        found = self.stored.split(split).cohorts
        listed = [name for name in PARTIAL_COHORTS if name in found]
        return tuple(self._cohort(split, name, found.get(name, Subset())) for name in (ALL_FILMS, *listed) if listed)

    def _cohort(self, split: str, name: str, subset: Subset) -> Cohort:
        metrics = self.stored.of(split, name)
        return Cohort(name, metrics.n, metrics.patients, subset.films_left_out, subset.reason)

    def as_report(self, split: str) -> tuple[Metric, Metric, float] | None:
        """The metrics by the published study's protocol.

        Returns:
            The accuracy at 0.5, the highest F1 of any threshold on this very split, and that threshold on the
            calibrated probability; None where evaluation.json does not have them.
        """
        found = self.stored.of(split).as_report
        threshold = found.f1_at.threshold
        if found.accuracy is None or found.f1 is None or threshold is None or not 0 <= threshold <= 1:
            return None
        return found.accuracy, found.f1, calibrated_threshold(threshold, self.card.calibration)


def calibrated_threshold(threshold: float, calibration: Calibration) -> float:
    """A threshold on the uncalibrated probability, 0..1, as one on the calibrated, the scale of the card's."""
    odds = math.inf if threshold == 1 else threshold / (1 - threshold)
    logit = np.array(np.log(odds) if odds > 0 else -math.inf)
    return float(logistic(calibration.calibrated(logit)))


def on_calibrated_scale(part: Any, calibration: Calibration) -> Any:  # noqa: ANN401  # JSON
    """A part of evaluation.json with each threshold, and each edge of its histogram, on the calibrated probability.

    evaluation.json was written before calibration: its thresholds are on the uncalibrated probability.
    """

    def calibrated(value: Any) -> Any:  # noqa: ANN401  # JSON
        if isinstance(value, Mapping):
            return {name: calibrated(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [calibrated(inner) for inner in value]
        return value if value is None else round(calibrated_threshold(value, calibration), 9)

    if isinstance(part, Mapping):
        return {
            name: calibrated(value)
            if name in ("threshold", "thresholds", "edges")
            else on_calibrated_scale(value, calibration)
            for name, value in part.items()
        }
    return part


def read_bundle_evaluation(bundle: Bundle) -> BundleEvaluation:
    """Read what a bundle has; a file that cannot be read is named in `broken`, never raised."""
    broken: list[str] = []
    scores: dict[str, BundleScores] = {}
    try:
        found = read_bundle_scores(bundle)
        scores = {split: part for split, part in found.items() if len(set(part.labels.tolist())) == 2}
    except ScoresError:
        broken.append("scores.csv")
    history = _read_history(bundle.contents[HISTORY])
    if history is None:
        broken.append(HISTORY)
    stored = read_stored(bundle)
    if stored is None:
        broken.append(EVALUATION)
    stress = None
    try:
        stress = read_robustness(bundle)
    except RobustnessError:
        broken.append(STRESS)
    evaluation = Evaluation.model_validate(stored or {})
    return BundleEvaluation(bundle.card, scores, history or (), tuple(broken), evaluation, stress)


def read_stored(bundle: Bundle) -> dict[str, Any] | None:
    """Read a bundle's evaluation.json as it stands; None where it is damaged or without validation films."""
    try:
        found = json.loads(bundle.contents[EVALUATION])
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and isinstance(found.get("validation"), dict) else None


def _read_history(data: bytes) -> tuple[Epoch, ...] | None:
    try:
        rows = list(csv.DictReader(io.StringIO(data.decode(), newline="")))
        epochs = tuple(Epoch(row["stage"], int(row["epoch"]), _figures(row)) for row in rows)
    except (ValueError, KeyError, TypeError, csv.Error):
        return None
    # Without a stage, or with no figure that could be drawn, it is no history.
    drawable = all(epoch.stage and "loss" in epoch.figures for epoch in epochs)
    return epochs if epochs and drawable else None


def _figures(row: Mapping[str, str]) -> dict[str, float]:
    values = {name: float(row[name]) for name in EPOCH_FIGURES if row.get(name)}
    return {name: value for name, value in values.items() if math.isfinite(value)}
