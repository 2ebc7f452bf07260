"""What the card says of an exported run: which calibration and why, each point's real rates, ways of counting."""

import re

import pytest

from export.bundle import read_bundle
from export.card.make_card import (
    GUARDED,
    UNGUARDED,
    headlines,
    placeholder_reasons,
    seconds_by_stage,
    title_of,
    training_in_words,
)
from export.graph.calibration import calibrate
from train.evaluation.evaluation import read_evaluation
from train.metrics.scores import read_scores
from train.runs.settings import make_settings


@pytest.fixture(scope="module")
def card(exported_models):
    return read_bundle(exported_models / "a").card


@pytest.fixture(scope="module")
def evaluation(trained_run):
    return read_evaluation(trained_run.evaluation)


def test_the_calibration_is_told_with_what_it_was_chosen_by(card, trained_run):
    fitted = calibrate(read_scores(trained_run.scores))
    told = card.calibration.model_extra
    assert card.calibration.method == fitted.method
    assert told["candidates"] == fitted.candidates
    assert told["validation"]["before"]["ece"] == fitted.before.ece
    assert told["validation"]["after"]["brier"] == fitted.after.brier
    assert told["validation"]["after"]["brier_low"] <= fitted.after.brier <= told["validation"]["after"]["brier_high"]
    assert told["test"] is None


def test_each_point_has_its_rates_with_intervals(card, evaluation):
    for name, point in card.operating_points.items():
        known = evaluation["validation"]["metrics"]["operating_points"][name]
        told = point.model_extra["validation"]
        assert told == {rate: known[rate] for rate in ("sensitivity", "specificity")}
        assert (told["sensitivity"]["value"], told["specificity"]["value"]) == (point.sensitivity, point.specificity)
        assert point.model_extra["test"] is None


def test_a_split_is_counted_three_ways_and_over_prevalence(card, evaluation):
    told = card.metrics.validation
    assert set(told["cohorts"]) == {"deduplicated", "without_training_patients"}
    known = evaluation["validation"]["cohorts"]["deduplicated"]
    assert told["cohorts"]["deduplicated"]["auroc"] == known["metrics"]["auroc"]
    assert told["cohorts"]["deduplicated"]["films_left_out"] == known["films_left_out"]
    assert len(told["over_prevalence"]["ppv_low"]) == len(told["over_prevalence"]["prevalence"]) > 3


def test_a_cohort_that_could_not_be_counted_says_why(evaluation):
    part = evaluation["validation"] | {
        "cohorts": {"deduplicated": {"films_left_out": None, "metrics": None, "reason": "not looked for"}}
    }
    assert headlines(part)["cohorts"] == {"deduplicated": {"films_left_out": None, "reason": "not looked for"}}
    assert headlines({"metrics": part["metrics"]})["cohorts"] is None


def test_the_guard_is_part_of_what_it_is_not_for(card):
    assert GUARDED in card.not_intended_use
    assert UNGUARDED not in card.not_intended_use


def test_the_cost_is_the_runs_own(card, trained_run):
    cost = card.training_cost
    assert cost["kilowatt_hours"] == pytest.approx(cost["seconds"] * cost["assumed_watts"] / 3.6e6, abs=1e-4)
    assert 0 < sum(cost["seconds_by_stage"].values()) <= cost["seconds"]
    assert "estimate" in cost["formula"]


def test_seconds_are_summed_by_stage():
    rows = "stage,epoch,seconds\nhead,1,2.5\nhead,2,1.5\nfine_tune,3,\n"
    assert seconds_by_stage(rows) == {"head": 4.0, "fine_tune": 0.0}


def test_what_was_not_done_is_none_and_not_left_out(card):
    assert (card.stress, card.audit) == (None, None)
    assert {"stress", "audit"} <= set(card.model_dump())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "32 px, resize squash, contrast none; .* augmentation rotation 10, zoom 0.1, shift 0.1;"),
        ({"augmentation.crop": 0.08}, "augmentation crop 0.08, crop_aspect 1.33333, rotation 10"),
        ({"prepare.centre_crop": 0.875}, "32 px, the centred 0.875 of each side, resize squash"),
    ],
)
def test_a_card_tells_of_crops_where_there_are_any(changes, words):
    settings = make_settings("a", {"prepare.image_size": 32, **changes})
    environment = {"films": {"train": 9, "validation": 3}, "seconds": 60.0, "device": "CPU", "parameters": 7}
    assert re.search(words, training_in_words(settings, environment))


@pytest.mark.parametrize(
    ("weights", "words", "reason"),
    [
        ("imagenet", "backbone weights: ImageNet;", ""),
        ("random", "backbone weights: random;", "its backbone began with random weights"),
        ("ours.weights.h5", "backbone weights: the file ours.weights.h5, not ImageNet's;", ""),
    ],
)
def test_b_says_where_its_backbone_came_from(weights, words, reason):
    settings = make_settings("b", {"backbone_weights": weights})
    environment = {"films": {"train": 9, "validation": 3}, "seconds": 60.0, "device": "CPU", "parameters": 7}
    assert words in training_in_words(settings, environment)
    assert placeholder_reasons(settings, "").startswith(reason)
    assert bool(placeholder_reasons(settings, "")) == bool(reason)
    assert placeholder_reasons(settings, "one epoch").startswith("one epoch")


def test_a_random_backbone_that_was_trained_whole_is_no_placeholder():
    changes = {"backbone_weights": "random", "epochs": 0, "fine_tune.epochs": 30, "fine_tune.learning_rate": 0.001}
    whole, in_part = (make_settings("b", changes | {"fine_tune.from_layer": layer}) for layer in (0, 150))
    assert placeholder_reasons(whole, "") == ""
    assert placeholder_reasons(in_part, "")
    environment = {"films": {"train": 9, "validation": 3}, "seconds": 60.0, "device": "CPU", "parameters": 7}
    words = training_in_words(whole, environment)
    assert "none; 30 epochs of fine-tuning from backbone layer 0 at 0.001; backbone weights: random" in words
    assert title_of(whole) == "pneumoscope B: ResNet50V2, trained from random weights"
    assert title_of(make_settings("b", {})) == "pneumoscope B: ResNet50V2 by transfer learning"


def test_a_b_with_a_teacher_says_where_its_eyes_come_from():
    settings = make_settings("b", {"backbone_weights": "random", "teacher": "t1"})
    teacher = {"run": "t1", "weights": "0", "split_fingerprint": "1", "backbone_weights": "imagenet"}
    environment = {"films": {"train": 9, "validation": 3}, "seconds": 60.0, "device": "CPU", "parameters": 7}
    words = training_in_words(settings, {**environment, "teachers": [teacher]})
    assert "from random weights, towards what EfficientNet-Lite0" in words
    assert "t1 (from ImageNet)" in words
    assert "fine-tuning from" not in words
    assert placeholder_reasons(settings, "") == ""
