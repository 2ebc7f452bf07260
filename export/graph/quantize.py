"""Other forms of an exported network: float32 as it is computed, and INT8, a quarter the size and nearly twice as fast.

Neither ships by itself: `bench` measures both and counts the decisions that INT8 changes. It runs this room in a
process of its own, because the demo does without the `onnx` package:

    python -m export.graph.quantize MODEL IMAGES.npy FOLDER      → FOLDER/float32.onnx, FOLDER/int8.onnx
"""

import io
import logging
import os
import sys
import tempfile
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

# Before onnxruntime is imported: it would write a telemetry file into the user's cache folder.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

FLOAT32, INT8 = "float32.onnx", "int8.onnx"
PERCENTILE = 99.99


def to_float32(model: onnx.ModelProto) -> onnx.ModelProto:
    """Undo the storing of weights as float16: each becomes the float32 that its Cast made of it, bit for bit."""
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    weights = {tensor.name: tensor for tensor in changed.graph.initializer}
    nodes = []
    for node in changed.graph.node:
        weight = weights.get(node.input[0]) if node.op_type == "Cast" else None
        if weight is not None and weight.data_type == onnx.TensorProto.FLOAT16:
            values = numpy_helper.to_array(weight).astype(np.float32)
            weight.CopyFrom(numpy_helper.from_array(values, node.output[0]))
        else:
            nodes.append(node)
    del changed.graph.node[:]
    changed.graph.node.extend(nodes)
    return changed


def to_int8(model: onnx.ModelProto, images: np.ndarray) -> onnx.ModelProto:
    """Quantise statically: weights per channel to 7 bits, activations to 8 bits over the range they have on `images`.

    7 bits because processors without VNNI add two products in 16 bits and would saturate on 8, silently. The range is
    that of all but the most extreme values of `PERCENTILE`: half the error of taking all of them. Jacob et al., CVPR
    2018, is the scheme; QuantizeLinear and DequantizeLinear stand in the graph, so that any runtime can compute it.

    Args:
        model: as exported or as `to_float32` leaves it; its metadata_props are kept.
        images: uint8 [N, S, S, 1], prepared films like those that will be read; some dozens.
    """
    with tempfile.TemporaryDirectory() as folder:
        before, prepared, after = (str(Path(folder, name)) for name in ("before.onnx", "prepared.onnx", "after.onnx"))
        onnx.save(to_float32(model), before)
        quant_pre_process(before, prepared, skip_symbolic_shape=True)
        with redirect_stdout(io.StringIO()):  # ONNX Runtime tells here what it is doing
            quantize_static(
                prepared,
                after,
                _Films(images),
                quant_format=QuantFormat.QDQ,
                per_channel=True,
                reduce_range=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                calibrate_method=CalibrationMethod.Percentile,
                # Despite its name the second holds for every method: the activations of one film are held at a time.
                extra_options={"CalibPercentile": PERCENTILE, "CalibStridedMinMax": 1},
            )
        quantised = onnx.load(after)
    del quantised.metadata_props[:]
    quantised.metadata_props.extend(model.metadata_props)
    quantised.doc_string = model.doc_string
    return quantised


class _Films(CalibrationDataReader):
    def __init__(self, images: np.ndarray) -> None:
        self._images = images
        self.set_range(0, len(images))

    def __len__(self) -> int:
        return len(self._images)

    def set_range(self, start_index: int, end_index: int) -> None:
        """Go on from here, up to there."""
        self._next = iter(self._images[start_index:end_index])

    def get_next(self) -> dict[str, np.ndarray] | None:
        """A batch of one film, or None at the end."""
        image = next(self._next, None)
        return None if image is None else {"image": image[np.newaxis]}


def main(model: str, images: str, folder: str) -> None:
    """Write both forms of `model`; `images` is an .npy of prepared films."""
    logging.getLogger().setLevel(logging.ERROR)  # ONNX Runtime advises here what is done above
    exported = onnx.load(model)
    onnx.save(to_float32(exported), Path(folder, FLOAT32))
    onnx.save(to_int8(exported, np.load(images)), Path(folder, INT8))


if __name__ == "__main__":
    main(*sys.argv[1:])
