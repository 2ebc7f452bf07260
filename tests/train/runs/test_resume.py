"""A training that was stopped anywhere goes on as if it had not been, or says in one line why it does not."""

import csv
import errno
import json
import os
import shlex
import shutil
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

from demo.cli import app
from train.cli import train_session
from train.common import atomic
from train.fitting.batches.loader import FilmBatches
from train.fitting.checkpointing import TrainingCheckpoint
from train.runs.resume import RECORD_NAME, changed_surroundings, read_record, replace_record
from train.runs.run_folder import RunFolder
from train.runs.run_lock import hold
from train.synthetic.phantom_folder import make_phantoms

pytestmark = pytest.mark.usefixtures("eager_steps_of_module")

ROOT = Path(__file__).resolve().parents[3]
SETTINGS = {
    "prepare": {"image_size": 32},
    "width": 0.1,
    "dropout": 0.3,
    "epochs": 5,
    "batch_size": 64,
    "optimizer": "momentum",
    # Validation loss rises from the second epoch on: the rate falls after the third, and the fourth is the last.
    "learning_rate": 0.1,
    "seed": 1,
    "plateau": {"patience": 2},
    "early_stopping_patience": 3,
    "validation_fraction": 0.4,
}
NUMBERS = ("loss", "accuracy", "auroc", "val_loss", "val_accuracy", "val_auroc", "learning_rate")


@pytest.fixture(scope="module")
def few_films(tmp_path_factory):
    folder = tmp_path_factory.mktemp("few") / "films"
    make_phantoms(folder, count_per_class=30, seed=0, image_size=48)
    return folder


def train(runs, films, *options, name="run"):
    settings = runs.parent / f"{runs.name}.yaml"
    settings.write_text(yaml.safe_dump(SETTINGS))
    arguments = ["train", "a", "--data", str(films), "--name", name, "--settings", str(settings), "--device", "cpu"]
    environment = {"PNEUMOSCOPE_RUNS": str(runs), "COLUMNS": "200"}
    return CliRunner().invoke(app, [*arguments, *map(str, options)], env=environment)


def stop_in(monkeypatch, epoch, error):
    """Let the first step of an epoch, counted from 1, end in an error."""
    step = TrainingCheckpoint.on_train_batch_end

    def stopping_step(checkpoint, batch, logs=None):
        step(checkpoint, batch, logs)
        if len(checkpoint.progress.rows) + 1 == epoch:
            raise error

    monkeypatch.setattr(TrainingCheckpoint, "on_train_batch_end", stopping_step)


@pytest.fixture(scope="module")
def unbroken(few_films, tmp_path_factory):
    runs = tmp_path_factory.mktemp("unbroken") / "runs"
    result = train(runs, few_films)
    assert result.exit_code == 0, result.output
    rates = [row["learning_rate"] for row in history_of(RunFolder(runs / "run"))]
    assert rates == ["0.1", "0.1", "0.1", "0.03"]  # what the callbacks count matters, and must survive
    return RunFolder(runs / "run")


@pytest.fixture(scope="module")
def stopped(few_films, tmp_path_factory):
    """A run that Ctrl-C ended in its third epoch, and what the command said."""
    runs = tmp_path_factory.mktemp("stopped") / "runs"
    with pytest.MonkeyPatch.context() as patch:
        stop_in(patch, 3, KeyboardInterrupt())
        return RunFolder(runs / "run"), train(runs, few_films)


@pytest.fixture
def stopped_run(stopped, tmp_path):
    """A copy of it that a test may spoil."""
    shutil.copytree(stopped[0].folder.parent, tmp_path / "runs")
    return RunFolder(tmp_path / "runs" / "run")


def history_of(run):
    with run.history.open() as file:
        return list(csv.DictReader(file))


def assert_same_training(run, reference):
    rows, expected = history_of(run), history_of(reference)
    assert [(row["stage"], row["epoch"], row["image_size"]) for row in rows] == [
        (row["stage"], row["epoch"], row["image_size"]) for row in expected
    ]
    for name in NUMBERS:
        found, wanted = ([float(row[name]) for row in part] for part in (rows, expected))
        assert found == pytest.approx(wanted, rel=1e-5, abs=1e-6), name
    for path in ("last.keras", "best.keras"):
        one, two = (keras.saving.load_model(folder / path, compile=False) for folder in (run.folder, reference.folder))
        for mine, theirs in zip(one.weights, two.weights, strict=True):
            assert np.allclose(mine.numpy(), theirs.numpy(), rtol=1e-4, atol=1e-6), (path, mine.path)
    assert run.environment.is_file()
    assert not list(run.folder.glob(".writing-*"))


def error_line(result):
    lines = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, result.output
    assert "Traceback" not in result.output
    return lines[0]


@pytest.mark.slow
def test_kills_leave_no_trace_in_a_run_of_three_stages(few_films, tmp_path):
    settings = {
        "prepare.image_size": 48,
        "progressive": [{"image_size": 32, "epochs": 1}],
        "epochs": 1,
        "fine_tune.epochs": 2,
        "fine_tune.from_layer": 2,
        "head_exponent": 3,
        "schedule": "cosine",
        "dropout": 0.3,
        "films_per_class": 12,
        "validation_fraction": 0.4,
        "backbone_weights": "random",
    }
    # Half of the first last.keras is written; the second is there and half of its best.keras; within fine-tuning.
    kills = {"unbroken": [], "killed": [11, 18, 17]}
    runs = [{"name": name, "network": "b", "settings": settings, "kills": kills[name]} for name in kills]
    process = subprocess.run(
        [sys.executable, Path(__file__).with_name("killed_training.py"), few_films, tmp_path, *map(json.dumps, runs)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert process.stdout.splitlines() == ["unbroken 0", *["killed -9"] * 3, "killed 0"], process.stderr
    assert process.stderr.count("run killed resumes after epoch") == 2, process.stderr
    stages = [(row["stage"], row["image_size"]) for row in history_of(RunFolder(tmp_path / "unbroken"))]
    assert stages == [("head_32", "32"), ("head", "48"), *[("fine_tune", "48")] * 2]
    assert_same_training(RunFolder(tmp_path / "killed"), RunFolder(tmp_path / "unbroken"))


@pytest.mark.slow
def test_ctrl_c_says_how_to_resume_and_the_same_command_does(stopped, stopped_run, few_films, unbroken):
    run, result = stopped
    assert result.exit_code == 1
    assert error_line(result) == "error: stopped by Ctrl-C; what was finished is kept"
    assert f"resume with: pneumoscope train a --name run --settings {run.settings}" in result.stderr
    assert len(history_of(run)) == 2
    again = train(stopped_run.folder.parent, few_films)
    assert again.exit_code == 0, again.output
    assert "run run resumes after epoch 2" in again.stderr
    assert_same_training(stopped_run, unbroken)


def test_what_a_kill_left_unwritten_after_the_network_is_made_from_it(few_films, tmp_path, monkeypatch):
    stop_in(monkeypatch, 2, KeyboardInterrupt())
    train(tmp_path / "runs", few_films)
    run = RunFolder(tmp_path / "runs" / "run")
    first, history = keras.saving.load_model(run.best_network, compile=False), run.history.read_bytes()
    run.best_network.unlink()
    run.history.unlink()
    train(tmp_path / "runs", few_films)
    again = keras.saving.load_model(run.best_network, compile=False)
    assert all(np.array_equal(one, two) for one, two in zip(first.get_weights(), again.get_weights(), strict=True))
    assert run.history.read_bytes() == history


def test_a_run_without_the_best_network_of_an_earlier_epoch_does_not_go_on(stopped_run, few_films):
    record = read_record(stopped_run)
    record.progress.best_epoch = 1
    replace_record(stopped_run.last_network, stopped_run.last_network, record)
    stopped_run.best_network.unlink()
    result = train(stopped_run.folder.parent, few_films)
    assert result.exit_code == 2
    assert "run run cannot resume: its best.keras, of epoch 1, is gone; put it back" in error_line(result)


def test_the_command_said_for_resuming_resumes(stopped, stopped_run, few_films, monkeypatch):
    seen = []
    monkeypatch.setattr("train.fitting.fit.fit", lambda run, settings, ready, *_: seen.append((run, ready.since)))
    line = next(line for line in stopped[1].stderr.splitlines() if line.startswith("resume with: pneumoscope "))
    words = shlex.split(line.replace(str(stopped[0].folder), str(stopped_run.folder)))[3:]
    assert words[-2:] == ["--data", str(few_films)]  # as they were given; where the environment says it, it need not
    result = CliRunner().invoke(app, words, env={"PNEUMOSCOPE_RUNS": str(stopped_run.folder.parent)})
    assert result.exit_code == 0, result.output
    assert [(run, len(since.progress.rows)) for run, since in seen] == [(stopped_run, 2)]


def test_a_full_disk_leaves_a_run_that_goes_on(stopped_run, few_films, unbroken, monkeypatch):
    sync = atomic._sync

    def full(path):
        if path.suffix == ".keras":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(path)

    with monkeypatch.context() as patch:
        patch.setattr(atomic, "_sync", full)
        stop_in(patch, 1, AssertionError)  # it must not begin anew
        result = train(stopped_run.folder.parent, few_films)
    assert result.exit_code == 1
    assert "No space left on device" in error_line(result)
    assert "resume with: pneumoscope train a --name run" in result.stderr
    assert not list(stopped_run.folder.glob(".writing-*"))
    assert train(stopped_run.folder.parent, few_films).exit_code == 0
    assert_same_training(stopped_run, unbroken)


def poison_the_third_epoch(monkeypatch):
    set_epoch = FilmBatches.set_epoch

    def poison(batches, epoch):
        set_epoch(batches, epoch)
        if epoch == 2:
            batches.labels = np.full_like(batches.labels, np.nan)

    monkeypatch.setattr(FilmBatches, "set_epoch", poison)


def test_a_loss_of_nan_in_a_later_epoch_keeps_the_networks_before(stopped_run, few_films, monkeypatch):
    poison_the_third_epoch(monkeypatch)
    result = train(stopped_run.folder.parent, few_films)
    assert result.exit_code == 1
    line = error_line(result)
    assert "the loss became nan in stage train, epoch 3, step 1, at learning rate" in line
    assert "the networks of epoch 2 and before are kept" in line
    assert len(read_record(stopped_run).progress.rows) == len(history_of(stopped_run)) == 2
    assert keras.saving.load_model(stopped_run.best_network, compile=False).name == "network_a"


def test_a_network_broken_by_an_epochs_last_step_is_not_kept(stopped_run, few_films, monkeypatch):
    keep = TrainingCheckpoint.on_epoch_end

    def keep_broken(checkpoint, epoch, logs=None):
        keep(checkpoint, epoch, {**logs, "val_loss": float("nan")})

    monkeypatch.setattr(TrainingCheckpoint, "on_epoch_end", keep_broken)
    result = train(stopped_run.folder.parent, few_films)
    assert result.exit_code == 1
    assert "the loss became nan in stage train, epoch 3" in error_line(result)
    assert len(read_record(stopped_run).progress.rows) == 2


def test_epochs_that_were_not_saved_are_not_said_to_be_kept(tmp_path, few_films, monkeypatch):
    poison_the_third_epoch(monkeypatch)
    result = train(tmp_path / "runs", few_films, "--set", "save_every=3", "--set", "keep=last")
    assert result.exit_code == 1
    assert "epoch 3, step 1" in error_line(result)
    assert "no epoch was saved" in error_line(result)
    assert not (tmp_path / "runs" / "run" / "last.keras").exists()


def test_a_best_network_is_never_of_an_epoch_that_would_be_trained_again(tmp_path, few_films, monkeypatch):
    poison_the_third_epoch(monkeypatch)
    train(tmp_path / "runs", few_films, "--set", "save_every=100", "--set", "keep=best")
    run = RunFolder(tmp_path / "runs" / "run")
    progress = read_record(run).progress
    losses = [float(row["val_loss"]) for row in progress.rows]
    assert progress.best_epoch == len(progress.rows) == 1 + min(range(len(losses)), key=losses.__getitem__)
    best, last = (keras.saving.load_model(path, compile=False) for path in (run.best_network, run.last_network))
    assert all(np.array_equal(one, two) for one, two in zip(best.get_weights(), last.get_weights(), strict=True))


def set_in(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def drop_last_line(path):
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))


def without_record(path):
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist() if name != RECORD_NAME}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda run: set_in(run.settings, "epochs: 5", "epochs: 6"), ["settings.yaml was edited", "epochs: 5 → 6"]),
        (lambda run: set_in(run.split, ",train,", ",validation,"), ["split.csv", "validation", "→ train"]),
        (lambda run: drop_last_line(run.split), ["split.csv was edited"]),
        (lambda run: drop_last_line(run.films), ["films.csv was edited"]),
        (lambda run: run.films.unlink(), ["films.csv is gone"]),
        (lambda run: os.truncate(run.last_network, 5000), ["last.keras cannot be resumed"]),
        (lambda run: without_record(run.last_network), ["last.keras", "version that could not resume"]),
    ],
)
def test_an_edited_run_folder_is_refused_with_the_difference(stopped_run, few_films, spoil, words):
    spoil(stopped_run)
    before = stopped_run.history.read_bytes()
    result = train(stopped_run.folder.parent, few_films)
    assert result.exit_code in (1, 2)
    line = error_line(result)
    assert all(word in line for word in words), line
    assert stopped_run.history.read_bytes() == before


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--epochs", "9"], ["epochs: 5 → 9"]),
        (["--set", "augmentation.zoom=0.2", "--seed", "3"], ["augmentation.zoom: 0.1 → 0.2", "seed: 1 → 3"]),
    ],
)
def test_another_training_under_the_same_name_is_refused(stopped_run, few_films, options, words):
    result = train(stopped_run.folder.parent, few_films, *options)
    assert result.exit_code == 2
    assert all(word in error_line(result) for word in [*words, "--new"])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda film: film.write_bytes(film.read_bytes() + b"\0"), "has other contents"),
        (lambda film: film.unlink(), "is gone"),
        (lambda film: shutil.copy(film, film.with_name("person999_virus_1.png")), "was not there"),
    ],
)
def test_films_that_changed_on_disk_are_refused(stopped_run, few_films, tmp_path, change, words):
    films = shutil.copytree(few_films, tmp_path / "films")
    change(next((films / "chest_xray" / "train" / "PNEUMONIA").iterdir()))
    line = error_line(train(stopped_run.folder.parent, films))
    assert words in line
    assert "chest_xray/train/PNEUMONIA/" in line


def test_a_second_process_is_refused(stopped_run, few_films):
    with hold(stopped_run):
        result = train(stopped_run.folder.parent, few_films)
    assert result.exit_code == 2
    assert "run run is being trained by another process" in error_line(result)


def test_new_begins_beside_the_run_of_that_name(stopped_run, few_films, monkeypatch):
    seen = []
    monkeypatch.setattr("train.fitting.fit.fit", lambda run, settings, ready, *_: seen.append((run.name, ready.since)))
    result = train(stopped_run.folder.parent, few_films, "--new")
    assert result.exit_code == 0, result.output
    assert seen == [("run-2", None)]


def test_a_finished_run_is_said_to_be_finished(unbroken, few_films):
    before = unbroken.last_network.read_bytes()
    result = train(unbroken.folder.parent, few_films)
    assert result.exit_code == 0
    assert f"run run is finished: {unbroken.folder}" in result.stderr
    assert unbroken.last_network.read_bytes() == before
    refused = train(unbroken.folder.parent, few_films, "--epochs", "6")
    assert "epochs: 5 → 6" in error_line(refused)


def test_a_finished_run_is_evaluated_once(copied_run, phantom_root, monkeypatch):
    asked = []
    monkeypatch.setattr(train_session, "evaluate_run", lambda run, data, **how: asked.append(run.name))
    arguments = ["train", "a", "--name", "tiny", "--settings", str(copied_run.settings), "--data", str(phantom_root)]
    for evaluated in (True, False):
        if not evaluated:
            copied_run.evaluation.unlink()
        result = CliRunner().invoke(app, arguments, env={"PNEUMOSCOPE_RUNS": str(copied_run.folder.parent)})
        assert result.exit_code == 0, result.output
        assert asked == ([] if evaluated else ["tiny"])


def test_other_versions_and_another_device_are_told(stopped):
    record = read_record(stopped[0])
    assert changed_surroundings(record, "cpu") is None
    older = replace(record, versions={**record.versions, "keras": "3.0"})
    assert changed_surroundings(older, "gpu") == f"device: cpu → gpu; keras: 3.0 → {record.versions['keras']}"
