"""The record of test reads only grows, line by whole line."""

import csv
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from train.common.errors import PneumoscopeError
from train.evaluation.evaluation import evaluate_test, evaluate_validation
from train.metrics.scores import Scores
from train.runs.test_set_log import COLUMNS, append_test_read, require_test_log

FILMS = tuple(f"{index}.png" for index in range(40))
SCORES = Scores(
    FILMS,
    FILMS,
    ("validation",) * 20 + ("test",) * 20,
    np.array([0, 0, 1, 1] * 10),
    np.array([-2, -1, 1, 2.0] * 5 + [-2, 3, 1, 2.0] * 5),
)
EVALUATION = evaluate_test(evaluate_validation(SCORES, "b", "f00d"), SCORES, "f00d")


def append(path: Path, run: str = "b-1") -> None:
    append_test_read(path, run, "0123abc", "2026-11-24", EVALUATION)


def test_header_once_then_a_line_a_read(tmp_path: Path):
    path = tmp_path / "docs" / "test-reads.csv"
    append(path)
    append(path, 'b, "again"')
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert path.read_text().count("commit") == 1
    assert tuple(rows[0]) == COLUMNS
    assert rows[0] == {
        "run": "b-1",
        "commit": "0123abc",
        "date": "2026-11-24",
        "network": "b",
        "split_fingerprint": "f00d",
        "films": "20",
        "auroc": "0.5000",
        "operating_point": "youden",
        "sensitivity": "1.0000",
        "specificity": "0.5000",
        "balanced_accuracy": "0.7500",
        "f1": "0.8000",
        "accuracy_at_0.5": "0.7500",
        "f1_maximum": "0.8000",
    }
    assert rows[1]["run"] == 'b, "again"'


def test_runs_evaluated_at_the_same_time_do_not_tear_lines(tmp_path: Path):
    path = tmp_path / "test-reads.csv"
    append(path, "first")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: append(path, f"run{number}"), range(64)))
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert sorted(row["run"] for row in rows) == sorted(["first", *(f"run{number}" for number in range(64))])
    assert {row["f1_maximum"] for row in rows} == {"0.8000"}


def test_a_last_line_without_its_end_is_not_joined(tmp_path: Path):
    path = tmp_path / "test-reads.csv"
    append(path)
    path.write_text(path.read_text().rstrip("\n"))
    append(path)
    assert len(path.read_text().splitlines()) == 3


def test_an_empty_file_gets_its_header(tmp_path: Path):
    path = tmp_path / "test-reads.csv"
    path.touch()
    append(path)
    assert path.read_text().startswith("run,commit,date,")


def test_another_file_is_left_alone(tmp_path: Path):
    path = tmp_path / "test-reads.csv"
    path.write_text("run,commit\nx,y\n")
    with pytest.raises(PneumoscopeError, match="expected the columns run, commit, date"):
        append(path)
    assert path.read_text() == "run,commit\nx,y\n"


def test_whether_a_reading_can_be_recorded_is_told_before_it_is_made(tmp_path: Path):
    path = tmp_path / "docs" / "test-reads.csv"
    require_test_log(path)
    assert not path.parent.exists()
    append(path)
    before = path.read_bytes()
    require_test_log(path)
    assert path.read_bytes() == before
    path.write_text("run,commit\nx,y\n")
    with pytest.raises(PneumoscopeError, match="expected the columns run, commit, date"):
        require_test_log(path)
    path.unlink()
    path.touch()
    require_test_log(path)


@pytest.mark.parametrize(
    "blocking", ["a folder in its place", "a file in its folder's place", "a folder to be read alone"]
)
def test_a_record_that_cannot_be_written_is_one_line(tmp_path: Path, monkeypatch, blocking):
    path = tmp_path / "docs" / "test-reads.csv"
    if blocking == "a folder in its place":
        path.mkdir(parents=True)
    elif blocking == "a file in its folder's place":
        path.parent.touch()
    else:
        monkeypatch.setattr(os, "access", lambda *_: False)  # root may write anywhere
        with pytest.raises(PneumoscopeError, match=r"test-reads.csv cannot be written.*: make it writable"):
            require_test_log(path)
        return
    for recorded in (require_test_log, append):
        with pytest.raises(PneumoscopeError, match=r"test-reads.csv cannot be written.*: make it writable") as refusal:
            recorded(path)
        assert "\n" not in str(refusal.value)


def test_nothing_is_recorded_without_test_figures(tmp_path: Path):
    with pytest.raises(PneumoscopeError, match="no test figures"):
        append_test_read(tmp_path / "t.csv", "b", "c", "d", EVALUATION | {"test": None})
    assert not (tmp_path / "t.csv").exists()
