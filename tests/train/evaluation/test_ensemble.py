"""The average of two networks is the mean of their probabilities, judged at thresholds of its own."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tests.train.evaluation.test_comparison import evaluated, make_scores
from train.cli.evaluate_tables import print_comparison
from train.common.errors import PneumoscopeError
from train.evaluation.comparison import compare
from train.evaluation.ensemble import ensemble_readings, ensemble_scores
from train.evaluation.thresholds import choose_thresholds
from train.metrics.augmented_scores import AugmentedScores
from train.metrics.operating_points import auroc, confusion
from train.metrics.scores import Scores, logistic, probability

LOGITS = arrays.arrays(np.float64, 6, elements=st.floats(-40, 40))


def scores_of(logits):
    films = tuple(f"{row}.jpeg" for row in range(len(logits)))
    return Scores(films, films, ("validation",) * len(films), np.arange(len(films)) % 2, logits)


@given(LOGITS, LOGITS)
def test_the_average_is_the_mean_probability(one, other):
    first, second = scores_of(one), scores_of(other)
    mean = (probability(first.logits) + probability(second.logits)) / 2
    assert probability(ensemble_scores(first, second).logits) == pytest.approx(mean, abs=1e-12)


@given(LOGITS)
def test_a_network_averaged_with_itself_is_itself(logits):
    same = ensemble_scores(scores_of(logits), scores_of(logits))
    # Near 30, where scores are bounded, 1 - p is 1e-13: what is left of it after rounding.
    assert same.logits == pytest.approx(np.clip(logits, -30, 30), abs=1e-9)


def test_other_films_are_refused():
    other = scores_of(np.zeros(4))
    other = Scores(other.films[::-1], other.patients, other.splits, other.labels, other.logits)
    with pytest.raises(PneumoscopeError, match="same order"):
        ensemble_scores(scores_of(np.zeros(4)), other)


def test_two_networks_are_reported_averaged_at_thresholds_from_validation(capsys):
    first, second = evaluated("a-1", make_scores(1, 1.5)), evaluated("b-1", make_scores(2, 1.5))
    result = compare(first, second)
    average = result["average"]
    mean = ensemble_scores(first.scores.of_split("validation"), second.scores.of_split("validation"))
    expected = {name: logistic(cut) for name, cut in choose_thresholds(mean.labels, mean.logits).items()}
    assert average["thresholds"] == pytest.approx(expected)
    test = ensemble_scores(first.scores.of_split("test"), second.scores.of_split("test"))
    assert average["test"]["auroc"]["value"] == auroc(test.labels, test.logits)
    point = average["test"]["operating_points"]["youden"]
    called = confusion(test.labels, probability(test.logits), expected["youden"])
    assert point["accuracy"]["value"] == called.accuracy
    assert point["accuracy"]["low"] < called.accuracy < point["accuracy"]["high"]
    # Two networks that err independently: their mean errs less.
    assert average["validation"]["auroc"]["value"] > max(
        result["validation"]["auroc"][key] for key in ("first", "second")
    )
    print_comparison(result)
    assert "a-1 and b-1 averaged" in capsys.readouterr().out


def test_both_networks_stand_beside_their_average(capsys):
    first, second = evaluated("a-1", make_scores(1, 1.5)), evaluated("b-1", make_scores(2, 1.5))
    result = compare(first, second)
    for place, one in enumerate((first, second)):
        rows = one.scores.of_split("test")
        called = confusion(rows.labels, probability(rows.logits), one.thresholds["youden"])
        point = result["each"][place]["test"]["operating_points"]["youden"]
        assert point["accuracy"]["value"] == called.accuracy
        assert point["specificity"]["low"] < called.specificity < point["specificity"]["high"]
    print_comparison(result)
    table = capsys.readouterr().out.split("averaged (mean probability)")[1]
    assert table.count("a-1") == table.count("b-1") == 2  # validation and test
    assert "calibration" in table


def test_the_average_of_networks_with_augmented_thresholds_has_such_thresholds():
    def with_readings(name, seed):
        one = evaluated(name, make_scores(seed, 1.0))
        rows = one.scores.of_split("validation")
        readings = AugmentedScores(rows.films, rows.patients, rows.labels, rows.logits[:, None] + [[1.0, 3.0]])
        return replace(one, augmented=readings)

    first, second = with_readings("a-1", 1), with_readings("b-1", 2)
    average = compare(first, second)["average"]
    assert average["seen"] == "augmented"
    readings = ensemble_readings(first.augmented, second.augmented)
    labels, logits, _ = readings.all_readings()
    assert average["thresholds"]["youden"] == pytest.approx(logistic(choose_thresholds(labels, logits)["youden"]))
    plain = compare(first, replace(second, augmented=None))["average"]
    assert plain["seen"] == "plain"
    assert plain["thresholds"]["youden"] < average["thresholds"]["youden"]
    other = AugmentedScores(
        *(getattr(second.augmented, name) for name in ("films", "patients", "labels")), logits[::2, None]
    )
    with pytest.raises(PneumoscopeError, match="Received: 2 and 1"):
        ensemble_readings(first.augmented, other)


def test_films_that_only_one_has_read_are_not_averaged():
    alone = make_scores(1, 0.5, ("validation",) * 160)
    result = compare(evaluated("a-1", alone), evaluated("b-1", make_scores(2, 0.5)))
    assert result["test"] is None
    assert "test" not in result["average"]
