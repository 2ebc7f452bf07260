"""The running average is NumPy's, is what validation sees and best.keras holds, and leaves training alone."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pytest

from train.networks import build_network_b
from train.weight_average import WeightAverage, momentum_at, moving_weights

FILMS = np.random.default_rng(0).normal(size=(24, 6)).astype(np.float32)
LABELS = (FILMS.sum(axis=1, keepdims=True) > 0).astype(np.float32)


class Watch(keras.callbacks.Callback):
    """Writes down the weights after every step and those that validation runs with."""

    def __init__(self):
        super().__init__()
        self.after_steps = []
        self.in_validation = []

    def on_train_batch_end(self, batch, logs=None):
        self.after_steps.append([np.array(weight) for weight in moving_weights(self.model)])

    def on_test_batch_end(self, batch, logs=None):
        self.in_validation.append([np.array(weight) for weight in moving_weights(self.model)])


def small_network():
    keras.utils.set_random_seed(3)
    layers = [keras.layers.Dense(4, "relu"), keras.layers.BatchNormalization(momentum=0.5), keras.layers.Dropout(0.2)]
    network = keras.Sequential([keras.Input((6,)), *layers, keras.layers.Dense(1, "sigmoid")])
    network.compile("adam", "binary_crossentropy", run_eagerly=True)
    return network


def trained(average, network=None, epochs=2, first_epoch=0):
    network, watch = network or small_network(), Watch()
    network.fit(
        FILMS,
        LABELS,
        validation_data=(FILMS[:8], LABELS[:8]),
        initial_epoch=first_epoch,
        epochs=epochs,
        batch_size=8,
        shuffle=False,
        verbose=0,
        callbacks=[average, watch],
    )
    return network, watch


def average_of(start, steps, momentum):
    values = [value.astype(np.float64) for value in start]
    for step, weights in enumerate(steps, start=1):
        share = min(momentum, (1 + step) / (10 + step))
        values = [share * value + (1 - share) * weight for value, weight in zip(values, weights, strict=True)]
    return values


def assert_close(some, others):
    for one, other in zip(some, others, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.parametrize("momentum", [0.5, 0.99])
def test_the_average_is_numpys_statistics_included_and_is_what_validation_sees(momentum):
    start = [np.array(weight) for weight in moving_weights(small_network())]
    average = WeightAverage(momentum)
    network, watch = trained(average)
    assert len(start) == 6 + 2  # two kernels and biases, gamma and beta; mean and variance
    assert len(watch.after_steps) == average.steps == 6
    assert_close(average.values, average_of(start, watch.after_steps, momentum))
    assert_close(watch.in_validation[0], average_of(start, watch.after_steps[:3], momentum))
    with average.in_place():
        assert_close([np.array(weight) for weight in moving_weights(network)], average.values)
    assert_close([np.array(weight) for weight in moving_weights(network)], watch.after_steps[-1])


def test_training_goes_the_same_way_with_and_without():
    _, plain = trained(WeightAverage(None))
    _, averaged = trained(WeightAverage(0.9))
    assert all(
        np.array_equal(one, other) for one, other in zip(plain.after_steps[-1], averaged.after_steps[-1], strict=True)
    )
    assert_close(plain.in_validation[-1], plain.after_steps[-1])


def test_a_restored_average_goes_on():
    whole = WeightAverage(0.9)
    trained(whole)
    first = WeightAverage(0.9)
    network, _ = trained(first, epochs=1)
    second = WeightAverage(0.9)
    second.restore(network, first.steps, first.values)
    trained(second, network, epochs=2, first_epoch=1)
    assert second.steps == whole.steps
    assert_close(second.values, whole.values)


def test_the_random_first_weights_are_soon_forgotten():
    left = np.prod([momentum_at(step, 0.999) for step in range(1, 101)])
    assert left < 1e-6
    assert momentum_at(10**6, 0.999) == 0.999


def test_a_frozen_backbone_is_not_averaged():
    network = build_network_b(32, head_exponent=2, backbone_weights="random", kinds=True)
    assert set(network.output) == {"probability", "kind_logit"}
    assert [weight.path for weight in moving_weights(network)] == [
        f"{layer}/{name}" for layer in ("dense1", "logit", "kind_logit") for name in ("kernel", "bias")
    ]
    network.get_layer("resnet50v2").trainable = True
    names = {weight.path.split("/")[-1] for weight in moving_weights(network)}
    assert {"kernel", "moving_mean", "moving_variance"} <= names
    assert len(moving_weights(network)) == len(network.weights)
