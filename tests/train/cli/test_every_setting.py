"""A run with every setting on, from the command line to what evaluation and export read."""

import csv
import json
import re

import numpy as np
import pytest

from train.data.cohort import read_split
from train.fitting.scoring import load_network
from train.networks import build_network_a
from train.runs.run_folder import RunFolder, settings_of

EVERY_LEVER = {
    "prepare.contrast": "equalise",
    "augmentation": {"noise": 6, "blur": 1, "jpeg": 40, "brightness": 0.2, "contrast": 0.4, "gamma": 0.5},
    "class_weights": "balanced",
    "label_smoothing": 0.1,
    "shifted_validation": "exposure",
    "width": 0.1,
    "validation_fraction": 0.4,
    "schedule": "cosine",
}


@pytest.fixture
def run(run_command, phantom_root, tmp_path, monkeypatch):
    """A tiny run of network A; more is held out than of the public set, for the phantoms are few."""
    monkeypatch.setattr("train.data.shifted_split.SHIFTED_SHARES", (0.35, 0.35))
    arguments = ["train", "a", "--data", phantom_root, "--name", "every-setting", "--image-size", 32, "--epochs", 1]
    for key, value in EVERY_LEVER.items():
        arguments += ["--set", f"{key}={value}"]
    result = run_command(*arguments)
    assert result.exit_code == 0, result.output
    assert re.search(r"┃ validation +┃ shifted +┃", result.stdout)
    return RunFolder(tmp_path / "runs" / "every-setting")


@pytest.mark.slow
def test_every_setting_at_once_leaves_a_run_that_reads_like_any_other(run, run_command, phantom_root):
    settings = settings_of(run)
    assert (settings.label_smoothing, settings.augmentation.jpeg) == (0.1, 40)

    with run.history.open() as file:
        (row,) = csv.DictReader(file)
    assert all(row[name] for name in ("loss", "accuracy", "auroc", "val_loss", "val_accuracy", "val_auroc"))

    split = read_split(run.split, phantom_root)
    parts = {name: {film.patient for film in split.of_split(name)} for name in ("train", "validation", "shifted")}
    assert len(parts["shifted"]) >= 20
    assert not parts["shifted"] & (parts["train"] | parts["validation"])
    environment = json.loads(run.environment.read_text())
    assert environment["films"]["train"] == len(split.of_split("train"))

    with run.scores.open() as file:
        scores = list(csv.DictReader(file))
    assert {row["film"] for row in scores if row["split"] == "shifted"} == {
        film.path for film in split.of_split("shifted")
    }
    # The network kept is the one that validation saw: the average, and pneumonia alone.
    validation = [row for row in scores if row["split"] == "validation"]
    logits, labels = (np.array([float(row[name]) for row in validation]) for name in ("logit", "label"))
    loss = np.mean(np.logaddexp(0, logits) - labels * logits)
    assert loss == pytest.approx(float(row["val_loss"]), abs=1e-4)
    network = load_network(run)
    assert network.count_params() == build_network_a(32, 0.1).count_params()
    assert [layer.name for layer in network.layers][-2:] == ["logit", "probability"]

    evaluation = json.loads(run.evaluation.read_text())
    assert evaluation["test"] is None
    points = evaluation["shifted"]["metrics"]["operating_points"]
    assert {name: point["threshold"] for name, point in points.items()} == evaluation["thresholds"]
    result = run_command("evaluate", "every-setting", "--data", phantom_root, "--test", "--json")
    assert result.exit_code == 0, result.output
    shown = json.loads(result.stdout)
    assert list(shown) == ["run", "validation", "shifted", "test"]
    after = json.loads(run.evaluation.read_text())
    assert after["shifted"] == evaluation["shifted"]
    with run.scores.open() as file:
        assert {row["split"] for row in csv.DictReader(file)} == {"validation", "shifted", "test"}
