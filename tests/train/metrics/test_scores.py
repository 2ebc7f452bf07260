"""scores.csv keeps every bit, and says which row is wrong."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from train.common.errors import PneumoscopeError
from train.metrics.scores import Scores, ScoresError, logistic, probability, read_scores, write_scores


def make_scores(**changes) -> Scores:
    fields = {
        "films": ("chest_xray/test/NORMAL/a.jpeg", "b, with a comma.jpeg", 'quote".png'),
        "patients": ("normal:1", "person2", "person2"),
        "splits": ("validation", "test", "validation"),
        "labels": np.array([0, 1, 1]),
        "logits": np.array([-1.25, 0.1, np.float32(3.3)]),
    }
    return Scores(**fields | changes)


HEADER = "film,patient,split,label,logit\n"


def test_a_file_holds_what_was_written(tmp_path: Path):
    written = make_scores()
    write_scores(tmp_path / "run" / "scores.csv", written)
    read = read_scores(tmp_path / "run" / "scores.csv")
    assert (read.films, read.patients, read.splits) == (written.films, written.patients, written.splits)
    assert read.labels.tolist() == [0, 1, 1]
    assert (read.labels.dtype, read.logits.dtype) == (np.int64, np.float64)
    assert read.logits.tolist() == written.logits.tolist()
    assert (tmp_path / "run" / "scores.csv").read_text().startswith(HEADER)


@settings(deadline=None)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20))
def test_logits_keep_every_bit(tmp_path_factory, logits):
    n = len(logits)
    path = tmp_path_factory.mktemp("scores") / "scores.csv"
    films = tuple(f"{index}.png" for index in range(n))
    write_scores(path, Scores(films, films, ("test",) * n, np.zeros(n), np.array(logits)))
    assert read_scores(path).logits.tolist() == logits


def test_rows_of_one_split():
    validation = make_scores().of_split("validation")
    assert validation.films == ("chest_xray/test/NORMAL/a.jpeg", 'quote".png')
    assert validation.patients == ("normal:1", "person2")
    assert validation.labels.tolist() == [0, 1]
    assert validation.logits.tolist() == [-1.25, np.float32(3.3)]
    assert len(make_scores(splits=("test",) * 3).of_split("validation")) == 0


def test_frozen_means_frozen():
    logits = np.zeros(3)
    scores = make_scores(logits=logits)
    logits[0] = 9
    assert scores.logits[0] == 0
    with pytest.raises(ValueError, match="read-only"):
        scores.logits[0] = 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"films": ("a", "b", "a")}, "film a occurs twice"),
        ({"films": ("a", "b")}, r"one entry per film in every field. Received lengths: \[2, 3, 3, 3, 3\]"),
        (
            {"splits": ("validation", "train", "test")},
            "film b, with a comma.jpeg: split must be validation, test, shifted or external",
        ),
        ({"labels": np.array([0, 1, 2])}, 'film quote".png: label must be 0'),
        ({"labels": np.array([0, 0.5, 1])}, "label must be 0"),
        ({"logits": np.array([0, np.nan, 1])}, "film b, with a comma.jpeg: logit is nan: the network has diverged"),
        ({"logits": np.array([-np.inf, 0, 1])}, "logit is -inf"),
    ],
)
def test_what_is_no_score_is_refused(changes, message):
    with pytest.raises(ScoresError, match=message):
        make_scores(**changes)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEADER + "a.png,p,test,1,0.5\nb.png,p,test,1,nan\n", r"scores.csv, line 3 \(b.png\): logit is nan"),
        (HEADER + "a.png,p,test,1,inf\n", r"line 2 \(a.png\): logit is inf"),
        (HEADER + "a.png,p,test,1,\n", r"line 2 \(a.png\): expected a label and a logit as numbers"),
        (HEADER + "a.png,p,test,yes,0.5\n", "Received: 'yes', '0.5'"),
        (HEADER + "a.png,p,test,3,0.5\n", r"line 2 \(a.png\): label must be 0"),
        (HEADER + "a.png,p,val,1,0.5\n", "split must be validation, test, shifted or external. Received: 'val'"),
        (HEADER + "a.png,p,test,1\n", "line 2: too few or too many values"),
        (HEADER + "a.png,p,test,1,0.5,9\n", "line 2: too few or too many values"),
        (HEADER + "a.png,p,test,1,0.5\na.png,p,test,1,0.5\n", "scores.csv: film a.png occurs twice"),
        (HEADER + 'a.png,p,test,1,"0.5', "cannot be read as CSV"),
        (HEADER, "holds no films"),
        ("", "expected the columns film, patient, split, label, logit"),
        ("film,label\na,1\n", r"Received: \['film', 'label'\]"),
    ],
)
def test_a_damaged_file_is_refused_in_one_line_that_names_the_row(tmp_path: Path, text, message):
    path = tmp_path / "scores.csv"
    path.write_text(text)
    with pytest.raises(PneumoscopeError, match=message) as refusal:
        read_scores(path)
    assert "\n" not in str(refusal.value)


def test_files_that_are_no_text(tmp_path: Path):
    (tmp_path / "scores.csv").write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(ScoresError, match="cannot be read as CSV"):
        read_scores(tmp_path / "scores.csv")
    with pytest.raises(ScoresError, match="no such file; score the run first"):
        read_scores(tmp_path / "none.csv")


def test_columns_may_stand_in_another_order(tmp_path: Path):
    (tmp_path / "scores.csv").write_text("logit,label,split,patient,film\n-2.5,0,test,p,a.png\n")
    scores = read_scores(tmp_path / "scores.csv")
    assert (scores.films, scores.logits.tolist()) == (("a.png",), [-2.5])


def test_logistic_takes_any_number_without_a_warning():
    assert logistic([-1e300, 0.0, 1e300]).tolist() == [pytest.approx(0, abs=1e-300), 0.5, 1.0]
    assert logistic(31.0) > probability(500.0)


def test_probability_is_the_logistic_function_and_never_certain():
    np.testing.assert_allclose(probability([0.0, np.log(3), -np.log(3)]), [0.5, 0.75, 0.25])
    low, high = probability([-1e9, 1e9])
    assert 0 < low < 1e-12
    assert 1 - 1e-12 < high < 1
    assert probability(31.0) == high
    assert np.all(np.diff(probability(np.linspace(-30, 30, 1001))) > 0)
