"""The teacher is EfficientNet-Lite0, and takes nothing but its own weights."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from importlib import metadata

import keras
import numpy as np
import pytest

from train.common.errors import PneumoscopeError, UsageError
from train.networks import efficientnet_lite, logit_model
from train.networks.efficientnet_lite import PACKAGE, build_teacher, load_weights, weights_path


def installed():
    try:
        metadata.distribution(PACKAGE)
    except metadata.PackageNotFoundError:
        return False
    return True


@pytest.fixture(scope="module")
def teacher():
    keras.utils.set_random_seed(0)
    return build_teacher(64, 0.2, "random")


def tensors_of(network, generator):
    """A state dict that fits a teacher, and the layer's weights that each of its tensors should become."""
    tensors, expected = {}, {}
    for layer in network.layers:
        if not layer.weights or layer.name == "logit":
            continue
        name = efficientnet_lite._name_in_file(layer.name)
        values = [generator.random(weight.shape).astype(np.float32) for weight in layer.weights]
        expected[layer.name] = values
        if isinstance(layer, keras.layers.BatchNormalization):
            parts = ("weight", "bias", "running_mean", "running_var")
            tensors |= {f"{name}.{part}": value for part, value in zip(parts, values, strict=True)}
        else:
            depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
            # height, width, in, out → out, in, height, width; depthwise: height, width, channels, 1 → channels, 1, …
            tensors[f"{name}.weight"] = np.transpose(values[0], (2, 3, 0, 1) if depthwise else (3, 2, 0, 1))
    return tensors, expected


def test_it_has_the_published_parameters_and_the_project_s_layers(teacher):
    # 3,413,024 without the classes (Tan and Le's lite0), and a head for one.
    assert teacher.count_params() == 3_413_024 + 1_281
    assert all(layer.trainable for layer in teacher.layers)
    assert teacher.get_layer("pool").output.shape == (None, 1280)
    pictures = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3)).astype("uint8")
    logits = logit_model(teacher).predict_on_batch(pictures)
    np.testing.assert_allclose(teacher.predict_on_batch(pictures), 1 / (1 + np.exp(-logits)), rtol=1e-5)


def test_127_is_the_zero_of_its_input(teacher):
    scaled = keras.Model(teacher.input, teacher.get_layer("scale_to_minus1_1").output)
    found = scaled.predict_on_batch(np.array([127, 255, 0], "float32").reshape(3, 1, 1, 1) * np.ones((1, 64, 64, 3)))
    np.testing.assert_allclose(found[:, 0, 0, 0], [0, 1, -127 / 128], atol=1e-6)


def test_a_weights_file_reaches_every_layer(teacher, tmp_path, monkeypatch):
    tensors, expected = tensors_of(teacher, np.random.default_rng(1))
    assert {"_conv_stem.weight", "_bn1.running_var", "_blocks.0._depthwise_conv.weight"} <= set(tensors)
    assert {"_blocks.15._expand_conv.weight", "_blocks.1._bn0.bias"} <= set(tensors)
    assert "_blocks.0._expand_conv.weight" not in tensors
    monkeypatch.setattr(efficientnet_lite, "read_torch_weights", lambda _path: tensors)
    load_weights(teacher, tmp_path)
    for name, values in expected.items():
        for weight, value in zip(teacher.get_layer(name).get_weights(), values, strict=True):
            np.testing.assert_array_equal(weight, value)


@pytest.mark.parametrize("spoil", ["missing", "shape"])
def test_weights_of_another_network_are_refused(teacher, tmp_path, monkeypatch, spoil):
    tensors, _ = tensors_of(teacher, np.random.default_rng(1))
    if spoil == "missing":
        del tensors["_blocks.3._project_conv.weight"]
    else:
        tensors["_blocks.3._project_conv.weight"] = np.zeros((1, 1, 1, 1), np.float32)
    monkeypatch.setattr(efficientnet_lite, "read_torch_weights", lambda _path: tensors)
    with pytest.raises(PneumoscopeError, match=r"no weights of EfficientNet-Lite0: _blocks.3._project_conv"):
        load_weights(teacher, tmp_path)


def test_weights_that_are_not_there_are_named(monkeypatch, tmp_path):
    monkeypatch.setattr(efficientnet_lite, "PACKAGE", "no-such-package-of-ours")
    with pytest.raises(UsageError, match=r"pneumoscope\[teacher\]"):
        weights_path("imagenet")
    with pytest.raises(UsageError, match="no teacher's weights at"):
        weights_path(tmp_path / "none.pth")
    with pytest.raises(UsageError, match="at least 32"):
        build_teacher(31, 0.1, "random")


@pytest.mark.skipif(not installed(), reason="the extra `teacher` is not installed")
def test_imagenet_s_weights_tell_pictures_apart():
    network = build_teacher(224, 0.0, "imagenet")
    assert np.abs(network.get_layer("stem_conv").get_weights()[0]).max() > 0.1
