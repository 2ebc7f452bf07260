"""Training leaves a run folder that is true after every epoch."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import csv
import json

import keras
import numpy as np
import pytest

from train.common.errors import PneumoscopeError
from train.data.cohort import Cohort, index_cohort, read_split, split_cohort
from train.fitting.devices.device import Device
from train.fitting.fit import fit, make_optimizer, make_ready
from train.networks import backbone_of, build_network_b
from train.runs.run_folder import create_run, settings_of
from train.runs.settings import make_settings

CPU = Device("cpu", "device: CPU (test)")
SMALL = {"prepare.image_size": 32, "batch_size": 16, "films_per_class": 16, "epochs": 1}


@pytest.fixture
def cohort(phantom_root):
    return split_cohort(index_cohort(phantom_root), seed=0, validation_fraction=0.3)


@pytest.fixture(autouse=True)
def _runs(tmp_path, monkeypatch):
    monkeypatch.setenv("PNEUMOSCOPE_RUNS", str(tmp_path))


@pytest.fixture(scope="module", autouse=True)
def _free_memory():
    """Once: searching all that TensorFlow holds for what is free takes seconds."""
    yield
    keras.backend.clear_session()


def history_of(run):
    with run.history.open() as file:
        return list(csv.DictReader(file))


def test_network_a_leaves_a_whole_run_folder(trained_run):
    names = {path.name for path in trained_run.folder.iterdir()}
    assert {
        "settings.yaml",
        "split.csv",
        "films.csv",
        ".lock",
        "history.csv",
        "last.keras",
        "best.keras",
        "environment.json",
        "scores.csv",
        "evaluation.json",
        "curves",
    } == names
    environment = json.loads(trained_run.environment.read_text())
    expected = {"device", "seed", "seconds", "images_per_second", "split_fingerprint", "versions", "commit"}
    assert expected <= set(environment)


def test_the_run_folder_names_no_place_of_this_machine(trained_run, phantom_root):
    for path in trained_run.folder.glob("*.[cjy]*"):
        assert str(phantom_root.parent) not in path.read_text()
        assert "/tmp/" not in path.read_text()


def test_best_is_the_epoch_of_the_lowest_validation_loss(trained_run, phantom_root):
    from train.fitting.scoring import score_run

    losses = [float(row["val_loss"]) for row in history_of(trained_run)]
    scores, _ = score_run(trained_run, read_split(trained_run.split, phantom_root), "validation")
    loss = np.mean(np.logaddexp(0, scores.logits) - scores.labels * scores.logits)
    assert loss == pytest.approx(min(losses), abs=1e-4)


def test_the_split_written_is_the_split_trained_on(trained_run, phantom_root):
    split = read_split(trained_run.split, phantom_root)
    assert json.loads(trained_run.environment.read_text())["split_fingerprint"] == split.fingerprint
    assert not {f.patient for f in split.of_split("train")} & {f.patient for f in split.of_split("validation")}


@pytest.mark.slow
def test_the_same_seed_gives_the_same_history(cohort):
    histories = []
    for seed in (7, 7, 8):
        settings = make_settings("a", {**SMALL, "width": 0.25, "seed": seed})
        run = create_run(None, settings)
        fit(run, settings, make_ready(settings, cohort), CPU)
        histories.append([(row["loss"], row["val_loss"]) for row in history_of(run)])
    assert histories[0] == histories[1]
    assert histories[0] != histories[2]


@pytest.mark.slow
def test_network_b_trains_its_head_and_then_its_backbone(cohort):
    changes = {**SMALL, "backbone_weights": "random", "fine_tune.epochs": 1, "fine_tune.from_layer": 180}
    settings = make_settings("b", changes)
    run = create_run(None, settings)
    fit(run, settings, make_ready(settings, cohort), CPU)
    rows = history_of(run)
    assert [(row["stage"], row["epoch"]) for row in rows] == [("head", "1"), ("fine_tune", "2")]
    assert float(rows[1]["learning_rate"]) == pytest.approx(float(rows[0]["learning_rate"]) / 10)
    last = keras.saving.load_model(run.last_network)
    trains = [bool(layer.trainable_weights) for layer in backbone_of(last).layers]
    has_weights = [bool(layer.weights) for layer in backbone_of(last).layers]
    assert trains == [False] * 180 + has_weights[180:]


@pytest.mark.slow
def test_the_backbone_run_makes_weights_that_network_b_takes(cohort, eager_steps):
    settings = make_settings("backbone", {**SMALL, "optimizer": "sgd"})
    run = create_run(None, settings)
    fit(run, settings, make_ready(settings, cohort), CPU)
    best = keras.saving.load_model(run.best_network, compile=False)
    network = build_network_b(64, backbone_weights=run.backbone_weights)
    for mine, theirs in zip(backbone_of(best).weights, backbone_of(network).weights, strict=True):
        assert np.array_equal(mine.numpy(), theirs.numpy())


@pytest.mark.parametrize(
    ("name", "kind", "momentum"),
    [("adam", "Adam", None), ("rmsprop", "RMSprop", None), ("sgd", "SGD", 0.0), ("momentum", "SGD", 0.9)],
)
def test_the_four_optimizers_are_the_reports(name, kind, momentum):
    optimizer = make_optimizer(name, 0.01)
    assert type(optimizer).__name__ == kind
    assert float(optimizer.learning_rate) == pytest.approx(0.01)
    if momentum is not None:
        assert optimizer.momentum == momentum


def test_early_stopping_stops(cohort, eager_steps):
    changes = {**SMALL, "width": 0.25, "epochs": 30, "early_stopping_patience": 1, "learning_rate": 0.1}
    settings = make_settings("a", changes)
    run = create_run(None, settings)
    fit(run, settings, make_ready(settings, cohort), CPU)
    assert len(history_of(run)) < 30


def test_a_loss_that_is_no_number_ends_in_one_line_with_step_and_rate(cohort, eager_steps):
    changes = {**SMALL, "width": 0.25, "optimizer": "sgd", "learning_rate": 10, "epochs": 5, "batch_norm_momentum": 0.5}
    settings = make_settings("a", changes)
    run = create_run(None, settings)
    ready = make_ready(settings, cohort)
    logit = ready.network.get_layer("logit")
    kernel, bias = logit.get_weights()
    logit.set_weights([np.full_like(kernel, np.nan), bias])
    with pytest.raises(PneumoscopeError, match=r"loss became nan in stage train, epoch 1, step 1.*rate 10"):
        fit(run, settings, ready, CPU)
    assert not run.environment.exists()
    assert not run.last_network.exists()


def test_a_split_without_readable_films_of_a_class_is_refused(cohort):
    films = tuple(film for film in cohort.films if film.label == 1 or film.split != "validation")
    settings = make_settings("a", SMALL)
    with pytest.raises(PneumoscopeError, match="validation has no readable film of class NORMAL"):
        make_ready(settings, Cohort(cohort.root, films))


def test_settings_in_the_run_folder_are_those_trained_with(trained_run):
    assert settings_of(trained_run).prepare.image_size == 32
