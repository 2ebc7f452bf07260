import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from demo.inference.classifier import load_classifier
from export.bundle import metadata_of, write_bundle
from export.graph.convert import with_metadata
from export.graph.quantize import to_float32, to_int8
from train.synthetic.phantom import draw_phantom

SIDE = 32
FILES = {"evaluation.json": b"{}", "scores.csv": b"", "history.csv": b"", "README.md": b""}


@pytest.fixture(scope="module")
def card(tiny_card):
    return tiny_card(prepare={"image_size": SIDE, "resize": "squash", "contrast": "none"})


@pytest.fixture(scope="module")
def exported(card):
    """A small convolutional network whose weights are stored as float16, as export stores B's."""
    rng = np.random.default_rng(0)
    weights = {
        "first": rng.normal(0, 0.3, (8, 1, 3, 3)),
        "second": rng.normal(0, 0.2, (16, 8, 3, 3)),
        "dense": rng.normal(0, 1.0, (16, 1)),
    }
    halves = [numpy_helper.from_array(values.astype(np.float16), f"{name}_float16") for name, values in weights.items()]
    constants = {"white": 255.0, "temperature": card.calibration.temperature}
    nodes = [
        *(helper.make_node("Cast", [f"{name}_float16"], [name], to=TensorProto.FLOAT) for name in weights),
        helper.make_node("Cast", ["image"], ["grey"], to=TensorProto.FLOAT),
        helper.make_node("Div", ["grey", "white"], ["scaled"]),
        helper.make_node("Transpose", ["scaled"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["planes", "first"], ["c1"], pads=[1, 1, 1, 1], strides=[2, 2]),
        helper.make_node("Relu", ["c1"], ["r1"]),
        helper.make_node("Conv", ["r1", "second"], ["c2"], pads=[1, 1, 1, 1], strides=[2, 2]),
        helper.make_node("Relu", ["c2"], ["r2"]),
        helper.make_node("ReduceMean", ["r2", "axes"], ["pooled"], keepdims=0),
        helper.make_node("MatMul", ["pooled", "dense"], ["column"]),
        helper.make_node("Reshape", ["column", "flat"], ["logit"]),
        helper.make_node("Div", ["logit", "temperature"], ["calibrated"]),
        helper.make_node("Sigmoid", ["calibrated"], ["probability"]),
    ]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", SIDE, SIDE, 1])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N"]) for name in ("logit", "probability")],
        [
            *halves,
            *(helper.make_tensor(name, TensorProto.FLOAT, (), [value]) for name, value in constants.items()),
            numpy_helper.from_array(np.array([2, 3]), "axes"),
            numpy_helper.from_array(np.array([-1]), "flat"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    return onnx.load_from_string(with_metadata(model, metadata_of(card), "A small network."))


@pytest.fixture(scope="module")
def images():
    films = [
        draw_phantom(np.random.default_rng(seed), np.random.default_rng([seed, 1]), seed % 2, False, SIDE)
        for seed in range(12)
    ]
    return np.stack(films)[..., np.newaxis]


def logits(model, images):
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(["logit"], {"image": images})[0]


def test_float32_is_the_very_same_network(exported, images):
    before = exported.SerializeToString()
    changed = to_float32(exported)
    assert exported.SerializeToString() == before
    onnx.checker.check_model(changed, full_check=True)
    assert {tensor.data_type for tensor in changed.graph.initializer} == {TensorProto.FLOAT, TensorProto.INT64}
    assert [node.op_type for node in changed.graph.node].count("Cast") == 1  # of the image
    np.testing.assert_array_equal(logits(changed, images), logits(exported, images))


def test_int8_is_nearly_the_same_network_with_small_weights(exported, images):
    changed = to_int8(exported, images[:8])
    onnx.checker.check_model(changed, full_check=True)
    assert {node.domain for node in changed.graph.node} <= {"", "ai.onnx"}  # nothing that only one runtime knows
    kinds = {tensor.name: tensor.data_type for tensor in changed.graph.initializer}
    assert [kinds[name] for name in kinds if name.endswith("_quantized")] == [TensorProto.INT8] * 3
    exact = logits(exported, images)
    assert 0 < np.abs(logits(changed, images) - exact).max() < 0.1 * np.ptp(exact)


def test_int8_weights_keep_clear_of_saturation(exported, images):
    changed = to_int8(exported, images[:8])
    weights = [
        numpy_helper.to_array(tensor) for tensor in changed.graph.initializer if tensor.data_type == TensorProto.INT8
    ]
    largest = max(np.abs(values.astype(int)).max() for values in weights if values.size > 16)
    assert 60 <= largest <= 64


def test_int8_can_be_a_bundle(exported, images, card, tmp_path):
    changed = to_int8(exported, images)
    assert changed.doc_string == "A small network."
    bundle = write_bundle(tmp_path / "a", card, changed.SerializeToString(), FILES)
    reading = load_classifier(bundle, "cpu", 1).read(images[0, :, :, 0])
    assert reading.logit == pytest.approx(float(logits(changed, images[:1])[0]), abs=1e-5)


def test_as_a_process_it_writes_both_and_says_nothing(exported, images, tmp_path):
    onnx.save(exported, tmp_path / "model.onnx")
    np.save(tmp_path / "images.npy", images)
    command = [
        sys.executable,
        "-m",
        "export.graph.quantize",
        tmp_path / "model.onnx",
        tmp_path / "images.npy",
        tmp_path,
    ]
    process = subprocess.run(command, capture_output=True, check=True)
    assert process.stdout + process.stderr == b""
    assert logits(onnx.load(tmp_path / "float32.onnx"), images).tolist() == logits(exported, images).tolist()
    assert (tmp_path / "int8.onnx").is_file()
