"""Readings of augmented films keep every bit on their way through the file; damaged files are one line."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from train.common.errors import PneumoscopeError
from train.metrics.augmented_scores import AugmentedScores, read_augmented, require_same_films, write_augmented
from train.metrics.scores import Scores, ScoresError

FILMS = ("a.png", 'b, "quoted".png', "c.png")


def readings(logits):
    return AugmentedScores(FILMS, ("p", "p", "q"), np.array([0, 1, 1]), logits)


@given(logits=arrays.arrays(np.float64, (3, 4), elements=st.floats(allow_nan=False, allow_infinity=False)))
def test_the_file_keeps_every_bit(tmp_path_factory, logits):
    path = tmp_path_factory.mktemp("kept") / "validation_augmented.csv"
    write_augmented(path, readings(logits))
    again = read_augmented(path)
    assert (again.films, again.patients, again.copies) == (FILMS, ("p", "p", "q"), 4)
    assert again.labels.tolist() == [0, 1, 1]
    assert np.array_equal(again.logits, logits)


def test_all_readings_stay_with_their_films_and_patients():
    labels, logits, patients = readings(np.arange(6.0).reshape(3, 2)).all_readings()
    assert labels.tolist() == [0, 0, 1, 1, 1, 1]
    assert logits.tolist() == [0, 1, 2, 3, 4, 5]
    assert patients == ("p", "p", "p", "p", "q", "q")
    assert readings(np.arange(6.0).reshape(3, 2)).copy(1).logits.tolist() == [1, 3, 5]


def test_they_are_put_into_the_order_of_the_validation_scores():
    rows = Scores(FILMS[::-1], ("q", "p", "p"), ("validation",) * 3, np.array([1, 1, 0]), np.zeros(3))
    found = require_same_films(readings(np.arange(6.0).reshape(3, 2)), rows)
    assert found.logits.tolist() == [[4, 5], [2, 3], [0, 1]]
    assert found.films == rows.films
    with pytest.raises(PneumoscopeError, match="--augmented"):
        require_same_films(None, rows)
    with pytest.raises(PneumoscopeError, match="of other films"):
        require_same_films(found, rows.of_rows([True, True, False]))
    other = Scores(rows.films, rows.patients, rows.splits, 1 - rows.labels, rows.logits)
    with pytest.raises(PneumoscopeError, match="other labels"):
        require_same_films(found, other)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "expected the columns"),
        ("film,patient,label\na,p,0\n", "expected the columns"),
        ("film,patient,label,logit_2\na,p,0,1\n", "expected the columns"),
        ("film,patient,label,logit_1\n", "no films"),
        ("film,patient,label,logit_1,logit_2\na,p,0,1\n", "too few or too many"),
        ("film,patient,label,logit_1\na,p,0,x\n", "cannot be read"),
        ("film,patient,label,logit_1\na,p,0,nan\n", "film a: logit is nan"),
        ("film,patient,label,logit_1\na,p,2,0\n", "film a: label"),
        ("film,patient,label,logit_1\na,p,0,1\na,p,0,1\n", "film a occurs twice"),
    ],
)
def test_a_damaged_file_is_one_line(tmp_path, text, words):
    path = tmp_path / "validation_augmented.csv"
    path.write_text(text)
    with pytest.raises(ScoresError, match=words) as error:
        read_augmented(path)
    assert str(error.value).count(str(path)) == 1
    assert "\n" not in str(error.value)


def test_a_missing_file_says_how_to_make_it(tmp_path):
    with pytest.raises(ScoresError, match=r"no such file.*--augmented"):
        read_augmented(tmp_path / "none.csv")
