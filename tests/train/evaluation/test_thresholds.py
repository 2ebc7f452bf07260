"""Thresholds from validation films as they are or as seen augmented; the network's own 0.5 beside the rules."""

import numpy as np
import pytest

from train.common.errors import PneumoscopeError
from train.evaluation.evaluation import evaluate_external, evaluate_test, evaluate_validation
from train.evaluation.thresholds import choose_thresholds, operating_of, probability_thresholds, thresholds_seen
from train.metrics.augmented_scores import AugmentedScores
from train.metrics.operating_points import POINT_NAMES, choose_threshold
from train.metrics.scores import Scores, logistic
from train.runs.settings import OperatingSettings

N = 120
SEEN = OperatingSettings(seen="augmented", default="half", calibration="none")


def scores(split="validation", seed=0):
    labels = np.arange(N) % 2
    logits = 3.0 * labels - 1.5 + np.random.default_rng(seed).normal(0, 1.5, N)
    return Scores(
        tuple(f"{split}/{row}.png" for row in range(N)),
        tuple(f"p{row // 2}" for row in range(N)),
        (split,) * N,
        labels,
        logits,
    )


@pytest.fixture
def rows():
    return scores()


@pytest.fixture
def readings(rows):
    return AugmentedScores(rows.films, rows.patients, rows.labels, np.stack([rows.logits + 1, rows.logits + 2], axis=1))


def test_the_networks_own_half_stands_beside_the_rules(rows):
    chosen = choose_thresholds(rows.labels, rows.logits)
    assert tuple(chosen) == POINT_NAMES
    assert chosen["half"] == 0
    assert probability_thresholds(rows)["half"] == 0.5
    evaluation = evaluate_validation(rows, "a", "0" * 64)
    half = evaluation["validation"]["metrics"]["operating_points"]["half"]
    assert half["accuracy"]["value"] == evaluation["validation"]["metrics"]["as_report"]["accuracy_at_0.5"]["value"]


def test_augmented_readings_choose_where_they_are_asked_for(rows, readings):
    plain = thresholds_seen(rows, OperatingSettings(), readings)
    assert plain == choose_thresholds(rows.labels, rows.logits)
    seen = thresholds_seen(rows, SEEN, readings)
    assert seen["youden"] == choose_threshold(np.repeat(rows.labels, 2), readings.logits.ravel(), "youden")
    assert seen["youden"] > plain["youden"]
    with pytest.raises(PneumoscopeError, match="--augmented"):
        thresholds_seen(rows, SEEN, None)


def test_the_evaluation_remembers_the_choice_and_judges_films_as_they_are(rows, readings):
    evaluation = evaluate_validation(rows, "a", "0" * 64, operating=SEEN, augmented=readings)
    assert operating_of(evaluation) == SEEN
    assert evaluation["default_operating_point"] == "half"
    assert evaluation["thresholds"]["youden"] == float(logistic(thresholds_seen(rows, SEEN, readings)["youden"]))
    plain = evaluate_validation(rows, "a", "0" * 64)
    assert evaluation["validation"]["metrics"]["auroc"] == plain["validation"]["metrics"]["auroc"]
    assert operating_of(plain) == OperatingSettings()
    assert operating_of({"thresholds": {}}) == OperatingSettings()
    with pytest.raises(PneumoscopeError, match="unknown choice"):
        operating_of({"operating": {"seen": "test"}})


def test_external_films_are_judged_at_the_frozen_thresholds_and_choose_nothing(rows, readings):
    evaluation = evaluate_validation(rows, "a", "0" * 64, operating=SEEN, augmented=readings)
    evaluated = evaluate_external(evaluation, scores("external", 1), "f" * 64)
    assert {name: part for name, part in evaluated.items() if name != "external"} == evaluation
    points = evaluated["external"]["metrics"]["operating_points"]
    assert {name: point["threshold"] for name, point in points.items()} == evaluation["thresholds"]
    assert evaluated["external"]["cohort_fingerprint"] == "f" * 64
    with pytest.raises(PneumoscopeError, match="no external films"):
        evaluate_external(evaluation, rows, "f" * 64)


def test_an_evaluation_from_before_the_half_can_still_read_test(rows):
    evaluation = evaluate_validation(rows, "a", "0" * 64)
    old = {key: value for key, value in evaluation.items() if key != "operating"}
    old["thresholds"] = {name: cut for name, cut in evaluation["thresholds"].items() if name != "half"}
    tested = evaluate_test(old, scores("test", 2), "0" * 64)
    assert set(tested["test"]["metrics"]["operating_points"]) == set(old["thresholds"])
