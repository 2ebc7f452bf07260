"""What is trained on is the loss that was promised, and validation stays the plain cross-entropy of pneumonia."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from train.cohort import Film
from train.errors import PneumoscopeError
from train.loader import FilmBatches
from train.networks import build_network_a, pneumonia_only
from train.objective import (
    balanced_weights,
    compile_arguments,
    pneumonia_figures,
    smooth,
    training_targets,
    validation_targets,
)
from train.settings import make_settings

KINDS = ("normal", "bacterial", "viral", "unknown")


def films_of(kinds):
    return [Film(f"{n}.png", f"p{n}", int(kind != "normal"), "train", kind) for n, kind in enumerate(kinds)]


def a_with(**changes):
    return make_settings("a", {"prepare.image_size": 32, "width": 0.1, "dropout": 0, **changes})


def sigmoid(logits):
    return 1 / (1 + np.exp(-logits))


def losses(settings, films, targets):
    """(Keras's own figures of a batch under these targets, its logits of p and, with kinds, of q: float64 [n] each)."""
    logits = np.random.default_rng(0).normal(0, 2, (len(films), 2)).astype(np.float32)
    both = keras.Input((2,))
    probability = keras.ops.sigmoid(both[:, :1])
    outputs = {"probability": probability, "kind_logit": both[:, 1:]} if settings.kinds else probability
    network = keras.Model(both, outputs)
    network.compile(optimizer="sgd", run_eagerly=True, **compile_arguments(settings))
    batch = FilmBatches(
        np.zeros((len(films), 8, 8), np.uint8), targets.labels, targets.weights, batch_size=99, channels=1
    )
    _, *labels_and_weights = batch[0]
    figures = network.test_on_batch(logits, *labels_and_weights, return_dict=True)
    return pneumonia_figures(figures), logits.astype(np.float64).T


@pytest.fixture(scope="module")
def mixed():
    return films_of(["normal", "viral", "bacterial", "normal", "bacterial", "viral", "normal", "viral"])


def test_two_outputs_in_nested_form_are_the_three_class_cross_entropy(mixed):
    with_kinds = a_with(kinds=True)
    figures, (ill, viral) = losses(with_kinds, mixed, training_targets(mixed, with_kinds))
    p, q = sigmoid(ill), sigmoid(viral)
    of_class = np.stack([1 - p, p * (1 - q), p * q], axis=1)
    assert of_class.sum(axis=1) == pytest.approx(1)
    direct = -np.mean([np.log(of_class[row, KINDS.index(film.kind)]) for row, film in enumerate(mixed)])
    assert figures["loss"] == pytest.approx(direct, abs=1e-5)


def test_a_film_of_unknown_kind_counts_for_pneumonia_alone(mixed):
    with_kinds = a_with(kinds=True)
    films = [*mixed, *films_of(["unknown", "unknown"])]
    figures, (ill, viral) = losses(with_kinds, films, training_targets(films, with_kinds))
    labels = np.array([film.label for film in films])
    known = np.array([film.kind in ("viral", "bacterial") for film in films])
    of_kind = np.array([film.kind == "viral" for film in films])
    of_pneumonia = np.logaddexp(0, ill) - labels * ill
    expected = of_pneumonia + known * (np.logaddexp(0, viral) - of_kind * viral)
    assert figures["loss"] == pytest.approx(expected.mean(), abs=1e-5)


@pytest.mark.parametrize(
    "changes",
    [{}, {"kinds": True}, {"label_smoothing": 0.2, "class_weights": "balanced", "kinds": True}],
    ids=["plain", "kinds", "all"],
)
def test_validation_is_the_plain_loss_of_pneumonia_with_the_plain_figures(mixed, changes):
    of_run = a_with(**changes)
    figures, (ill, _) = losses(of_run, mixed, validation_targets(mixed, of_run))
    labels = np.array([film.label for film in mixed])
    assert figures["loss"] == pytest.approx(np.mean(np.logaddexp(0, ill) - labels * ill), abs=1e-5)
    assert figures["accuracy"] == pytest.approx(np.mean((ill > 0) == labels))
    assert 0 <= figures["auroc"] <= 1
    assert not any(key.startswith("probability") for key in figures)


def test_smoothed_and_weighed_training_loss_is_what_numpy_makes_of_it(mixed):
    of_run = a_with(label_smoothing=0.2, class_weights="balanced")
    figures, (ill, _) = losses(of_run, mixed, training_targets(mixed, of_run))
    labels = np.array([film.label for film in mixed])
    smoothed, weights = np.where(labels, 0.9, 0.1), np.where(labels, 8 / (2 * 5), 8 / (2 * 3))
    assert figures["loss"] == pytest.approx(np.mean(weights * (np.logaddexp(0, ill) - smoothed * ill)), abs=1e-5)
    assert figures["accuracy"] == pytest.approx(np.mean((ill > 0) == labels))  # of the classes, not of 0.1 and 0.9


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
    assert targets.labels.tolist() == [KINDS.index(film.kind) for film in mixed]
    assert targets.weights.tolist() == pytest.approx(balanced_weights(targets.labels).tolist())
    assert validation_targets(mixed, balanced).weights is None


@pytest.mark.parametrize(
    ("kinds", "missing"), [(["normal", "unknown"], "bacterial"), (["normal", "bacterial", "unknown"], "viral")]
)
def test_kinds_that_no_film_tells_are_one_line(kinds, missing):
    with pytest.raises(PneumoscopeError, match=f"no training film of {missing} pneumonia.*set kinds to false"):
        training_targets(films_of(kinds), a_with(kinds=True))


def test_without_its_second_output_the_network_is_the_one_trained_without():
    with_kinds, without = build_network_a(32, 0.1, kinds=True), build_network_a(32, 0.1)
    reduced = pneumonia_only(with_kinds)
    assert reduced.count_params() == without.count_params() == with_kinds.count_params() - 129
    assert [layer.name for layer in reduced.layers] == [layer.name for layer in without.layers]
    images = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 1)).astype(np.float32)
    assert np.array_equal(reduced.predict_on_batch(images), with_kinds.predict_on_batch(images)["probability"])
    assert pneumonia_only(without) is without
