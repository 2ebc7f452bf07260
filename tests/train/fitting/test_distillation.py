"""B learns what its teachers say of the same picture, is judged like any other B, and keeps nothing of them."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import csv
import json
import shutil

import keras
import numpy as np
import pytest

from train.common.errors import UsageError
from train.data.cohort import index_cohort, split_cohort, write_split
from train.fitting import checkpointing
from train.fitting.devices.device import Device
from train.fitting.distillation import (
    Distiller,
    _soft_cross_entropy,
    _unlikeness,
    load_teachers,
    unfreeze_for_distillation,
)
from train.fitting.fit import build_network, fit, make_ready
from train.fitting.scoring import load_network
from train.fitting.stages import stages_of
from train.networks.efficientnet_lite import build_teacher
from train.runs.resume import read_record
from train.runs.run_folder import begin, create_run, settings_of
from train.runs.settings import DistillationSettings, make_settings
from train.runs.settings_file import parse_assignment
from train.runs.teachers import find_teachers, learning_command, read_teachers, require_same_teachers
from train.synthetic.phantom_folder import make_phantoms

CPU = Device("cpu", "device: CPU (test)")
B_SIZE = 23_827_201
SMALL = {
    "prepare.image_size": 32,
    "batch_size": 4,
    "films_per_class": 4,
    "epochs": 2,
    "backbone_weights": "random",
    "validation_fraction": 0.4,
}


@pytest.fixture(scope="module", autouse=True)
def _cheap_steps(eager_steps_of_module):
    yield
    keras.backend.clear_session()


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    folder = tmp_path_factory.mktemp("few") / "films"
    make_phantoms(folder, count_per_class=12, seed=0, image_size=48)
    return split_cohort(index_cohort(folder), seed=0, validation_fraction=0.4)


@pytest.fixture(autouse=True)
def _runs(tmp_path, monkeypatch):
    monkeypatch.setenv("PNEUMOSCOPE_RUNS", str(tmp_path / "runs"))


@pytest.fixture(scope="module")
def teacher_run(cohort, tmp_path_factory):
    """A run that was trained as `train teacher` does it."""
    patch = pytest.MonkeyPatch()
    patch.setenv("PNEUMOSCOPE_RUNS", str(tmp_path_factory.mktemp("teachers")))
    settings = make_settings("teacher", {**SMALL, "epochs": 1, "optimizer": "sgd"})
    ready = make_ready(settings, cohort)
    run = create_run("taught", settings)
    fit(run, settings, ready, CPU)
    patch.undo()
    return run


def trained(cohort, settings, name):
    teachers = find_teachers(settings, cohort)
    ready = make_ready(settings, cohort, teachers=teachers)
    run = create_run(name, settings)
    fit(run, settings, ready, CPU)
    return run


def history_of(run):
    with run.history.open() as file:
        return list(csv.DictReader(file))


@pytest.mark.exhaustive
def test_b_learns_from_a_run_and_stays_b(cohort, teacher_run):
    # SGD has no state that would be written after each epoch: Adam's is twice as large as the network.
    changes = {"optimizer": "sgd", "progressive": [{"image_size": 40, "epochs": 1}]}
    settings = make_settings("b", {**SMALL, "teacher": str(teacher_run.folder), **changes})
    assert [stage.name for stage in stages_of(settings)] == ["distil_40", "distil"]
    run = trained(cohort, settings, "b-taught")
    rows = history_of(run)
    assert [row["stage"] for row in rows] == ["distil_40", "distil", "distil"]
    network = load_network(run)
    assert network.count_params() == B_SIZE
    assert network.name == "network_b"
    (record,) = read_teachers(run.teachers)
    assert (record.run, record.backbone_weights) == ("taught", "random")
    assert record.split_fingerprint == cohort.fingerprint
    assert json.loads(run.environment.read_text())["teachers"][0]["run"] == "taught"
    assert str(teacher_run.folder.parent) not in run.settings.read_text()
    # Validation loss is the plain cross-entropy of the network that is kept.
    losses = [float(row["val_loss"]) for row in rows if row["stage"] == "distil"]
    validation = make_ready(make_settings("b", SMALL), cohort).validation
    found = [validation[index] for index in range(len(validation))]
    labels = np.concatenate([batch[1] for batch in found])
    p = np.concatenate([network.predict_on_batch(batch[0]) for batch in found])
    assert -np.mean(labels * np.log(p) + (1 - labels) * np.log(1 - p)) == pytest.approx(min(losses), abs=1e-3)


class StoppedError(Exception):
    pass


@pytest.mark.slow
@pytest.mark.exhaustive
def test_a_stopped_run_goes_on_as_an_unbroken_one(cohort, teacher_run, small_backbone, monkeypatch):
    settings = make_settings("b", {**SMALL, "teacher": str(teacher_run.folder), "learning_rate": 0.0001})
    unbroken = trained(cohort, settings, "unbroken")
    write = checkpointing.write_history

    def stop(run, rows):
        write(run, rows)
        raise StoppedError

    with monkeypatch.context() as patch:
        patch.setattr(checkpointing, "write_history", stop)
        with pytest.raises(StoppedError):
            trained(cohort, settings, "stopped")
    from train.runs.run_folder import find_run

    run = find_run("stopped")
    teachers = find_teachers(settings, cohort)
    require_same_teachers(run, teachers)
    ready = make_ready(settings, cohort, read_record(run), teachers=teachers)
    begin(run, settings)
    fit(run, settings, ready, CPU)
    for was, now in zip(history_of(unbroken), history_of(run), strict=True):
        for key in ("loss", "val_loss", "val_auroc", "learning_rate"):
            assert float(now[key]) == pytest.approx(float(was[key]), rel=1e-4), key


@pytest.mark.slow
def test_teachers_are_frozen_and_the_whole_student_learns(cohort, teacher_run):
    settings = make_settings("b", {**SMALL, "teacher": [str(teacher_run.folder)] * 2})
    network = build_network(settings)
    unfreeze_for_distillation(network, 0.8)
    teachers = load_teachers(settings, 48)  # of another side than the run's
    assert teachers[0].input_shape == (None, 48, 48, 3)
    distiller = Distiller(network, load_teachers(settings, 32), settings.distillation)
    mine, whole = distiller.trainable_variables, network.trainable_variables
    assert [id(variable) for variable in mine] == [id(variable) for variable in whole]
    norms = [layer for layer in network.get_layer("resnet50v2").layers if "bn" in layer.name]
    assert all(layer.trainable and layer.momentum == 0.8 for layer in norms)


@pytest.fixture(scope="module")
def pair():
    keras.utils.set_random_seed(3)
    network = build_network(make_settings("b", {**SMALL, "dropout": 0.0}))
    teacher = build_teacher(32, 0.0, "random")
    # What an untrained teacher gives out is all but nothing.
    features = keras.layers.Rescaling(1e12)(teacher.get_layer("pool").output)
    return network, keras.Model(teacher.input, [teacher.get_layer("logit").output, features])


@pytest.mark.parametrize("weights", [None, np.array([[2.0], [0.0], [1.0]], np.float32)])
def test_the_loss_is_the_documented_sum(pair, weights):
    network, teacher = pair
    distillation = DistillationSettings(temperature=3, label_weight=0.25, feature_weight=2)
    distiller = Distiller(network, [teacher], distillation)
    distiller.compile(loss=keras.losses.BinaryCrossentropy(from_logits=True))
    x = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3)).astype("float32")
    y = np.array([[1.0], [0.0], [1.0]], np.float32)
    outputs = distiller(x, training=False)
    z, mine = (np.array(value, np.float64) for value in outputs)
    target, theirs = (np.array(value, np.float64) for value in teacher(x, training=False))
    soft = 1 / (1 + np.exp(-target / 3))
    cooled = 1 / (1 + np.exp(-z / 3))
    answer = -9 * (soft * np.log(cooled) + (1 - soft) * np.log(1 - cooled))[:, 0]
    label = (np.logaddexp(0, z) - y * z)[:, 0]
    a, b = (values - values.mean(axis=0) for values in (mine[:, :1280], theirs))
    unlike = 1 - (a * b).sum(axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    w = np.ones(3) if weights is None else weights[:, 0]
    expected = np.mean(w * (answer + 0.25 * label + 2 * unlike))
    assert float(distiller.compute_loss(x, y, outputs, weights, training=True)) == pytest.approx(expected, rel=1e-3)
    plain = float(distiller.compute_loss(x, y, outputs, weights, training=False))
    assert plain == pytest.approx(np.mean(w * label), rel=1e-4)


def test_features_that_agree_cost_nothing_whatever_their_scale_and_offset():
    theirs = np.random.default_rng(0).random((5, 6)).astype("float32")
    mine = np.concatenate([3 * theirs + 7, np.random.default_rng(1).random((5, 4))], axis=1).astype("float32")
    np.testing.assert_allclose(_unlikeness(mine, theirs), 0, atol=1e-5)
    np.testing.assert_allclose(_unlikeness(-mine, theirs), 2, atol=1e-5)
    np.testing.assert_allclose(_unlikeness(mine[:1], theirs[:1]), 1)  # one film alone: nothing to compare


def test_the_soft_loss_is_lowest_at_the_teacher_s_answer():
    target = np.array([[1.5]], np.float32)
    losses = {z: float(_soft_cross_entropy(np.array([[z]], np.float32), target, 2.0)[0]) for z in (1.0, 1.5, 2.0)}
    assert min(losses, key=losses.get) == 1.5
    assert np.isfinite(float(_soft_cross_entropy(np.array([[-1e4]], np.float32), target, 2.0)[0]))


def test_teachers_that_would_spoil_the_run_are_refused(cohort, teacher_run, tmp_path):
    def settings(**changes):
        return make_settings("b", {**SMALL, "teacher": str(teacher_run.folder), **changes})

    with pytest.raises(UsageError, match="no run nobody"):
        find_teachers(settings(teacher="nobody"), cohort)
    with pytest.raises(UsageError, match=r"contrast none.*contrast equalise"):
        find_teachers(settings(**{"prepare.contrast": "equalise"}), cohort)
    with pytest.raises(UsageError, match=r"prepare\.resize squash.* resize letterbox.*set prepare\.resize to squash"):
        find_teachers(settings(**{"prepare.resize": "letterbox"}), cohort)
    with pytest.raises(UsageError, match=r"prepare\.centre_crop 1\.0.* centre_crop 0\.8"):
        find_teachers(settings(**{"prepare.centre_crop": 0.8}), cohort)
    assert find_teachers(settings(**{"prepare.image_size": 64}), cohort)
    other = create_run("other", make_settings("a", {}))
    with pytest.raises(UsageError, match="trained a: expected a run of network teacher"):
        find_teachers(settings(teacher="other"), cohort)
    dealt_again = split_cohort(index_cohort(cohort.root), seed=5, validation_fraction=0.4)
    with pytest.raises(UsageError, match=r"taught was trained or chosen on .* held out here.*split_seed"):
        find_teachers(settings(), dealt_again)
    assert other.folder.is_dir()


@pytest.mark.parametrize("split", ["train", "validation"])
def test_a_teacher_of_a_test_film_is_refused(cohort, teacher_run, tmp_path, split):
    from dataclasses import replace

    copy = tmp_path / "cheat"
    shutil.copytree(teacher_run.folder, copy)
    films = tuple(replace(film, split=split) if film.split == "test" else film for film in cohort.films)
    write_split(replace(cohort, films=films), copy / "split.csv")
    with pytest.raises(UsageError, match=r"cheat was trained or chosen on chest_xray/test/.* held out here"):
        find_teachers(make_settings("b", {**SMALL, "teacher": str(copy)}), cohort)


def test_another_teacher_of_the_same_name_does_not_go_on(cohort, teacher_run, tmp_path):
    settings = make_settings("b", {**SMALL, "teacher": str(teacher_run.folder)})
    (record,) = find_teachers(settings, cohort)
    run = create_run("b", settings)
    run.teachers.write_text(json.dumps([{**record.__dict__, "weights": "0"}]))
    with pytest.raises(UsageError, match="teacher taught has other weights"):
        require_same_teachers(run, [record])


@pytest.mark.parametrize("network", ["a", "backbone", "teacher"])
def test_only_b_has_teachers(network):
    with pytest.raises(UsageError, match=f"teacher does not belong to network {network}"):
        make_settings(network, {"teacher": "t"})


def test_a_run_that_forgot_its_teachers_does_not_resume(cohort, teacher_run):
    settings = make_settings("b", {**SMALL, "teacher": str(teacher_run.folder)})
    with pytest.raises(UsageError, match=r"names 0 teachers, its settings 1"):
        require_same_teachers(create_run("b", settings), find_teachers(settings, cohort))


def test_the_command_that_learns_from_a_teacher_makes_settings_that_it_fits(cohort, teacher_run, monkeypatch):
    monkeypatch.setenv("PNEUMOSCOPE_RUNS", str(teacher_run.folder.parent))
    taught = make_settings("teacher", {**SMALL, "prepare.contrast": "equalise", "split_seed": 3})
    assert learning_command(teacher_run, make_settings("teacher", {})) == "pneumoscope train b --teacher taught"
    words = learning_command(teacher_run, taught).split()
    assert words[:5] == ["pneumoscope", "train", "b", "--teacher", "taught"]
    assert words[5::2] == ["--set"] * len(words[6::2])
    student = make_settings("b", {"teacher": "taught", **dict(map(parse_assignment, words[6::2]))})
    assert (student.prepare, student.seed_of_split) == (taught.prepare, 3)
    assert student.validation_fraction == taught.validation_fraction
    fits = learning_command(teacher_run, settings_of(teacher_run)).split()
    student = make_settings("b", {"teacher": "taught", **dict(map(parse_assignment, fits[6::2]))})
    assert find_teachers(student, cohort)[0].run == "taught"
