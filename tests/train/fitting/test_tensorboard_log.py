"""What TensorBoard is shown is the history, of a resumed run too; and nothing is written unless it is asked for."""

import csv
import os
from functools import partial

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import pytest

from train.common.errors import UsageError
from train.data.cohort import index_cohort, split_cohort
from train.fitting import tensorboard_log
from train.fitting.checkpointing import TrainingCheckpoint
from train.fitting.devices.device import Device
from train.fitting.fit import fit, make_ready
from train.fitting.tensorboard_log import epoch_log, require_tensorboard
from train.runs.resume import read_record
from train.runs.run_folder import create_run
from train.runs.settings import make_settings

CPU = Device("cpu", "device: CPU (test)")
SETTINGS = make_settings(
    "a", {"prepare.image_size": 32, "batch_size": 16, "films_per_class": 16, "epochs": 3, "width": 0.1}
)
pytestmark = pytest.mark.usefixtures("eager_steps")


@pytest.fixture
def cohort(phantom_root):
    return split_cohort(index_cohort(phantom_root), seed=0, validation_fraction=0.3)


@pytest.fixture(autouse=True)
def _runs(tmp_path, monkeypatch):
    monkeypatch.setenv("PNEUMOSCOPE_RUNS", str(tmp_path))


def history_of(run, key):
    with run.history.open() as file:
        return [float(row[key]) for row in csv.DictReader(file)]


def logged(folder, tag):
    """The (epoch, value) pairs that TensorBoard itself reads from a folder."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util.tensor_util import make_ndarray

    events = EventAccumulator(str(folder))
    events.Reload()
    return [(event.step, float(make_ndarray(event.tensor_proto))) for event in events.Tensors(tag)]


def assert_logs_the_history(run):
    for folder, key, tag in (
        ("train", "loss", "epoch_loss"),
        ("validation", "val_loss", "epoch_loss"),
        ("validation", "val_auroc", "epoch_auroc"),
    ):
        found = logged(run.tensorboard / "train" / folder, tag)
        assert [step for step, _ in found] == [0, 1, 2]
        assert [value for _, value in found] == pytest.approx(history_of(run, key), rel=1e-4), (folder, key)


def test_tensorboard_shows_the_history_and_changes_nothing(cohort):
    plain, watched = (create_run(None, SETTINGS) for _ in range(2))
    fit(plain, SETTINGS, make_ready(SETTINGS, cohort), CPU)
    fit(watched, SETTINGS, make_ready(SETTINGS, cohort), CPU, [partial(epoch_log, watched)])
    assert history_of(watched, "val_loss") == history_of(plain, "val_loss")
    assert not plain.tensorboard.exists()
    assert_logs_the_history(watched)


@pytest.mark.exhaustive
def test_the_curves_of_a_run_that_was_killed_go_on(cohort, monkeypatch):
    run, step = create_run(None, SETTINGS), TrainingCheckpoint.on_train_batch_end

    def killing_step(checkpoint, batch, logs=None):
        step(checkpoint, batch, logs)
        if len(checkpoint.progress.rows) == 2:
            raise SystemExit

    monkeypatch.setattr(TrainingCheckpoint, "on_train_batch_end", killing_step)
    alive = epoch_log(run, "train")  # held here, or its end would write what a killed process no longer can
    with pytest.raises(SystemExit):
        fit(run, SETTINGS, make_ready(SETTINGS, cohort), CPU, [lambda _stage: alive])
    assert [step for step, _ in logged(run.tensorboard / "train" / "train", "epoch_loss")] == [0, 1]
    monkeypatch.undo()
    monkeypatch.setenv("PNEUMOSCOPE_RUNS", str(run.folder.parent))
    fit(run, SETTINGS, make_ready(SETTINGS, cohort, read_record(run)), CPU, [partial(epoch_log, run)])
    assert_logs_the_history(run)


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(tensorboard_log, "find_spec", lambda name: None if name == "tensorboard" else object())
    with pytest.raises(UsageError, match=r"pip install tensorboard$"):
        require_tensorboard()


def test_the_command_asks_for_it_before_it_makes_a_run(phantom_root, run_command, tmp_path, monkeypatch):
    monkeypatch.setattr(tensorboard_log, "find_spec", lambda _: None)
    result = run_command("train", "a", "--data", phantom_root, "--image-size", 32, "--tensorboard")
    assert result.exit_code == 2
    assert "error: --tensorboard needs" in result.stderr
    assert not (tmp_path / "runs").exists()


def test_each_stage_of_b_has_a_folder_of_its_own(cohort, small_backbone):
    changes = {"prepare.image_size": 32, "films_per_class": 8, "epochs": 2, "backbone_weights": "random"}
    settings = make_settings("b", {**changes, "fine_tune.epochs": 1, "fine_tune.from_layer": 3})
    run = create_run(None, settings)
    fit(run, settings, make_ready(settings, cohort), CPU, [partial(epoch_log, run)])
    losses = history_of(run, "val_loss")
    for stage, values in (("head", losses[:2]), ("fine_tune", losses[2:])):
        found = [value for _, value in logged(run.tensorboard / stage / "validation", "epoch_loss")]
        assert found == pytest.approx(values, rel=1e-4)
