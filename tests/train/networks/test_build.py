"""The two networks have exactly the report's parameters, and B's frozen layers stay as they are."""

import os
from functools import cache

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import pytest

from train.common.errors import PneumoscopeError, UsageError
from train.networks import (
    backbone_of,
    build,
    build_network_a,
    build_network_b,
    logit_model,
    unfreeze_for_fine_tuning,
)
from train.networks.build import build_backbone

# The figures below are facts from the study's report (reference/report.yaml of the design).
A_WIDTHS = {
    0.25: (167_953, 167_617),
    0.5: (407_073, 406_401),
    0.75: (717_617, 716_609),
    1.0: (1_099_585, 1_098_241),
    1.25: (1_552_977, 1_551_297),
    1.5: (2_077_793, 2_075_777),
}
B_EXTRA_DENSE = {
    0: (23_827_201, 262_401, 15_496_449),
    1: (23_843_713, 278_913, 15_512_961),
    2: (23_860_225, 295_425, 15_529_473),
    3: (23_876_737, 311_937, 15_545_985),
    4: (23_893_249, 328_449, 15_562_497),
    5: (23_909_761, 344_961, 15_579_009),
}


def trainable_count(network: keras.Model) -> int:
    return sum(int(np.prod(weight.shape)) for weight in network.trainable_weights)


@cache
def random_backbone(image_size):
    return build_backbone(image_size, "random")


@pytest.fixture(scope="module", autouse=True)
def _free_memory():
    """Once: searching all that TensorFlow holds for what is free takes seconds."""
    yield
    random_backbone.cache_clear()
    keras.backend.clear_session()


@pytest.fixture
def one_backbone(monkeypatch):
    """Build ResNet50V2, which takes a second, once a size: for what is around it, and which of its layers learn."""
    monkeypatch.setattr(build, "build_backbone", lambda image_size, _: random_backbone(image_size))


@pytest.mark.parametrize("image_size", [224, 250])
@pytest.mark.parametrize(("width", "counts"), A_WIDTHS.items())
def test_network_a_has_the_reports_parameters_at_every_width(image_size, width, counts):
    network = build_network_a(image_size, width=width)
    assert (network.count_params(), trainable_count(network)) == counts


def test_network_a_with_an_extra_dense_layer_has_the_reports_parameters():
    network = build_network_a(extra_dense=1)
    assert (network.count_params(), trainable_count(network)) == (1_116_097, 1_114_753)


@pytest.mark.parametrize(("extra_dense", "counts"), B_EXTRA_DENSE.items())
def test_network_b_has_the_reports_parameters_in_both_stages(one_backbone, extra_dense, counts):
    network = build_network_b(224, extra_dense=extra_dense, backbone_weights="random")
    head = trainable_count(network)
    fine_tuned = trainable_count(unfreeze_for_fine_tuning(network))
    assert (network.count_params(), head, fine_tuned) == counts


def test_the_fine_tuning_boundary_is_the_reports(one_backbone):
    network = build_network_b(64, backbone_weights="random")
    assert backbone_of(network).layers[149].name == "conv4_block6_2_bn"


def test_fine_tuning_from_0_trains_everything_but_moving_averages(one_backbone):
    network = unfreeze_for_fine_tuning(build_network_b(64, backbone_weights="random"), 0)
    frozen = sum(int(np.prod(weight.shape)) for weight in network.non_trainable_weights)
    norms = [layer for layer in backbone_of(network).layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert frozen == sum(2 * layer.gamma.shape[0] for layer in norms)


@pytest.mark.parametrize("dropout_block", [2, 4, 5, 6])
def test_network_a_drops_out_in_the_reports_blocks_only(dropout_block):
    names = [layer.name for layer in build_network_a().layers if isinstance(layer, keras.layers.Dropout)]
    assert f"block{dropout_block}_dropout" in names
    assert "block1_dropout" not in names
    assert "block3_dropout" not in names


def test_networks_scale_grey_values_themselves(one_backbone):
    film = np.full((1, 64, 64, 1), 255, dtype=np.uint8)
    a = build_network_a(64)
    assert keras.Model(a.input, a.get_layer("scale_to_0_1").output)(film).numpy().max() == pytest.approx(1)
    b = build_network_b(64, backbone_weights="random")
    scaled = keras.Model(b.input, b.get_layer("scale_to_minus1_1").output)
    assert scaled(np.zeros((1, 64, 64, 3))).numpy().min() == pytest.approx(-1)
    assert scaled(np.full((1, 64, 64, 3), 255)).numpy().max() == pytest.approx(1)


def test_logit_is_what_the_probability_is_made_of():
    network = build_network_a(64)
    films = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 1), dtype=np.uint8)
    logits = logit_model(network)(films).numpy()
    assert network(films).numpy() == pytest.approx(1 / (1 + np.exp(-logits)), abs=1e-6)


@pytest.mark.slow
def test_frozen_batch_normalization_stays_put_while_the_head_trains():
    network = build_network_b(64, backbone_weights="random")
    norm = backbone_of(network).get_layer("conv2_block1_preact_bn")
    before = norm.moving_mean.numpy().copy()
    # Eagerly: tracing two graphs of ResNet50V2 takes 40 seconds, a step one.
    network.compile("adam", "binary_crossentropy", run_eagerly=True)
    films = np.random.default_rng(0).uniform(0, 255, (4, 64, 64, 3)).astype(np.float32)
    network.train_on_batch(films, np.array([0, 1, 0, 1]))
    assert np.array_equal(before, norm.moving_mean.numpy())
    unfreeze_for_fine_tuning(network, 0)
    network.compile("adam", "binary_crossentropy", run_eagerly=True)
    network.train_on_batch(films, np.array([0, 1, 0, 1]))
    assert not np.array_equal(before, norm.moving_mean.numpy())


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"width": 0}, "width"),
        ({"dropout": 1.0}, "dropout"),
        ({"dropout": float("nan")}, "dropout"),
        ({"extra_dense": -1}, "extra_dense"),
        ({"image_size": 0}, "image_size"),
    ],
)
def test_network_a_refuses_what_it_cannot_be(arguments, word):
    with pytest.raises(UsageError, match=word):
        build_network_a(**arguments)


def test_fine_tuning_refuses_network_a_and_layers_that_are_not_there(one_backbone):
    with pytest.raises(UsageError, match="only network B"):
        unfreeze_for_fine_tuning(build_network_a(64))
    with pytest.raises(UsageError, match="0 to 189"):
        unfreeze_for_fine_tuning(build_network_b(64, backbone_weights="random"), 190)


def test_missing_or_foreign_backbone_weights_are_one_clear_line(tmp_path):
    with pytest.raises(UsageError, match="no backbone weights at"):
        build_network_b(64, backbone_weights=tmp_path / "none.weights.h5")
    text = tmp_path / "text.weights.h5"
    text.write_text("not weights")
    with pytest.raises(PneumoscopeError, match="holds no weights of ResNet50V2"):
        build_network_b(64, backbone_weights=text)
    foreign = tmp_path / "a.weights.h5"
    build_network_a(64).save_weights(foreign)
    with pytest.raises(PneumoscopeError, match="holds no weights of ResNet50V2"):
        build_network_b(64, backbone_weights=foreign)


def test_a_weights_file_gives_the_backbone_its_weights(tmp_path):
    first = build_network_b(64, backbone_weights="random")
    file = tmp_path / "backbone.weights.h5"
    backbone_of(first).save_weights(file)
    second = build_network_b(96, backbone_weights=file)
    for mine, theirs in zip(backbone_of(first).weights, backbone_of(second).weights, strict=True):
        assert np.array_equal(mine.numpy(), theirs.numpy())
