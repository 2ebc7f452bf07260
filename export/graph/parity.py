"""Keras against ONNX Runtime on real films: a bundle exists only if both say the same."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

import keras
import numpy as np
import onnx

# Before onnxruntime is imported: it would write a telemetry file into the user's cache folder.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime

from export.graph.convert import GraphOutputs, to_onnx
from export.graph.fit_outputs import MeasuredNetwork, measure_films, outputs_model
from train.common.console import progress_bar
from train.common.errors import PneumoscopeError
from train.fitting.scoring import predict_logits
from train.metrics.calibration_fit import Scale
from train.metrics.scores import logistic

#: Fewest films that the gate compares.
SMALLEST_GATE = 64
#: Largest difference of the probability, for weights stored as float32 and as float16.
FLOAT32_LIMIT = 1e-4
FLOAT16_LIMIT = 2e-3
#: Largest difference of a heatmap, 0..1, and of the novelty as a share of itself; float32 and float16.
FLOAT32_OUTPUT_LIMIT = 1e-3
FLOAT16_OUTPUT_LIMIT = 2e-2


class ParityError(PneumoscopeError):
    """The ONNX graph does not say what the Keras network says; nothing may be written."""


@dataclass(frozen=True)
class ParityReport:
    """How far ONNX Runtime's answers are from Keras's on the same films.

    The differences of heatmap (0..1) and novelty (as a share of itself) are None for a graph without these outputs.
    """

    films: int
    largest_probability_difference: float
    largest_logit_difference: float
    decisions_changed: int
    largest_heatmap_difference: float | None = None
    largest_novelty_difference: float | None = None


def compare_with_keras(
    network: keras.Model,
    model: bytes,
    images: np.ndarray,
    scale: Scale,
    thresholds: Mapping[str, float],
    evidence: GraphOutputs | None = None,
    opened: keras.Model | None = None,
) -> ParityReport:
    """Run prepared films through Keras and through the ONNX graph.

    Args:
        network: the Keras network.
        model: the ONNX graph made from it.
        images: uint8 [n, S, S], as `prepare` leaves them.
        scale: of the graph.
        thresholds: on the calibrated probability, by operating point; a decision counts as changed when it differs at
            any of them.
        opened: the network's `outputs_model`, where there is one: another would be compiled again.
        evidence: of the graph, where it has heatmap and novelty. Novelty is compared with NumPy's in float64.
    """
    logits = predict_logits(network, images, network.input_shape[3], description="parity: Keras").astype(np.float64)
    expected = logistic(scale.calibrated(logits))
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    names = ["logit", "probability", *(["heatmap", "novelty"] if evidence is not None else [])]
    answers = []
    with progress_bar("parity: ONNX Runtime", len(images)) as advance:
        for image in images:
            answers.append(session.run(names, {"image": image[np.newaxis, ..., np.newaxis]}))
            advance()
    got_logit, got, *shown = (np.concatenate(answer).astype(np.float64) for answer in zip(*answers, strict=True))
    changed = np.zeros(len(images), dtype=bool)
    for threshold in thresholds.values():
        changed |= (expected >= threshold) != (got >= threshold)
    return ParityReport(
        films=len(images),
        largest_probability_difference=float(np.abs(expected - got).max()),
        largest_logit_difference=float(np.abs(logits - got_logit).max()),
        decisions_changed=int(changed.sum()),
        **({} if evidence is None else _output_differences(opened or outputs_model(network), images, evidence, *shown)),
    )


def _output_differences(
    opened: keras.Model, images: np.ndarray, evidence: GraphOutputs, heatmaps: np.ndarray, novelty: np.ndarray
) -> dict[str, float]:
    measured = measure_films(opened, images, "parity: heatmap and novelty")
    expected = np.clip(measured.contributions / evidence.scale, 0, 1)
    distance = evidence.novelty.distance(measured.pooled)
    return {
        "largest_heatmap_difference": float(np.abs(heatmaps - expected).max()),
        "largest_novelty_difference": float((np.abs(novelty - distance) / np.maximum(distance, 0.1)).max()),
    }


def require_enough_films(count: int) -> None:
    """Refuse to prove parity on too few films.

    Raises:
        ParityError: fewer than SMALLEST_GATE.
    """
    if count < SMALLEST_GATE:
        raise ParityError(
            f"the parity gate compares at least {SMALLEST_GATE} films. Received: {count} validation films; "
            "train with more films or a larger validation_fraction"
        )


def require_parity(report: ParityReport, *, stored_float16: bool) -> None:
    """Let a bundle through the gate, or refuse it.

    Raises:
        ParityError: too few films, too large a difference, or a changed decision.
    """
    limit = FLOAT16_LIMIT if stored_float16 else FLOAT32_LIMIT
    require_enough_films(report.films)
    # Written so that a NaN does not pass.
    if not (report.largest_probability_difference <= limit and report.decisions_changed == 0):
        raise ParityError(
            f"ONNX Runtime and Keras differ by up to {report.largest_probability_difference:.2g} in probability on "
            f"{report.films} films (limit {limit:g}) and {report.decisions_changed} decisions changed: nothing was "
            "written; this is a fault of the conversion, please report it"
        )
    limit = FLOAT16_OUTPUT_LIMIT if stored_float16 else FLOAT32_OUTPUT_LIMIT
    for name, found in (("heatmap", report.largest_heatmap_difference), ("novelty", report.largest_novelty_difference)):
        if found is not None and not found <= limit:
            raise ParityError(
                f"ONNX Runtime and Keras differ by up to {found:.2g} in {name} on {report.films} films (limit "
                f"{limit:g}): nothing was written; this is a fault of the conversion, please report it"
            )


def convert_with_parity(
    measured: MeasuredNetwork, scale: Scale, thresholds: Mapping[str, float], films: int, *, store_float16: bool
) -> tuple[onnx.ModelProto, ParityReport]:
    """Convert a network to ONNX and let it through only if both say the same.

    Args:
        measured: the network.
        scale: of the calibration.
        thresholds: as `compare_with_keras`.
        films: how many the gate compares, SMALLEST_GATE at least, spread evenly over the validation films.
        store_float16: as `to_onnx`.

    Raises:
        ParityError: as `require_parity`.
    """
    model = to_onnx(measured.network, scale, measured.fitted.graph, store_float16=store_float16)
    last = len(measured.validation) - 1
    rows = np.unique(np.linspace(0, last, max(films, SMALLEST_GATE)).round().astype(int))
    images = measured.validation[rows]
    report = compare_with_keras(
        measured.network, model.SerializeToString(), images, scale, thresholds, measured.fitted.graph, measured.opened
    )
    require_parity(report, stored_float16=store_float16)
    return model, report
