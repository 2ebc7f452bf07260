"""The average of two networks is the mean of their probabilities, judged at thresholds of its own."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tests.train.test_comparison import judged, make_scores
from train.averaged import average_scores
from train.comparison import compare
from train.errors import PneumoscopeError
from train.evaluate_tables import print_comparison
from train.operating_points import auroc, confusion
from train.scores import Scores, logistic, probability
from train.thresholds import choose_thresholds

LOGITS = arrays.arrays(np.float64, 6, elements=st.floats(-40, 40))


def scores_of(logits):
    films = tuple(f"{row}.jpeg" for row in range(len(logits)))
    return Scores(films, films, ("validation",) * len(films), np.arange(len(films)) % 2, logits)


@given(LOGITS, LOGITS)
def test_the_average_is_the_mean_probability(one, other):
    first, second = scores_of(one), scores_of(other)
    mean = (probability(first.logits) + probability(second.logits)) / 2
    assert probability(average_scores(first, second).logits) == pytest.approx(mean, abs=1e-12)


@given(LOGITS)
def test_a_network_averaged_with_itself_is_itself(logits):
    same = average_scores(scores_of(logits), scores_of(logits))
    # Near 30, where scores are bounded, 1 - p is 1e-13: what is left of it after rounding.
    assert same.logits == pytest.approx(np.clip(logits, -30, 30), abs=1e-9)


def test_other_films_are_refused():
    other = scores_of(np.zeros(4))
    other = Scores(other.films[::-1], other.patients, other.splits, other.labels, other.logits)
    with pytest.raises(PneumoscopeError, match="same order"):
        average_scores(scores_of(np.zeros(4)), other)


def test_two_networks_are_reported_averaged_at_thresholds_from_validation(capsys):
    first, second = judged("a-1", make_scores(1, 1.5)), judged("b-1", make_scores(2, 1.5))
    result = compare(first, second)
    average = result["average"]
    mean = average_scores(first.scores.of_split("validation"), second.scores.of_split("validation"))
    expected = {name: logistic(cut) for name, cut in choose_thresholds(mean.labels, mean.logits).items()}
    assert average["thresholds"] == pytest.approx(expected)
    test = average_scores(first.scores.of_split("test"), second.scores.of_split("test"))
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


def test_films_that_only_one_has_read_are_not_averaged():
    alone = make_scores(1, 0.5, ("validation",) * 160)
    result = compare(judged("a-1", alone), judged("b-1", make_scores(2, 0.5)))
    assert result["test"] is None
    assert "test" not in result["average"]
