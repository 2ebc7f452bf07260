"""A study's training: into its run folder, or on from what stands there; what goes wrong is a result, or a line."""

import time
from dataclasses import replace

import numpy as np
import pytest

from train.common.errors import PneumoscopeError, UsageError
from train.evaluation.evaluation import read_evaluation
from train.fitting import fit as fitting
from train.fitting.checkpointing import DivergedLossError, TrainingCheckpoint
from train.metrics.scores import read_scores
from train.runs.finished import read_history
from train.runs.run_folder import RunFolder
from train.runs.run_lock import hold
from train.studies.definition import Scale, Training, find_study, run_name, settings_of, trainings_of
from train.studies.running.queue import Queue, fill
from train.studies.running.storage import opened_storage
from train.studies.running.training import Means, OutOfTime, train_of_study
from train.studies.running.worker import Orders, work
from train.studies.status import standings
from train.synthetic.phantom_folder import make_phantoms

pytestmark = pytest.mark.usefixtures("eager_steps_of_module")

SMALL = Scale(image_size=32, epochs=2, films_per_class=20)


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study") / "films"
    make_phantoms(folder, count_per_class=200, seed=0, image_size=32)
    for film in (folder / "chest_xray" / "test").rglob("*.*"):
        film.write_bytes(b"")  # whoever reads a test film fails
    return folder


@pytest.fixture
def training():
    study = find_study("a-width")
    return trainings_of([(study, study.row("0.25"))], [0], SMALL)[0]


@pytest.fixture
def means(films, runs):
    return Means(films, "cpu")


def stop_in(monkeypatch, epoch, error):
    """Let the first step of an epoch, counted from 1, end in an error."""
    step = TrainingCheckpoint.on_train_batch_end

    def stopping_step(checkpoint, batch, logs=None):
        step(checkpoint, batch, logs)
        if len(checkpoint.progress.rows) + 1 == epoch:
            raise error

    monkeypatch.setattr(TrainingCheckpoint, "on_train_batch_end", stopping_step)


def no_training(*_, **__):
    raise AssertionError("it is trained again")


@pytest.mark.usefixtures("blank_pictures")
def test_a_training_is_in_its_run_folder_and_evaluated_on_validation_alone(training, means, runs, monkeypatch):
    result = train_of_study(training, means)
    run = RunFolder(runs / training.name)
    assert run.name == run_name(training.settings)
    history = read_history(run)
    assert result.value == min(float(row["val_loss"]) for row in history)
    assert (result.facts["epochs"], result.facts["diverged"]) == (2, False)
    assert result.facts["device"].startswith("CPU")
    scores = read_scores(run.scores)
    assert set(scores.splits) == {"validation"}
    evaluation = read_evaluation(run.evaluation)
    assert evaluation["test"] is None
    assert (
        "test" not in run.split.read_text().replace("chest_xray/test", "test") or "/test/" not in run.split.read_text()
    )
    assert result.facts["threshold"] == evaluation["thresholds"][evaluation["default_operating_point"]]

    # Finished, it is taken over as it is, and evaluated where that is missing.
    monkeypatch.setattr(fitting, "fit", no_training)
    assert train_of_study(training, means) == result
    run.evaluation.unlink()
    assert train_of_study(training, means).facts == result.facts
    assert np.array_equal(read_scores(run.scores).logits, scores.logits)


@pytest.mark.usefixtures("blank_pictures")
def test_a_stopped_training_goes_on_after_its_last_epoch(training, means, runs, monkeypatch):
    with monkeypatch.context() as patch:
        stop_in(patch, 2, KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            train_of_study(training, means)
    (kept,) = read_history(RunFolder(runs / training.name))
    assert train_of_study(training, means).facts["epochs"] == 2
    assert read_history(RunFolder(runs / training.name))[0] == kept


def test_no_epoch_is_begun_that_would_not_end_in_time(training, means, runs):
    with pytest.raises(OutOfTime):
        train_of_study(training, replace(means, ends_at=time.time() - 1))
    assert not RunFolder(runs / training.name).history.exists()


def test_what_another_process_trains_is_left_to_it(training, means, runs):
    run = RunFolder(runs / training.name)
    run.folder.mkdir(parents=True)
    with hold(run), pytest.raises(UsageError, match="another process"):
        train_of_study(training, means, lambda _run: pytest.fail("the folder is another's"))


def test_a_run_folder_of_other_settings_is_refused(training, means, runs):
    other = Training(training.name, settings_of(find_study("a-width").row("0.5"), 0, SMALL), 0, training.rows)
    with pytest.raises(OutOfTime):
        train_of_study(other, replace(means, ends_at=0.0))
    with pytest.raises(UsageError, match=r"width: 0.5 → 0.25"):
        train_of_study(training, means)


def test_a_loss_that_is_no_number_is_a_result(training, means, monkeypatch):
    stop_in(monkeypatch, 2, DivergedLossError("the loss became nan in stage train, epoch 2"))
    result = train_of_study(training, means)
    assert result.value == float("inf")
    assert (result.facts["diverged"], result.facts["epochs"]) == (True, 1)
    assert "became nan" in result.facts["why"]


@pytest.mark.usefixtures("small_backbone", "blank_pictures")
def test_the_head_of_b_is_kept_when_it_is_fine_tuned(means, runs):
    row = replace(find_study("b-dropout").rows[0], changes={"fine_tune.from_layer": 3})
    settings = settings_of(row, 0, replace(SMALL, epochs=1, backbone_weights="random"))
    train_of_study(Training(run_name(settings), settings, 0, ()), means)
    run = RunFolder(runs / run_name(settings))
    head, fine_tune = read_history(run)
    assert (head["stage"], fine_tune["stage"]) == ("head", "fine_tune")
    kept = run.head_network.read_bytes()
    improved = float(fine_tune["val_loss"]) < float(head["val_loss"])
    assert (kept != run.best_network.read_bytes()) == improved


def orders_of(runs, trainings, means):
    url = f"sqlite:///{runs / 'studies.db'}"
    with opened_storage(url) as storage:
        queue = fill(storage, SMALL, [find_study("a-width")], trainings)
        return Orders("worker", url, queue.study, queue.trainings, means, heartbeat_seconds=5, grace_seconds=30)


def states_after(orders):
    with opened_storage(orders.storage) as storage:
        return {each.state: each.why for each in standings(Queue(storage, orders.study, orders.trainings))}


def raising(error):
    def train(_training, _means, begun):
        begun(RunFolder(_means.data_root))
        raise error

    return train


@pytest.mark.parametrize(
    ("error", "state", "why"),
    [
        (PneumoscopeError("no such weights"), "failed", "no such weights"),
        (ZeroDivisionError("a slip"), "failed", "ZeroDivisionError: a slip"),
    ],
)
def test_a_row_that_cannot_be_trained_keeps_no_other_from_it(runs, means, training, error, state, why):
    orders = orders_of(runs, [training], means)
    work(orders, raising(error))
    assert states_after(orders) == {state: why}


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (KeyboardInterrupt(), KeyboardInterrupt),
        (OutOfTime(), OutOfTime),
        (OSError(28, "No space left"), PneumoscopeError),
    ],
)
def test_a_worker_that_is_stopped_gives_its_row_back(runs, means, training, error, raised):
    orders = orders_of(runs, [training], means)
    with pytest.raises(raised):
        work(orders, raising(error))
    assert states_after(orders) == {"waiting": None}


def test_a_worker_leaves_a_row_whose_folder_is_taken_and_goes_on_to_the_next(runs, means):
    study = find_study("a-width")
    two = trainings_of([(study, row) for row in study.rows[:2]], [0], SMALL)
    orders = orders_of(runs, two, means)
    tried = []

    def train(training, _means, _begun):
        tried.append(training.name)
        raise UsageError("run is being trained by another process")

    work(orders, train)
    assert tried == [training.name for training in two]
    assert states_after(orders) == {"waiting": None}
