"""The closed-form map is what it claims to be: gradient times activation, and all of the logit."""

import json
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pytest

from export.graph.fit_outputs import measure_films, outputs_model
from export.graph.heatmap import SMALLEST_SCALE, map_scale, shown_map
from export.graph.heatmap_checks import check_heatmaps, gradient_correlation, gradient_maps, occlusion, random_head
from train.fitting.scoring import predict_logits
from train.metrics.calibration_fit import Scale
from train.networks import build_network_a, build_network_b

CASES = {
    "a": lambda: build_network_a(130, width=0.125),
    "a with more layers": lambda: build_network_a(130, width=0.125, extra_dense=2),
    "a of an odd size": lambda: build_network_a(99, width=0.125),
    "b": lambda: build_network_b(64, backbone_weights="random"),
    "b with more layers": lambda: build_network_b(64, extra_dense=2, head_exponent=5, backbone_weights="random"),
}


def with_biases(network):
    """New layers have biases of 0, which would hide a constant that is left out."""
    generator = np.random.default_rng(7)
    for layer in network.layers:
        if layer.name.startswith(("dense", "logit")) and layer.get_weights():
            kernel, bias = layer.get_weights()
            layer.set_weights([kernel, generator.normal(0, 0.3, bias.shape)])
    return network


@pytest.fixture(
    scope="module",
    params=[pytest.param(name, marks=[pytest.mark.slow] if name.startswith("b") else []) for name in CASES],
)
def network(request):
    import keras

    keras.utils.set_random_seed(0)  # by chance all that a network's constants add up to is next to 0
    return with_biases(CASES[request.param]())


@pytest.fixture(scope="module")
def opened(network):
    """One for all tests, as each is compiled anew."""
    return outputs_model(network)


@pytest.fixture(scope="module")
def measured(network, opened):
    side = network.input_shape[1]
    images = np.random.default_rng(0).integers(0, 256, (6, side, side), dtype=np.uint8)
    return images, measure_films(opened, images)


def test_the_map_and_the_constant_terms_are_the_logit(network, measured):
    images, found = measured
    expected = predict_logits(network, images, network.input_shape[3])
    total = found.contributions.sum(axis=(1, 2)) + found.constants
    assert np.abs(found.constants).min() > 1e-3
    assert found.logits == pytest.approx(expected, abs=1e-5, rel=1e-5)
    assert total == pytest.approx(expected, abs=1e-4, rel=1e-4)


def test_the_map_is_gradient_times_activation(network, measured):
    images, found = measured
    reference = gradient_maps(network, images)
    assert found.contributions.shape == reference.shape
    assert found.contributions == pytest.approx(reference, abs=1e-5, rel=1e-4)
    assert gradient_correlation(network, images, found.contributions)["smallest"] >= 0.9999


def test_a_closed_relu_lets_nothing_through():
    network = with_biases(build_network_a(64, width=0.25))
    dense = network.get_layer("dense1")
    dense.set_weights([dense.get_weights()[0], np.full(128, -1e6)])
    found = measure_films(outputs_model(network), np.full((2, 64, 64), 120, np.uint8))
    assert not found.contributions.any()
    assert found.constants == pytest.approx(np.repeat(network.get_layer("logit").get_weights()[1], 2))


def test_the_map_is_shown_from_0_to_1_on_one_scale():
    shown = np.asarray(shown_map(np.array([[[-3.0, 0.0], [1.0, 5.0]]], np.float32), 2.0))
    assert shown.tolist() == [[[0.0, 0.0], [0.5, 1.0]]]


def test_the_scale_is_not_set_by_one_odd_film():
    largest = np.ones(1000)
    largest[0] = 100
    assert map_scale(largest) == pytest.approx(1)
    assert map_scale(np.full(10, -1.0)) == SMALLEST_SCALE


def marked_network():
    """A network that sees only the films' upper left: its logit is the brightness there."""
    network = build_network_a(128, width=0.125)
    for layer in network.layers:
        weights = layer.get_weights()
        if layer.name.endswith("_conv"):
            kernel = np.zeros_like(weights[0])
            kernel[1, 1, 0, 0] = 1
            layer.set_weights([kernel, np.zeros_like(weights[1])])
    kernel, bias = (np.zeros_like(part) for part in network.get_layer("dense1").get_weights())
    kernel[0, 0] = 1  # the first place's first channel
    network.get_layer("dense1").set_weights([kernel, bias])
    kernel, bias = (np.zeros_like(part) for part in network.get_layer("logit").get_weights())
    kernel[0, 0] = 10
    network.get_layer("logit").set_weights([kernel, bias])
    return network


def test_covering_what_the_network_looks_at_lowers_the_score():
    images = np.full((8, 128, 128), 10, np.uint8)
    images[:, :20, :20] = 250
    model = outputs_model(marked_network())
    found = measure_films(model, images)
    assert (found.contributions[:, 0, 0] > 1).all()
    assert (found.contributions.reshape(8, -1)[:, 1:] == 0).all()
    figures = occlusion(model, images, found.contributions, list("aabbccdd"), scale=Scale())
    assert figures["films"] == 8
    assert figures["logit"]["low"] <= figures["logit"]["difference"] <= figures["logit"]["high"]
    # A map that marks the wrong place is found out.
    wrong = occlusion(model, images, found.contributions[:, ::-1, ::-1], list("aabbccdd"), scale=Scale())
    assert figures["logit"]["hottest"] > wrong["logit"]["hottest"] + 0.5


def test_a_random_head_shows_other_maps_and_the_network_is_as_before(network, opened, measured):
    images, found = measured
    before = network.get_weights()
    figures = random_head(network, opened, images, found.contributions)
    # Of a map of four places chance alone reaches any figure.
    assert abs(figures["mean_rank_correlation"]) < (0.5 if found.contributions[0].size >= 9 else 1.0)
    assert all(np.array_equal(one, other) for one, other in zip(before, network.get_weights(), strict=True))


def test_the_checks_are_json(network, opened, measured):
    images, found = measured
    labels, patients = np.array([0, 1, 1, 1, 0, 1]), list("uvwxyz")
    checks = check_heatmaps(network, opened, images, labels, patients, found, Scale())
    assert json.loads(json.dumps(checks, allow_nan=False)) == checks
    assert checks["occlusion"]["films"] == 4


def test_a_map_of_one_place_has_no_correlation():
    network = build_network_a(32, width=0.125)
    images = np.random.default_rng(0).integers(0, 256, (4, 32, 32), dtype=np.uint8)
    found = measure_films(outputs_model(network), images)
    checks = check_heatmaps(
        network, outputs_model(network), images, np.array([0, 1, 1, 1]), list("uvwx"), found, Scale()
    )
    assert json.loads(json.dumps(checks, allow_nan=False)) == checks
    assert checks["gradient_correlation"]["mean"] is None
    assert checks["gradient_correlation"]["largest_difference"] < 1e-5
    assert checks["random_head"]["mean_rank_correlation"] is None


def test_a_short_last_batch_is_measured_like_the_others(network, opened, measured):
    images, found = measured
    again = measure_films(opened, images, batch_size=4)
    assert again.logits == pytest.approx(found.logits, abs=1e-5)
    assert again.contributions == pytest.approx(found.contributions, abs=1e-5)
    assert len(again.pooled) == len(images)
