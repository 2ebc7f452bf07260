"""A card's figures are read once for every surface, and as far as they go."""

import json

import pytest

from export.bundle import default_models_folder, find_bundles
from export.bundle.card import Card
from export.bundle.card_figures import METRICS, card_figures
from export.bundle.metric import Metric


@pytest.fixture(scope="module")
def shipped():
    return {name: bundle.card for name, bundle in find_bundles(default_models_folder()).items()}


def test_a_shipped_card_has_every_figure(shipped):
    for card in shipped.values():
        figures = card_figures(card)
        assert figures.intervals == "patients"
        assert all(split.metric(name) is not None for split in figures.splits for name in METRICS)
        assert [point.name for point in figures.points] == list(card.operating_points)
        assert [point.is_default for point in figures.points].count(True) == 1
        assert all(point.test is not None for point in figures.points)
        assert [len(figures.quality_of(split)) for split in ("validation", "test", "external")] == [2, 2, 2]
        assert [found.treatment for found in figures.detector.figures] == ["as_is", "thumbnails", "blurred"]
        assert figures.detector.images.pictures == 23
        assert set(figures.validation.cohorts) == {"deduplicated", "without_training_patients"}
        assert len(figures.over_prevalence) == len(card.metrics.test["over_prevalence"]["prevalence"])


def test_the_figures_are_the_cards(shipped):
    card = shipped["a"]
    figures = card_figures(card)
    auroc = card.metrics.test["auroc"]
    assert figures.test.auroc == Metric(auroc["value"], auroc["low"], auroc["high"])
    after = card.calibration.model_extra["test"]["after"]
    quality = figures.quality_of("test")[1]
    assert (quality.stage, quality.brier) == ("after", Metric(after["brier"], after["brier_low"], after["brier_high"]))
    assert quality.ece == Metric(after["ece"])
    kept = card.novelty.model_extra
    assert figures.test_refused == Metric(
        card.novelty.test_refused, kept["test_refused_low"], kept["test_refused_high"]
    )
    occlusion = card.heatmap.checks["occlusion"]["logit"]
    drop = figures.heatmap_checks.occlusion.logit
    assert drop.more == Metric(occlusion["difference"], occlusion["low"], occlusion["high"])


def test_a_card_of_no_figures_has_none(tiny_card):
    figures = card_figures(tiny_card(metrics={"validation": {}}))
    assert figures.intervals == "none"
    assert not any(figures.validation.metric(name) for name in METRICS)
    assert (figures.test, figures.detector, figures.test_refused) == (None, None, None)
    assert (figures.robustness, figures.audit, figures.quality, figures.over_prevalence) == (None, None, (), ())


def damage(value):
    """The same with every number and list replaced."""
    if isinstance(value, dict):
        return {name: damage(part) for name, part in value.items()}
    return "damaged" if isinstance(value, int | float | list) else value


def test_what_is_damaged_is_not_there(shipped):
    entries = json.loads(shipped["a"].model_dump_json())
    for name in ("metrics", "stress", "audit"):
        entries[name] = damage(entries[name])
    entries["heatmap"]["checks"] = damage(entries["heatmap"]["checks"])
    entries["novelty"]["guard"] = damage(entries["novelty"]["guard"])
    entries["calibration"] |= {split: damage(entries["calibration"][split]) for split in ("validation", "test")}
    figures = card_figures(Card.model_validate(entries))
    assert figures.intervals == "none"
    assert not any(split.metric(name) for split in figures.splits for name in METRICS)
    assert figures.robustness is None
    assert figures.audit.films is None
    assert figures.audit.metadata_baseline.auroc is None
    assert figures.over_prevalence == ()
    assert [found.split for found in figures.quality] == ["external", "external"]
    assert figures.heatmap_checks.gradient_correlation.mean is None
    assert figures.detector.images.pictures is None
    assert [found.refused for found in figures.detector.figures] == [None] * 3
