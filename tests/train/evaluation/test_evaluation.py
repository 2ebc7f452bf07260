"""Metrics against scikit-learn; thresholds from validation alone; test read only at frozen thresholds."""

import copy
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from train.common.errors import PneumoscopeError
from train.evaluation.evaluation import (
    EvaluationError,
    LeftOut,
    curves,
    evaluate_shifted,
    evaluate_test,
    evaluate_validation,
    known_repeats,
    read_evaluation,
    write_evaluation,
)
from train.evaluation.thresholds import choose_thresholds
from train.metrics.evaluate_scores import AS_REPORT, evaluate_scores
from train.metrics.operating_points import OPERATING_POINTS, confusion
from train.metrics.scores import Scores, logistic, probability

FINGERPRINT = "ab" * 32


def make_scores(validation: int = 120, test: int = 80, shift: float = 1.0, seed: int = 0) -> Scores:
    """Validation films, and test films whose logits all lie `shift` higher, as the real ones do."""
    rng = np.random.default_rng(seed)
    n = validation + test
    splits = ("validation",) * validation + ("test",) * test
    labels = rng.integers(0, 2, n)
    labels[[0, 1, -2, -1]] = 0, 1, 0, 1
    logits = rng.normal(3.0 * labels - 1.5, 1.5) + shift * (np.arange(n) >= validation)
    films = tuple(f"{split}/{index}.jpeg" for index, split in enumerate(splits))
    return Scores(films, tuple(f"person{index // 2}" for index in range(n)), splits, labels, logits)


@pytest.fixture
def scores() -> Scores:
    return make_scores()


@pytest.fixture
def evaluation(scores: Scores) -> dict:
    return evaluate_validation(scores, "a", FINGERPRINT)


def test_shifted_films_are_judged_at_the_thresholds_of_validation_and_choose_nothing(scores, evaluation):
    shifted = Scores(
        scores.films, scores.patients, ("validation",) * 120 + ("shifted",) * 80, scores.labels, scores.logits
    )
    assert evaluate_validation(shifted, "a", FINGERPRINT) == evaluation
    assert "shifted" not in evaluation
    with_shifted = evaluate_shifted(evaluation, shifted)
    assert {name: part for name, part in with_shifted.items() if name != "shifted"} == evaluation
    metrics_of = with_shifted["shifted"]["metrics"]
    assert metrics_of["n"] == 80
    assert {name: point["threshold"] for name, point in metrics_of["operating_points"].items()} == evaluation[
        "thresholds"
    ]
    assert metrics_of == evaluate_test(evaluation, scores, FINGERPRINT)["test"]["metrics"]
    assert evaluate_test(with_shifted, scores, FINGERPRINT)["shifted"] == with_shifted["shifted"]
    with pytest.raises(EvaluationError, match="no shifted films"):
        evaluate_shifted(evaluation, scores)


def test_metrics_are_scikit_learns(scores):
    rows = scores.of_split("validation")
    probabilities = probability(rows.logits)
    result = evaluate_scores(rows.labels, rows.logits, {"mine": 0.4})
    assert result["n"] == 120
    assert result["prevalence"] == pytest.approx(rows.labels.mean())
    assert result["positives"] == rows.labels.sum()
    assert result["log_loss"] == pytest.approx(metrics.log_loss(rows.labels, probabilities))
    assert result["brier"] == pytest.approx(metrics.brier_score_loss(rows.labels, probabilities))
    assert result["auroc"]["value"] == pytest.approx(metrics.roc_auc_score(rows.labels, probabilities))
    assert result["average_precision"]["value"] == pytest.approx(
        metrics.average_precision_score(rows.labels, probabilities)
    )
    point, called = result["operating_points"]["mine"], probabilities >= 0.4
    expected = {
        "accuracy": metrics.accuracy_score(rows.labels, called),
        "balanced_accuracy": metrics.balanced_accuracy_score(rows.labels, called),
        "f1": metrics.f1_score(rows.labels, called),
        "sensitivity": metrics.recall_score(rows.labels, called),
        "specificity": metrics.recall_score(rows.labels, called, pos_label=0),
        "ppv": metrics.precision_score(rows.labels, called),
        "npv": metrics.precision_score(rows.labels, called, pos_label=0),
    }
    for name, value in expected.items():
        assert point[name]["value"] == pytest.approx(value)
        assert point[name]["low"] < value < point[name]["high"]
    assert point["threshold"] == 0.4
    assert sum(point["confusion"].values()) == 120


def test_a_confident_error_is_not_forgiven():
    assert evaluate_scores([0, 1], [200.0, 1.0], {})["log_loss"] > 100


def test_predictive_values_that_do_not_exist_are_null():
    result = evaluate_scores([0, 1], [-1.0, 1.0], {"never": 0.99, "always": 0.01})
    assert result["operating_points"]["never"]["ppv"] == {"value": None, "low": None, "high": None}
    assert result["operating_points"]["always"]["npv"] == {"value": None, "low": None, "high": None}
    json.dumps(result, allow_nan=False)


def test_as_the_report_counts(scores):
    rows = scores.of_split("test")
    report = evaluate_scores(rows.labels, rows.logits, {})["as_report"]
    probabilities = probability(rows.logits)
    assert report["note"] == AS_REPORT == "as the report counts: threshold chosen on this split"
    assert report["accuracy_at_0.5"]["value"] == pytest.approx(
        metrics.accuracy_score(rows.labels, probabilities >= 0.5)
    )
    best = max(metrics.f1_score(rows.labels, probabilities >= threshold) for threshold in probabilities)
    assert report["f1_maximum"]["value"] == pytest.approx(best)
    assert metrics.f1_score(rows.labels, probabilities >= report["f1_maximum"]["threshold"]) == pytest.approx(best)


def test_thresholds_keep_their_promise_on_validation(evaluation):
    points = evaluation["validation"]["metrics"]["operating_points"]
    assert points["sensitivity_95"]["sensitivity"]["value"] >= 0.95
    assert points["specificity_95"]["specificity"]["value"] >= 0.95
    best = evaluation["validation"]["metrics"]["as_report"]["f1_maximum"]["value"]
    assert points["f1"]["f1"]["value"] == pytest.approx(best)
    assert {name: point["threshold"] for name, point in points.items()} == evaluation["thresholds"]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 1), st.floats(-500, 500, width=16)), max_size=40))
def test_promises_hold_even_where_probabilities_saturate(films):
    # As many more as make the twenty patients that an interval needs.
    labels, logits = zip(*films, *[(0, -1.0), (1, 1.0)] * 10, strict=True)
    n = len(labels)
    names = tuple(map(str, range(n)))
    scores = Scores(names, names, ("validation",) * n, np.array(labels), np.array(logits))
    result = evaluate_validation(scores, "a", FINGERPRINT)
    points = result["validation"]["metrics"]["operating_points"]
    assert points["sensitivity_95"]["sensitivity"]["value"] >= 0.95
    assert points["specificity_95"]["specificity"]["value"] >= 0.95
    assert all(0 < threshold < 1 for threshold in result["thresholds"].values())
    json.dumps(result, allow_nan=False)


def test_thresholds_come_from_validation_alone(scores, evaluation):
    other = make_scores(shift=-4.0)
    assert other.of_split("validation").logits.tolist() == scores.of_split("validation").logits.tolist()
    assert evaluate_validation(other, "a", FINGERPRINT) == evaluation
    assert evaluate_validation(scores.of_split("validation"), "a", FINGERPRINT) == evaluation
    assert evaluation["selected_on"] == "validation"
    assert evaluation["test"] is None


def test_a_temperature_moves_no_call(scores):
    rows = scores.of_split("validation")
    for threshold in choose_thresholds(rows.labels, rows.logits).values():
        raw = probability(rows.logits) >= logistic(threshold)
        calibrated = probability(rows.logits / 1.7) >= logistic(threshold / 1.7)
        np.testing.assert_array_equal(raw, calibrated)


def test_test_is_read_at_the_frozen_thresholds(scores, evaluation):
    before = copy.deepcopy(evaluation)
    both = evaluate_test(evaluation, scores, FINGERPRINT)
    assert evaluation == before
    assert {key: both[key] for key in both if key != "test"} == {key: before[key] for key in before if key != "test"}
    rows = scores.of_split("test")
    assert both["test"]["metrics"]["n"] == 80
    assert both["test"]["metrics"]["patients"] == 40
    for name in OPERATING_POINTS:
        point = both["test"]["metrics"]["operating_points"][name]
        assert point["threshold"] == evaluation["thresholds"][name]
        counts = confusion(rows.labels, probability(rows.logits), evaluation["thresholds"][name])
        assert point["confusion"] == {"tp": counts.tp, "fp": counts.fp, "tn": counts.tn, "fn": counts.fn}
    # Films that lie higher lose specificity at frozen thresholds: a threshold chosen on test would hide it.
    assert both["test"]["metrics"]["operating_points"]["specificity_95"]["specificity"]["value"] < 0.95
    assert evaluate_test(evaluation, rows, FINGERPRINT) == both


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"thresholds": {}}, "no thresholds frozen on validation"),
        ({"thresholds": None}, "no thresholds frozen on validation"),
        ({"thresholds": {"youden": 0.5}}, "no thresholds frozen on validation"),
        ({"selected_on": "test"}, "no thresholds frozen on validation"),
        ({"split_fingerprint": "cd" * 32}, r"chosen on another split \(cdcdcdcdcdcd\) than the films scored"),
    ],
)
def test_test_is_not_read_without_thresholds_of_the_same_split(scores, evaluation, change, message):
    with pytest.raises(EvaluationError, match=message) as refusal:
        evaluate_test(evaluation | change, scores, FINGERPRINT)
    assert "\n" not in str(refusal.value)


def test_test_is_not_read_with_scores_of_a_network_trained_since(evaluation):
    with pytest.raises(EvaluationError, match="the run has been trained again since"):
        evaluate_test(evaluation, make_scores(seed=1), FINGERPRINT)


def test_another_forward_pass_is_the_same_network(scores, evaluation):
    noise = 1e-5 * np.cos(np.arange(len(scores)))
    again = Scores(scores.films, scores.patients, scores.splits, scores.labels, scores.logits + noise)
    assert evaluate_test(evaluation, again, FINGERPRINT)["test"] is not None


def test_missing_films_are_refused(scores, evaluation):
    with pytest.raises(EvaluationError, match="no test films"):
        evaluate_test(evaluation, scores.of_split("validation"), FINGERPRINT)
    with pytest.raises(EvaluationError, match="no validation films"):
        evaluate_validation(scores.of_split("test"), "a", FINGERPRINT)


def test_one_class_and_nan_are_refused():
    with pytest.raises(PneumoscopeError, match="all 2 films are pneumonia"):
        evaluate_scores([1, 1], [0.5, 0.6], {})
    with pytest.raises(PneumoscopeError, match="NaN or infinite"):
        evaluate_scores([0, 1], [0.5, np.nan], {})
    with pytest.raises(PneumoscopeError, match="no films"):
        evaluate_scores([], [], {})


def test_curves_are_small_and_true(scores):
    large = make_scores(validation=5000).of_split("validation")
    drawn = curves(large.labels, large.logits)
    probabilities = probability(large.logits)
    for name, axes in (
        ("roc", ("false_positive_rate", "sensitivity")),
        ("precision_recall", ("recall", "precision")),
        ("f1", ("f1",)),
    ):
        curve = drawn[name]
        assert {*axes, "thresholds"} == set(curve)
        assert len({len(values) for values in curve.values()}) == 1
        assert len(curve["thresholds"]) <= 400
        assert curve["thresholds"][0] == 1.0
        assert curve["thresholds"] == sorted(curve["thresholds"], reverse=True)
    area = metrics.auc(drawn["roc"]["false_positive_rate"], drawn["roc"]["sensitivity"])
    assert area == pytest.approx(metrics.roc_auc_score(large.labels, probabilities), abs=1e-3)
    middle = len(drawn["f1"]["f1"]) // 2
    called = probabilities >= drawn["f1"]["thresholds"][middle] - 1e-9
    assert drawn["f1"]["f1"][middle] == pytest.approx(metrics.f1_score(large.labels, called), abs=1e-6)


def test_histogram_counts_every_film_in_its_class():
    histogram = curves([0, 0, 1, 1], [-100.0, 0.01, 2.0, 100.0])["histogram"]
    assert len(histogram["edges"]) == len(histogram["normal"]) + 1 == len(histogram["pneumonia"]) + 1
    assert (histogram["edges"][0], histogram["edges"][-1]) == (0.0, 1.0)
    assert (histogram["normal"][0], histogram["normal"][25], sum(histogram["normal"])) == (1, 1, 2)
    assert (histogram["pneumonia"][44], histogram["pneumonia"][-1], sum(histogram["pneumonia"])) == (1, 1, 2)


def test_evaluation_json_comes_back_as_it_was(tmp_path: Path, scores, evaluation):
    both = evaluate_test(evaluation, scores, FINGERPRINT)
    write_evaluation(tmp_path / "evaluation.json", both)
    assert read_evaluation(tmp_path / "evaluation.json") == both
    lines = (tmp_path / "evaluation.json").read_text().splitlines()
    assert max(map(len, lines)) > 1000  # a list of numbers is one line
    assert len(lines) < 900


def test_figures_of_whole_patients_are_counted_three_ways(scores):
    rows = scores.of_split("validation")
    twice, trained_on = rows.films[3:13:2], rows.patients[10:20]
    result = evaluate_validation(scores, "a", FINGERPRINT, LeftOut(twice, trained_on))
    cohorts = result["validation"]["cohorts"]
    assert cohorts["deduplicated"]["films_left_out"] == 5
    assert cohorts["deduplicated"]["metrics"]["n"] == 115
    assert cohorts["without_training_patients"]["metrics"]["patients"] == 60 - len(set(trained_on))
    kept = rows.of_rows([film not in twice for film in rows.films])
    expected = evaluate_scores(kept.labels, kept.logits, result["thresholds"], kept.patients)
    assert cohorts["deduplicated"]["metrics"] == {"patients": 60, **expected}
    assert known_repeats(result, "validation") == set(twice)
    assert known_repeats(result, "test") is known_repeats(None, "test") is None


def test_a_way_of_counting_that_is_not_known_or_leaves_too_few_is_said_so(scores):
    cohorts = evaluate_validation(scores, "a", FINGERPRINT)["validation"]["cohorts"]
    assert cohorts["deduplicated"]["metrics"] is None
    assert "evaluate the run again" in cohorts["deduplicated"]["reason"]
    most = scores.of_split("validation").patients[:100]
    cohorts = evaluate_validation(scores, "a", FINGERPRINT, LeftOut((), most))["validation"]["cohorts"]
    assert cohorts["without_training_patients"]["metrics"] is None
    assert "are of 10 patients: expected at least 20" in cohorts["without_training_patients"]["reason"]
    assert cohorts["deduplicated"]["films_left_out"] == 0
    assert cohorts["deduplicated"]["metrics"]["n"] == 120


def test_films_of_few_patients_are_refused():
    with pytest.raises(PneumoscopeError, match="validation films are of 19 patients: expected at least 20"):
        evaluate_validation(make_scores(validation=38), "a", FINGERPRINT)
    few = make_scores(test=20)
    with pytest.raises(PneumoscopeError, match="test films are of 10 patients"):
        evaluate_test(evaluate_validation(few, "a", FINGERPRINT), few, FINGERPRINT)


def test_intervals_over_patients_stand_beside_those_of_independent_films(evaluation):
    auroc = evaluation["validation"]["metrics"]["auroc"]
    assert auroc["low"] < auroc["value"] < auroc["high"]
    assert auroc["independent_low"] < auroc["value"] < auroc["independent_high"]
    assert auroc["low"] != auroc["independent_low"]


def test_where_no_film_is_called_wrong_the_interval_of_independent_films_stands():
    n = 60
    labels = np.tile([0, 1], n // 2)
    names = tuple(map(str, range(n)))
    perfect = Scores(names, names, ("validation",) * n, labels, 8.0 * labels - 4)
    metrics = evaluate_validation(perfect, "a", FINGERPRINT)["validation"]["metrics"]
    for figure in (metrics["auroc"], metrics["operating_points"]["youden"]["sensitivity"]):
        assert figure["value"] == figure["high"] == 1
        assert figure["low"] == figure["independent_low"] < 0.95


def test_predictive_values_over_prevalence_are_bayes_rule(evaluation):
    metrics = evaluation["validation"]["metrics"]
    point = metrics["operating_points"]["youden"]
    table = point["over_prevalence"]
    sensitivity, specificity = point["sensitivity"]["value"], point["specificity"]["value"]
    for row, prevalence in enumerate(table["prevalence"]):
        ill, alarms = sensitivity * prevalence, (1 - specificity) * (1 - prevalence)
        assert table["ppv"][row] == pytest.approx(ill / (ill + alarms))
        assert table["ppv_low"][row] < table["ppv"][row] < table["ppv_high"][row]
        assert table["npv_low"][row] < table["npv"][row] <= table["npv_high"][row]
    assert table["ppv"] == sorted(table["ppv"])
    assert table["npv"] == sorted(table["npv"], reverse=True)


def test_without_a_false_alarm_predictive_values_have_the_limits_of_the_rates_that_take_films_as_independent():
    n = 60
    labels = np.tile([0, 1], n // 2)
    names = tuple(map(str, range(n)))
    perfect = Scores(names, names, ("validation",) * n, labels, 8.0 * labels - 4)
    point = evaluate_validation(perfect, "a", FINGERPRINT)["validation"]["metrics"]["operating_points"]["youden"]
    low = 30 / (30 + 1.959964**2)  # Wilson's, of 30 in 30: both rates
    assert point["sensitivity"]["low"] == point["specificity"]["low"] == pytest.approx(low)
    table = point["over_prevalence"]
    for row, prevalence in enumerate(table["prevalence"]):
        ill, well = prevalence, 1 - prevalence
        assert table["ppv"][row] == table["ppv_high"][row] == table["npv"][row] == table["npv_high"][row] == 1
        assert table["ppv_low"][row] == pytest.approx(low * ill / (low * ill + (1 - low) * well))
        assert table["npv_low"][row] == pytest.approx(low * well / (low * well + (1 - low) * ill))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "cannot be read as JSON"),
        (b"\xff", "cannot be read as JSON"),
        (b"[]", "expected an evaluation of format 1"),
        (b'{"format": 2}', "expected an evaluation of format 1"),
    ],
)
def test_damaged_evaluations_are_refused(tmp_path: Path, content, message):
    (tmp_path / "evaluation.json").write_bytes(content)
    with pytest.raises(EvaluationError, match=message):
        read_evaluation(tmp_path / "evaluation.json")


def test_a_missing_evaluation_names_the_command(tmp_path: Path):
    with pytest.raises(EvaluationError, match="no such file; for it: pneumoscope evaluate "):
        read_evaluation(tmp_path / "evaluation.json")
