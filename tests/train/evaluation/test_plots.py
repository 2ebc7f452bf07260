"""The pictures are whole, draw what the evaluation says, and leave no trace in matplotlib."""

import subprocess
import sys
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest

from train.common.errors import PneumoscopeError
from train.evaluation.evaluation import evaluate_test, evaluate_validation
from train.evaluation.plots import COLOURS, plot_curves, plot_robustness
from train.metrics.scores import Scores


@cache  # only read
def make_evaluation(gap: float, test: bool = True) -> dict:
    rng = np.random.default_rng(2)
    labels = np.tile([0, 1], 60)
    films = tuple(f"{index}.png" for index in range(120))
    splits = ("validation",) * 70 + ("test",) * 50
    scores = Scores(films, films, splits, labels, rng.normal(gap * (2 * labels - 1), 1.0))
    evaluation = evaluate_validation(scores, "b", "f00d")
    return evaluate_test(evaluation, scores, "f00d") if test else evaluation


def make_history(epochs: int, stages: tuple[str, ...] = ("head", "fine_tune")) -> list[dict[str, object]]:
    return [
        {
            "stage": stage,
            "epoch": epoch + 1,
            "loss": 0.5 / (epoch + 1),
            "accuracy": 0.9,
            "val_loss": 0.6 / (epoch + 1),
            "val_accuracy": 0.85,
            "learning_rate": 1e-3,
        }
        for stage in stages
        for epoch in range(epochs)
    ]


def pixels_of(picture: Path, colour: str) -> int:
    image = cv2.imread(str(picture))
    assert image is not None
    wanted = [int(colour[place : place + 2], 16) for place in (5, 3, 1)]
    return int(np.count_nonzero(np.all(image == wanted, axis=2)))


@pytest.mark.parametrize("gap", [0.0, 1.5, 8.0])  # chance, good, perfect
def test_every_picture_shows_both_splits(tmp_path: Path, gap):
    evaluation = make_evaluation(gap)
    files = plot_curves(evaluation, tmp_path / "curves", make_history(3))
    assert [file.name for file in files] == ["roc.png", "precision_recall.png", "f1_threshold.png", "history.png"]
    assert sorted((tmp_path / "curves").iterdir()) == sorted(files)
    for file in files[:3]:
        assert pixels_of(file, COLOURS["validation"]) > 200
        assert pixels_of(file, COLOURS["test"]) > 200


def test_before_test_is_read_only_validation_is_drawn(tmp_path: Path):
    files = plot_curves(make_evaluation(1.5, test=False), tmp_path)
    assert [file.name for file in files] == ["roc.png", "precision_recall.png", "f1_threshold.png"]
    for file in files:
        assert pixels_of(file, COLOURS["validation"]) > 200
        assert pixels_of(file, COLOURS["test"]) == 0


@pytest.mark.parametrize(
    "history",
    [
        make_history(1, ("head",)),
        make_history(4),
        [{"stage": "1", "epoch": "1", "loss": "0.5", "val_loss": "", "accuracy": "nan"}],
        [row | {"loss": 10.0 ** (3 - index)} for index, row in enumerate(make_history(4))],
    ],
    ids=["one epoch", "two stages", "cells missing", "loss over decades"],
)
def test_histories_of_every_length_are_drawn(tmp_path: Path, history):
    picture = plot_curves(make_evaluation(1.5, test=False), tmp_path, history)[-1]
    assert picture.name == "history.png"
    assert pixels_of(picture, COLOURS["train"]) > 5


@pytest.mark.parametrize("splits", [("validation",), ("test",), ("validation", "test")])
def test_a_stress_is_drawn_for_the_splits_it_has(tmp_path: Path, splits):
    figure = {"value": 0.8, "low": 0.7, "high": 0.85}
    row = dict.fromkeys(("balanced_accuracy", "auroc", "probability_shift"), figure)
    changes = {name: row | {"what": f"{name} (5 %)"} for name in ("as_it_is", "blur", "letters")}
    stress = {"network": "a", "validation": None, "test": None} | {split: {"changes": changes} for split in splits}
    plot_robustness(stress, tmp_path / "curves" / "stress.png")
    for split in ("validation", "test"):
        assert (pixels_of(tmp_path / "curves" / "stress.png", COLOURS[split]) > 100) == (split in splits)


def test_the_same_evaluation_gives_the_same_picture(tmp_path: Path):
    evaluation = make_evaluation(1.5)
    first, second = plot_curves(evaluation, tmp_path / "1")[0], plot_curves(evaluation, tmp_path / "2")[0]
    assert first.read_bytes() == second.read_bytes()


def test_a_history_of_words_is_refused_and_nothing_is_written(tmp_path: Path):
    with pytest.raises(PneumoscopeError, match="column loss must hold numbers"):
        plot_curves(make_evaluation(1.5), tmp_path / "curves", [{"stage": "head", "loss": "low"}])
    assert not (tmp_path / "curves").exists()


def test_pyplot_is_never_loaded():
    program = "import sys, train.evaluation.plots; print('matplotlib.pyplot' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
