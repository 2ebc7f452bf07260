"""What a bundle tells about its network's worth: scores, training history, and measured figures with intervals."""

import csv
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from export.bundle.bundle import STRESS, Bundle, Card
from export.bundle.metric import Metric, measured
from export.bundle.robustness import Robustness, RobustnessError, read_robustness
from export.bundle.scores import BundleScores, read_bundle_scores
from train.metrics.scores import ScoresError, logistic

ALL_FILMS = "all"
PARTIAL_COHORTS = ("deduplicated", "without_training_patients")
EPOCH_FIGURES = ("loss", "accuracy", "auroc", "val_loss", "val_accuracy", "val_auroc", "learning_rate")


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
        stress: how it fares on changed films; None where that was not measured.
    """

    card: Card
    scores: Mapping[str, BundleScores] = field(repr=False)
    history: tuple[Epoch, ...]
    broken: tuple[str, ...]
    _measured: Mapping[str, Any] = field(repr=False)
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
        said = self._measured.get("intervals")
        return said if isinstance(said, str) else ""

    def measured(self, split: str, name: str, cohort: str = ALL_FILMS) -> Metric | None:
        """A figure of a split, such as "auroc"; None where evaluation.json does not have it."""
        return measured(self._look_up(*_place(split, cohort), name))

    def measured_at(self, split: str, point: str, name: str, cohort: str = ALL_FILMS) -> Metric | None:
        """A figure at an operating point, such as "sensitivity"."""
        return measured(self._look_up(*_place(split, cohort), "operating_points", point, name))

    def cohorts(self, split: str) -> tuple[Cohort, ...]:
        """The subsets of a split that were evaluated besides all its films, ALL_FILMS first; () where none was."""
        found = self._look_up(split, "cohorts")
        listed = [name for name in PARTIAL_COHORTS if isinstance(found, dict) and isinstance(found.get(name), dict)]
        return tuple(self._cohort(split, name) for name in (ALL_FILMS, *listed)) if listed else ()

    def _cohort(self, split: str, name: str) -> Cohort:
        films, patients = (_count(self._look_up(*_place(split, name), key)) for key in ("n", "patients"))
        reason = self._look_up(split, "cohorts", name, "reason")
        left_out = _count(self._look_up(split, "cohorts", name, "films_left_out"))
        return Cohort(name, films, patients, left_out, reason if isinstance(reason, str) else "")

    def as_report(self, split: str) -> tuple[Metric, Metric, float] | None:
        """The figures as the report counts them.

        Returns:
            The accuracy at 0.5, the highest F1 of any threshold on this very split, and that threshold on the
            calibrated probability; None where evaluation.json does not have them.
        """
        entry = ("metrics", "as_report")
        accuracy = measured(self._look_up(split, *entry, "accuracy_at_0.5"))
        f1 = measured(self._look_up(split, *entry, "f1_maximum"))
        threshold = self._look_up(split, *entry, "f1_maximum", "threshold")
        if accuracy is None or f1 is None or not _is_share(threshold):
            return None
        # evaluation.json was written before calibration: its thresholds are on the uncalibrated probability.
        odds = math.inf if threshold == 1 else threshold / (1 - threshold)
        logit = np.array(np.log(odds) if odds > 0 else -math.inf)
        return accuracy, f1, float(logistic(self.card.calibration.calibrated(logit)))

    def _look_up(self, *path: str) -> Any:  # noqa: ANN401  # JSON
        found: Any = self._measured
        for key in path:
            found = found.get(key) if isinstance(found, dict) else None
        return found


def read_bundle_evaluation(bundle: Bundle) -> BundleEvaluation:
    """Read what a bundle has; a file that cannot be read is named in `broken`, never raised."""
    broken: list[str] = []
    scores: dict[str, BundleScores] = {}
    try:
        found = read_bundle_scores(bundle)
        scores = {split: part for split, part in found.items() if len(set(part.labels.tolist())) == 2}
    except ScoresError:
        broken.append("scores.csv")
    history = _read_history(bundle.folder / "history.csv")
    if history is None:
        broken.append("history.csv")
    figures = _read_measured(bundle.folder / "evaluation.json")
    if figures is None:
        broken.append("evaluation.json")
    stress = None
    try:
        stress = read_robustness(bundle)
    except RobustnessError:
        broken.append(STRESS)
    return BundleEvaluation(bundle.card, scores, history or (), tuple(broken), figures or {}, stress)


def _read_history(path: Path) -> tuple[Epoch, ...] | None:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        epochs = tuple(Epoch(row["stage"], int(row["epoch"]), _figures(row)) for row in rows)
    except (OSError, ValueError, KeyError, TypeError, csv.Error):
        return None
    # Without a stage, or with no figure that could be drawn, it is no history.
    drawable = all(epoch.stage and "loss" in epoch.figures for epoch in epochs)
    return epochs if epochs and drawable else None


def _figures(row: Mapping[str, str]) -> dict[str, float]:
    values = {name: float(row[name]) for name in EPOCH_FIGURES if row.get(name)}
    return {name: value for name, value in values.items() if math.isfinite(value)}


def _read_measured(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and isinstance(found.get("validation"), dict) else None


def _is_share(value: Any) -> bool:  # noqa: ANN401  # JSON
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


def _place(split: str, cohort: str) -> tuple[str, ...]:
    return (split, "metrics") if cohort == ALL_FILMS else (split, "cohorts", cohort, "metrics")


def _count(value: Any) -> int | None:  # noqa: ANN401  # JSON
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
