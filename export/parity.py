"""Keras against ONNX Runtime on real films: a bundle exists only if both say the same."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

import keras
import numpy as np

# Before onnxruntime is imported: it would write a telemetry file into the user's cache folder.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime

from train.console import progress_bar
from train.errors import PneumoscopeError
from train.scores import logistic
from train.scoring import predict_logits

#: Fewest films that the gate compares.
SMALLEST_GATE = 64
#: Largest difference of the probability, for weights stored as float32 and as float16.
FLOAT32_LIMIT = 1e-4
FLOAT16_LIMIT = 2e-3


class ParityError(PneumoscopeError):
    """The ONNX graph does not say what the Keras network says; nothing may be written."""


@dataclass(frozen=True)
class ParityReport:
    """How far ONNX Runtime's answers are from Keras's on the same films."""

    films: int
    largest_probability_difference: float
    largest_logit_difference: float
    decisions_changed: int


def compare_with_keras(
    network: keras.Model,
    model: bytes,
    images: np.ndarray,
    temperature: float,
    thresholds: Mapping[str, float],
) -> ParityReport:
    """Run prepared films through Keras and through the ONNX graph.

    Args:
        network: the Keras network.
        model: the ONNX graph made from it.
        images: uint8 [n, S, S], as `prepare` leaves them.
        temperature: of the graph.
        thresholds: on the calibrated probability, by operating point; a decision counts as changed when it differs at
            any of them.
    """
    logits = predict_logits(network, images, network.input_shape[3], description="parity: Keras").astype(np.float64)
    expected = logistic(logits / temperature)
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    answers = []
    with progress_bar("parity: ONNX Runtime", len(images)) as advance:
        for image in images:
            answers.append(session.run(["logit", "probability"], {"image": image[np.newaxis, ..., np.newaxis]}))
            advance()
    got_logit, got = np.concatenate(answers, axis=1).astype(np.float64)
    changed = np.zeros(len(images), dtype=bool)
    for threshold in thresholds.values():
        changed |= (expected >= threshold) != (got >= threshold)
    return ParityReport(
        films=len(images),
        largest_probability_difference=float(np.abs(expected - got).max()),
        largest_logit_difference=float(np.abs(logits - got_logit).max()),
        decisions_changed=int(changed.sum()),
    )


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
