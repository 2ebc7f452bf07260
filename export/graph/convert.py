"""Keras network + calibration → one ONNX graph that takes what a decoder gives and returns what a person needs."""

import tempfile
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import onnx
from onnx import helper, numpy_helper

from export.graph.heatmap import HeadWithOutputs, feature_model, shown_map
from export.graph.novelty import NoveltyModel
from train.metrics.calibration_fit import Scale

OPSET = 18
#: Tensors of fewer elements stay float32: biases and norms weigh nothing and matter more.
FLOAT16_FROM_ELEMENTS = 4096


@dataclass(frozen=True, eq=False)
class GraphOutputs:
    """The constants behind the outputs `heatmap` and `novelty`.

    Attributes:
        scale: the contribution to the logit that the heatmap shows as 1, > 0.
        novelty: the training films' features.
    """

    scale: float
    novelty: NoveltyModel


def bundle_network(network: keras.Model, scale: Scale, evidence: GraphOutputs | None = None) -> keras.Model:
    """Wrap network A or B as the bundle's contract wants it.

    Returns:
        A model from `image` uint8 [N, S, S, 1] to {"logit": float32 [N], "probability": float32 [N]}, with
        probability = sigmoid(logit / temperature + offset); with `evidence` also {"heatmap": float32 [N, h, w], 0..1,
        "novelty": float32 [N]}, see `export.graph.heatmap` and `export.graph.novelty`.
    """
    side, channels = network.input_shape[1], network.input_shape[3]
    image = keras.Input((side, side, 1), dtype="uint8", name="image")
    x = keras.ops.cast(image, "float32")
    if channels > 1:
        x = keras.ops.repeat(x, channels, axis=-1)  # [N, S, S, channels]
    features = feature_model(network)(x)  # [N, h, w, C]
    logit, contributions, _ = HeadWithOutputs(network)(features)
    calibrated = logit / scale.temperature
    if scale.offset:
        calibrated = calibrated + scale.offset
    outputs = {"logit": logit, "probability": keras.ops.sigmoid(calibrated)}
    if evidence is not None:
        outputs["heatmap"] = shown_map(contributions, evidence.scale)
        outputs["novelty"] = evidence.novelty.in_graph(keras.ops.mean(features, axis=(1, 2)))
    return keras.Model(image, outputs, name=f"pneumoscope_{network.name}")


def to_onnx(
    network: keras.Model,
    scale: Scale,
    evidence: GraphOutputs | None = None,
    *,
    store_float16: bool = False,
) -> onnx.ModelProto:
    """Convert network A or B and its calibration to ONNX.

    Args:
        network: Keras model with a layer named `logit`.
        scale: from logit to calibrated probability.
        evidence: constants of the outputs `heatmap` and `novelty`; without them the graph has neither.
        store_float16: keep large weights as float16 with a cast to float32 in the graph: half the size, computed in
            float32 as before.

    Returns:
        A checked model of opset 18 whose batch axis is free.
    """
    wrapped = bundle_network(network, scale, evidence)
    side = network.input_shape[1]
    # Keras exports a model's call signature only once it has been called.
    wrapped.predict_on_batch(np.zeros((1, side, side, 1), dtype=np.uint8))
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        # Keras's bridge to tf2onnx asks NumPy for an alias that is going to change its meaning.
        warnings.filterwarnings("ignore", "In the future `np.object`", FutureWarning)
        path = Path(folder) / "model.onnx"
        wrapped.export(path, format="onnx", verbose=False, opset_version=OPSET)
        model = onnx.load(path)
    _free_batch_axis(model)
    if store_float16:
        _store_float16(model, None if evidence is None else evidence.novelty.directions)
    onnx.checker.check_model(model, full_check=True)
    return model


def with_metadata(model: onnx.ModelProto, metadata: Mapping[str, str], description: str) -> bytes:
    """Return the model's bytes with metadata_props and a description in it."""
    model.producer_name = "pneumoscope"
    model.doc_string = description
    del model.metadata_props[:]
    helper.set_model_props(model, dict(metadata))
    return model.SerializeToString(deterministic=True)


def _free_batch_axis(model: onnx.ModelProto) -> None:
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "N"
    # The converter's own names for the batch axis would contradict it; ONNX Runtime infers these shapes anyway.
    del model.graph.value_info[:]


def _store_float16(model: onnx.ModelProto, directions: np.ndarray | None) -> None:
    """Replace each large float32 initializer by a float16 one and a Cast; ONNX Runtime folds the casts at load.

    The novelty's directions stay: what is left of two large squares when one is taken from the other would be their
    rounding.
    """
    casts = []
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < FLOAT16_FROM_ELEMENTS:
            continue
        if directions is not None and values.shape == directions.shape and np.array_equal(values, directions):
            continue
        half = values.astype(np.float16)
        if not np.isfinite(half).all():
            continue  # beyond float16's range: kept as it is
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(half, f"{name}_float16"))
        casts.append(helper.make_node("Cast", [f"{name}_float16"], [name], f"{name}_cast", to=onnx.TensorProto.FLOAT))
    nodes = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend((*casts, *nodes))
