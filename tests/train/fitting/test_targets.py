"""What is trained on is the loss that was promised, and validation stays the plain cross-entropy of pneumonia."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from train.data.cohort import Film
from train.fitting.batches.loader import FilmBatches
from train.fitting.targets import (
    Targets,
    balanced_weights,
    compile_arguments,
    smooth,
    training_targets,
    validation_targets,
)
from train.networks import logit_model
from train.runs.settings import make_settings

SUBTYPES = ("normal", "bacterial", "viral", "unknown")


def films_of(kinds):
    return [Film(f"{n}.png", f"p{n}", int(kind != "normal"), "train", kind) for n, kind in enumerate(kinds)]


def a_with(**changes):
    return make_settings("a", {"prepare.image_size": 32, "width": 0.1, "dropout": 0, **changes})


def sigmoid(logits):
    return 1 / (1 + np.exp(-logits))


def losses(settings, films, targets):
    """(Keras's own figures of a batch under these targets, its logits: float64 [n])."""
    logits = np.random.default_rng(0).normal(0, 2, (len(films), 1)).astype(np.float32)
    logit = keras.Input((1,))
    network = logit_model(keras.Model(logit, keras.layers.Activation("sigmoid")(logit)))
    network.compile(optimizer="sgd", run_eagerly=True, **compile_arguments(settings))
    batch = FilmBatches(
        np.zeros((len(films), 8, 8), np.uint8), targets.labels, targets.weights, batch_size=99, channels=1
    )
    _, *labels_and_weights = batch[0]
    figures = network.test_on_batch(logits, *labels_and_weights, return_dict=True)
    return figures, logits[:, 0].astype(np.float64)


@pytest.fixture(scope="module")
def mixed():
    return films_of(["normal", "viral", "bacterial", "normal", "bacterial", "viral", "normal", "viral"])


@pytest.mark.parametrize(
    "changes",
    [{}, {"label_smoothing": 0.2, "class_weights": "balanced"}],
    ids=["plain", "all"],
)
def test_validation_is_the_plain_loss_of_pneumonia_with_the_plain_figures(mixed, changes):
    of_run = a_with(**changes)
    figures, ill = losses(of_run, mixed, validation_targets(mixed, of_run))
    labels = np.array([film.label for film in mixed])
    assert figures["loss"] == pytest.approx(np.mean(np.logaddexp(0, ill) - labels * ill), abs=1e-5)
    assert figures["accuracy"] == pytest.approx(np.mean((ill > 0) == labels))
    assert 0 <= figures["auroc"] <= 1


def test_smoothed_and_weighed_training_loss_is_what_numpy_makes_of_it(mixed):
    of_run = a_with(label_smoothing=0.2, class_weights="balanced")
    figures, ill = losses(of_run, mixed, training_targets(mixed, of_run))
    labels = np.array([film.label for film in mixed])
    smoothed, weights = np.where(labels, 0.9, 0.1), np.where(labels, 8 / (2 * 5), 8 / (2 * 3))
    assert figures["loss"] == pytest.approx(np.mean(weights * (np.logaddexp(0, ill) - smoothed * ill)), abs=1e-5)
    assert figures["accuracy"] == pytest.approx(np.mean((ill > 0) == labels))  # of the classes, not of 0.1 and 0.9


def test_blended_films_are_told_by_the_class_they_are_nearer_to(mixed):
    of_run = a_with(**{"augmentation.mixup": 0.4})
    labels = np.array([0.1, 0.9, 0.6, 0.4, 1, 0.8, 0, 0.7], np.float32)
    figures, ill = losses(of_run, mixed, Targets(labels))
    assert figures["accuracy"] == pytest.approx(np.mean((ill > 0) == (labels > 0.5)))
    assert figures["loss"] == pytest.approx(np.mean(np.logaddexp(0, ill) - labels * ill), abs=1e-5)


@settings(deadline=None)
@given(st.lists(st.integers(0, 2), min_size=1, max_size=60))
def test_balanced_weights_sum_to_the_films_and_alike_over_classes(labels):
    labels = np.array(labels)
    weights = balanced_weights(labels)
    assert weights.sum() == pytest.approx(len(labels), rel=1e-5)
    sums = [weights[labels == label].sum() for label in np.unique(labels)]
    assert sums == pytest.approx([sums[0]] * len(sums), rel=1e-5)


@given(st.floats(0, 0.5))
def test_smoothing_keeps_the_middle_and_the_order(share):
    low, high = smooth(np.array([0, 1]), share)
    assert low + high == pytest.approx(1)
    assert high - low == pytest.approx(1 - share, abs=1e-6)
    if share == 0:
        assert (low, high) == (0, 1)


def test_levers_that_are_off_leave_labels_as_they_are_without_weights(mixed):
    targets = training_targets(mixed, a_with())
    assert targets.labels.tolist() == [film.label for film in mixed]
    assert targets.weights is None


def test_a_backbone_learns_three_classes_and_weighs_them(mixed):
    balanced = make_settings("backbone", {"class_weights": "balanced"})
    targets = training_targets(mixed, balanced)
    assert targets.labels.tolist() == [SUBTYPES.index(film.subtype) for film in mixed]
    assert targets.weights.tolist() == pytest.approx(balanced_weights(targets.labels).tolist())
    assert validation_targets(mixed, balanced).weights is None
