"""A longer training goes on from a shorter one where that is the same as training it alone, and nowhere else."""

import shutil
from dataclasses import replace

import keras
import numpy as np
import pytest
from optuna.trial import TrialState

from train.runs import resume
from train.runs.finished import read_history
from train.runs.resume import plain_settings, read_record, replace_record
from train.runs.run_folder import RunFolder, begin, create_run, write_environment
from train.studies import shared_epochs
from train.studies.definition import Scale, Training, find_study, run_name, settings_of, trainings_of
from train.studies.plan import make_plan
from train.studies.running.queue import claim, complete, fill
from train.studies.running.storage import opened_storage
from train.studies.running.training import Means, cohort_of_study, train_of_study
from train.studies.shared_epochs import beginning_of, take_shared_epochs
from train.synthetic.phantom_folder import make_phantoms

SMALL = Scale(image_size=32, films_per_class=20)
TIMES = {"seconds", "images_per_second"}


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shared") / "films"
    make_phantoms(folder, count_per_class=200, seed=0, image_size=32)
    return folder


@pytest.fixture
def means(films, runs):
    return Means(films, "cpu")


@pytest.fixture
def optimizers():
    """The study whose rows differ in their epochs alone."""
    return find_study("a-optimizer")


def training_of(epochs, **changes):
    """A short training like the rows of the study."""
    settings = settings_of(find_study("a-optimizer").row("momentum-0.01-8"), 0, SMALL)
    settings = settings.model_copy(update={"epochs": epochs, **changes})
    return Training(run_name(settings), settings, 0, ())


def trained(training, means):
    begun = []
    train_of_study(training, means, begun.append)
    return begun[0]


def history_of(run):
    return [{key: value for key, value in row.items() if key not in TIMES} for row in read_history(run)]


def weights_of(path):
    return keras.saving.load_model(path, compile=False).get_weights()


@pytest.fixture(scope="module")
def shorter(films, tmp_path_factory, eager_steps_of_module):
    """The run of a training of one epoch, and what gives its epochs to one of two."""
    root = tmp_path_factory.mktemp("shorter")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PNEUMOSCOPE_RUNS", str(root))
        run = trained(training_of(1), Means(films, "cpu"))
        longer = training_of(2)
        cohort = cohort_of_study(films, longer.settings)

        def take(device="cpu"):
            return take_shared_epochs(create_run(None, longer.settings), longer.settings, cohort, device)

        yield run, take


@pytest.mark.usefixtures("eager_steps_of_module")
def test_going_on_from_a_shorter_training_is_the_same_as_training_alone(means, monkeypatch, tmp_path, capsys):
    for epochs in (1, 2):
        trained(training_of(epochs), means)
    capsys.readouterr()
    shared = trained(training_of(3), means)
    assert f"run {shared.name} begins with the 2 epochs of run {training_of(2).name}" in capsys.readouterr().err
    monkeypatch.setenv("PNEUMOSCOPE_RUNS", str(tmp_path / "alone"))
    alone = trained(training_of(3), means)
    assert "begins with" not in capsys.readouterr().err
    assert history_of(shared) == history_of(alone)
    assert all(map(np.array_equal, weights_of(shared.best_network), weights_of(alone.best_network)))
    assert all(map(np.array_equal, weights_of(shared.last_network), weights_of(alone.last_network)))
    assert read_record(shared).origin == read_record(alone).origin
    assert shared.films.read_bytes() == alone.films.read_bytes()
    assert shared.split.read_bytes() == alone.split.read_bytes()
    assert shared.scores.read_bytes() == alone.scores.read_bytes()


@pytest.mark.usefixtures("blank_pictures")
@pytest.mark.parametrize("file", ["settings", "films", "split", "last_network", "environment", "best_network"])
def test_a_shorter_training_that_is_not_what_it_was_is_left_alone(shorter, file):
    run, take = shorter
    kept = getattr(run, file)
    whole = kept.read_bytes()
    try:
        kept.write_bytes(whole[:-40]) if file != "best_network" else kept.unlink()
        assert take() is None
    finally:
        kept.write_bytes(whole)


@pytest.mark.usefixtures("blank_pictures")
def test_epochs_of_another_device_or_of_other_versions_are_not_taken(shorter, monkeypatch):
    run, take = shorter
    assert take("gpu") is None
    with monkeypatch.context() as patch:
        patch.setattr(resume, "versions", lambda: {"keras": "2.0"})
        assert take() is None
    assert len(take().progress.rows) == 1
    with monkeypatch.context() as patch:
        record = read_record(run)
        record.progress.moved = True
        patch.setattr(shared_epochs, "read_record", lambda _run: record)
        assert take() is None


@pytest.mark.usefixtures("blank_pictures")
def test_a_run_that_goes_on_elsewhere_knows_it(shorter, runs, means):
    longer, other = training_of(2), read_record(shorter[0])
    run = create_run(longer.name, longer.settings)
    other = replace(other, origin=replace(other.origin, settings=plain_settings(longer.settings)), device="gpu")
    other.progress.stage_finished = False
    for file in ("split", "films", "best_network"):
        shutil.copyfile(getattr(shorter[0], file), getattr(run, file))
    replace_record(shorter[0].last_network, run.last_network, other)
    assert trained(longer, means).name == run.name
    assert (read_record(run).progress.moved, read_record(shorter[0]).progress.moved) == (True, False)


def test_epochs_are_shared_where_nothing_but_their_number_differs(optimizers):
    def beginning(epochs, **changes):
        return beginning_of(training_of(epochs, **changes).settings)

    assert beginning(8) == beginning(24) is not None
    assert len({beginning(8), beginning(8, seed=1), beginning(8, learning_rate=0.1), beginning(8, dropout=0.2)}) == 4
    # A schedule over all epochs has other rates; early stopping may have ended the shorter one.
    assert beginning(8, schedule="cosine") is None
    assert beginning(8, early_stopping_patience=3) is None
    assert beginning_of(settings_of(find_study("b-optimizer").rows[0], 0, SMALL)) is None


def test_a_shorter_training_is_claimed_before_those_it_begins(optimizers, runs):
    keys = ["adam-0.1-24", "adam-0.1-8", "adam-0.1-16", "sgd-0.1-16"]
    trainings = trainings_of([(optimizers, optimizers.row(key)) for key in keys], [0], SMALL)
    with opened_storage(f"sqlite:///{runs / 'studies.db'}") as storage:
        queue = fill(storage, SMALL, [optimizers], trainings)

        def claimed():
            return claim(queue, "worker").training.rows[0][1]

        first = claim(queue, "worker")
        assert first.training.rows[0][1] == "adam-0.1-8"
        assert claimed() == "sgd-0.1-16"
        complete(queue, first, {}, 0.5)
        assert claimed() == "adam-0.1-16"
        assert claimed() == "adam-0.1-24"  # which waits for nobody where nothing else is to be done
        assert not queue.trials(TrialState.WAITING)


def test_a_plan_counts_shared_epochs_once(optimizers, runs):
    def plan(*keys):
        trainings = trainings_of([(optimizers, optimizers.row(key)) for key in keys], [0], SMALL)
        return make_plan(trainings, SMALL.label)

    assert [planned.epochs for planned in plan("adam-0.1-24", "adam-0.1-8", "adam-0.1-16").trainings] == [8, 8, 8]
    assert plan("adam-0.1-24").epochs == plan("adam-0.1-24", "sgd-0.1-8").trainings[0].epochs == 24
    assert plan(*(row.key for row in optimizers.rows)).epochs == 12 * 24
    settings = settings_of(optimizers.row("adam-0.1-16"), 0, SMALL)
    finished = RunFolder(runs / run_name(settings))
    finished.folder.mkdir(parents=True)
    begin(finished, settings)
    write_environment(finished, {})
    assert plan("adam-0.1-24").epochs == 24  # its networks are gone
    finished.last_network.touch()
    assert plan("adam-0.1-24").epochs == 8
