"""A card's figures as records, for every surface that shows a card: its README.md, the page's About panel, the report.

What the card does not have, or holds damaged, is None or empty here; each surface says so in its own words.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from export.bundle.audit import AuditFindings, as_findings
from export.bundle.card import Card, NoveltyCard, OperatingPoint
from export.bundle.evaluation import AsReport, OperatingMetrics
from export.bundle.metric import (
    AsObject,
    Count,
    Metric,
    Number,
    ObjectsByName,
    Record,
    Share,
    Text,
    Texts,
    as_number,
    interval_kind,
)
from export.bundle.robustness import Robustness, as_robustness
from train.metrics.scores import EXTERNAL, SCORED_SPLITS

#: The metrics of a split, in the order in which they are shown.
METRICS = (
    "auroc",
    "average_precision",
    "accuracy",
    "balanced_accuracy",
    "f1",
    "sensitivity",
    "specificity",
    "ppv",
    "npv",
)
RATES = ("sensitivity", "specificity")
STAGES = ("before", "after")  # calibration
#: How OOD images and films were made alike before the detector had to tell them apart.
TREATMENTS = ("as_is", "thumbnails", "blurred")


class SubsetFigures(OperatingMetrics):
    """The metrics without some films of the split; `films` is None, and `reason` says why, where there are none."""

    films: Count = None
    auroc: Share = None
    reason: Text = ""


class SplitFigures(OperatingMetrics):
    """The metrics of a split at one operating point; `cohorts`: subset → its metrics."""

    films: Count = None
    patients: Count = None
    prevalence: Number = None
    operating_point: Text = ""
    auroc: Share = None
    average_precision: Share = None
    as_report: Annotated[AsReport, AsObject] = AsReport()
    cohorts: Annotated[dict[str, SubsetFigures], ObjectsByName] = Field(default_factory=dict)

    def metric(self, name: str) -> Metric | None:
        """One of METRICS."""
        return getattr(self, name)


@dataclass(frozen=True)
class PredictiveValues:
    """PPV and NPV if this share of the films were positive."""

    prevalence: float
    ppv: Metric | None
    npv: Metric | None


@dataclass(frozen=True)
class PointFigures:
    """An operating point: its rates where it was chosen, and what it has on validation and (None: not read) on test."""

    name: str
    is_default: bool
    threshold: float
    is_of_augmented: bool  # chosen on augmented validation films
    chosen: OperatingMetrics
    validation: OperatingMetrics
    test: OperatingMetrics | None


@dataclass(frozen=True)
class CalibrationQuality:
    """How good a split's probability is at one of STAGES."""

    split: str
    stage: str
    log_loss: Metric
    brier: Metric
    ece: Metric


class CalibrationChoice(Record):
    """How calibration was chosen, with log losses on validation; `candidates`: method → its cross-validated one.

    `note`: why there is none, in English. `seen` is "augmented" where it was fitted to augmented films.
    """

    note: Text = ""
    candidates: Annotated[dict[str, Number], AsObject] = Field(default_factory=dict)
    folds: Count = None
    seen: Text = ""
    log_loss_before: Number = None
    log_loss_after: Number = None


class GradientCheck(Record):
    """Correlation of the heatmap with automatic differentiation."""

    films: Count = None
    mean: Number = None
    smallest: Number = None


class RandomHeadCheck(Record):
    """Rank correlation of the heatmap with that of random heads."""

    films: Count = None
    heads: Count = None
    mean_rank_correlation: Number = None


class Drop(Record):
    """How far a value falls with the top-attribution part covered, and with a random one; their difference."""

    top_attribution: Number = Field(default=None, alias="hottest")
    random: Number = None
    difference: Number = None
    low: Number = None
    high: Number = None

    @property
    def more(self) -> Metric | None:
        """The difference with its interval."""
        return _flat({"more": self.difference, "more_low": self.low, "more_high": self.high}, "more")


class OcclusionCheck(Record):
    """What covering a part of the film does; `covered`: its share of the film."""

    films: Count = None
    covered: Number = None
    logit: Annotated[Drop, AsObject] = Drop()
    probability: Annotated[Drop, AsObject] = Drop()
    films_where_top_attribution_falls_further: Number = Field(default=None, alias="films_where_hottest_falls_further")


class HeatmapChecks(Record):
    """Whether the heatmap is true to the network: see `export.graph.heatmap_checks`."""

    gradient_correlation: Annotated[GradientCheck, AsObject] = GradientCheck()
    random_head: Annotated[RandomHeadCheck, AsObject] = RandomHeadCheck()
    occlusion: Annotated[OcclusionCheck, AsObject] = OcclusionCheck()


@dataclass(frozen=True)
class DetectorFigures:
    """The out-of-distribution detector under one of TREATMENTS: what it refuses of OOD images, and of films."""

    treatment: str
    auroc: Metric | None
    refused: Metric | None
    films_refused: Metric | None


class OODImages(Record):
    """The OOD images, of kinds that played no part in choosing the detector."""

    kinds: Texts = ()
    pictures: Count = None


@dataclass(frozen=True)
class Detector:
    """What was measured of the out-of-distribution detector."""

    images: OODImages
    figures: tuple[DetectorFigures, ...]


@dataclass(frozen=True)
class CardFigures:
    """All figures of a card.

    Attributes:
        intervals: what those of `validation` are of.
        test: None until the test films were read.
        over_prevalence: of test where it was read, else of validation, as is `subsets`.
        quality: before and after calibration, of each split that has it.
        test_refused: share of the test films above the novelty limit.
        detector: None where no OOD images were at hand.
        robustness, audit: None where there is none.
    """

    points: tuple[PointFigures, ...]
    validation: SplitFigures
    test: SplitFigures | None
    intervals: Literal["patients", "films", "none"]
    over_prevalence: tuple[PredictiveValues, ...]
    calibration: CalibrationChoice
    quality: tuple[CalibrationQuality, ...]
    heatmap_checks: HeatmapChecks
    test_refused: Metric | None
    detector: Detector | None
    robustness: Robustness | None
    audit: AuditFindings | None

    @property
    def splits(self) -> tuple[SplitFigures, SplitFigures | None]:
        """Validation and test."""
        return self.validation, self.test

    def quality_of(self, split: str) -> tuple[CalibrationQuality, ...]:
        """Before and after calibration, in this order; fewer where the card lacks one."""
        return tuple(found for found in self.quality if found.split == split)


def card_figures(card: Card) -> CardFigures:
    """Read a card's figures."""
    test = card.metrics.test
    over_prevalence = (test or card.metrics.validation).get("over_prevalence")
    return CardFigures(
        points=tuple(
            _point(name, point, is_default=name == card.default_operating_point)
            for name, point in card.operating_points.items()
        ),
        validation=SplitFigures.model_validate(card.metrics.validation),
        test=None if test is None else SplitFigures.model_validate(test),
        intervals=interval_kind(card.metrics.validation),
        over_prevalence=_over_prevalence(over_prevalence) if isinstance(over_prevalence, Mapping) else (),
        calibration=CalibrationChoice.model_validate(card.calibration.model_extra or {}),
        quality=_quality(card.calibration.model_extra or {}),
        heatmap_checks=HeatmapChecks.model_validate(card.heatmap.checks if card.heatmap else {}),
        test_refused=_flat(card.novelty.model_dump(), "test_refused") if card.novelty else None,
        detector=_detector(card.novelty) if card.novelty else None,
        robustness=as_robustness(card.stress),
        audit=as_findings(card.audit),
    )


def _point(name: str, point: OperatingPoint, *, is_default: bool) -> PointFigures:
    kept = point.model_extra or {}
    rates = {rate: getattr(point, rate) for rate in RATES}
    chosen = OperatingMetrics(**{rate: Metric(value) for rate, value in rates.items() if value is not None})
    validation, test = (_rates(kept.get(split)) for split in SCORED_SPLITS)
    return PointFigures(name, is_default, point.threshold, bool(kept.get("seen")), chosen, validation or chosen, test)


def _rates(found: Any) -> OperatingMetrics | None:  # noqa: ANN401  # JSON
    return OperatingMetrics.model_validate(found) if isinstance(found, Mapping) and found else None


def _flat(found: Mapping[str, Any], name: str) -> Metric | None:
    """A figure whose interval stands beside it, as `name`_low and `name`_high."""
    value, low, high = (as_number(found.get(key)) for key in (name, f"{name}_low", f"{name}_high"))
    if value is None:
        return None
    return Metric(value) if low is None or high is None else Metric(value, low, high)


def _over_prevalence(found: Mapping[str, Any]) -> tuple[PredictiveValues, ...]:
    shares = found.get("prevalence")
    names = [f"{name}{end}" for name in ("ppv", "npv") for end in ("", "_low", "_high")]
    columns = {name: found.get(name) for name in names}
    if not isinstance(shares, list) or any(
        not isinstance(column, list) or len(column) != len(shares) for column in columns.values()
    ):
        return ()
    rows = [dict(zip(names, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    return tuple(
        PredictiveValues(share, _flat(row, "ppv"), _flat(row, "npv"))
        for share, row in zip(map(as_number, shares), rows, strict=True)
        if share is not None
    )


def _quality(kept: Mapping[str, Any]) -> tuple[CalibrationQuality, ...]:
    rows = []
    for split in (*SCORED_SPLITS, EXTERNAL):
        stages = kept.get(split)
        for stage in STAGES:
            found = stages.get(stage) if isinstance(stages, Mapping) else None
            if not isinstance(found, Mapping):
                continue
            log_loss, brier, ece = (_flat(found, name) for name in ("log_loss", "brier", "ece"))
            if log_loss is not None and brier is not None and ece is not None:
                rows.append(CalibrationQuality(split, stage, log_loss, brier, ece))
    return tuple(rows)


def _detector(novelty: NoveltyCard) -> Detector | None:
    unseen = (novelty.guard or {}).get("unseen")
    if not isinstance(unseen, Mapping) or not unseen:
        return None
    figures = [
        DetectorFigures(treatment, *(_flat(found, name) for name in ("auroc", "refused", "films_refused")))
        for treatment in TREATMENTS
        if isinstance(found := unseen.get(treatment), Mapping)
    ]
    return Detector(OODImages.model_validate(unseen), tuple(figures))
