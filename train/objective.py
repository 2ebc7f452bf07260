"""What a network is trained towards: labels, their weights, the loss, and the figures an epoch is told by.

The loss of validation is always the plain cross-entropy of pneumonia, whatever the levers: it chooses the best epoch,
and runs must be comparable by it. Label smoothing, class weights and kinds therefore belong to the training films
(to their labels and weights), not to the loss function.

Three classes in nested form: with p = P(ill) and q = P(viral | ill), normal, bacterial and viral have the probabilities
1 - p, p (1 - q) and p q, and their cross-entropy is that of p on all films plus that of q on the ill ones. The network
keeps its output for p and gets a second one, `kind_logit`, for q. A film of unknown kind counts for p alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from train.backbone import kind_label
from train.cohort import Film
from train.errors import PneumoscopeError
from train.networks import KIND_OUTPUT, PNEUMONIA_OUTPUT
from train.settings import Settings

Values = np.ndarray | Mapping[str, np.ndarray]
Tensor = keras.KerasTensor


@dataclass(frozen=True, eq=False)
class Targets:
    """Labels of films and, where they differ, weights in the loss: [n], or output → [n] of a network with two."""

    labels: Values
    weights: Values | None = None


def training_targets(films: Sequence[Film], settings: Settings) -> Targets:
    """Return what a network learns from films, smoothed and weighed as the settings say.

    Raises:
        PneumoscopeError: the films' kinds are asked for, and not told by their names.
    """
    if settings.network == "backbone":
        labels = np.array([kind_label(film) for film in films])
        return Targets(labels, _class_weights(labels, settings))
    labels = _ill(films)
    weights = _class_weights(labels, settings)
    smoothed = smooth(labels, settings.label_smoothing)
    if not settings.kinds:
        return Targets(smoothed, weights)
    viral, known = _viral(films)
    for kind, there in (("bacterial", known & ~viral), ("viral", known & viral)):
        if not there.any():
            raise PneumoscopeError(
                f"kinds: no training film of {kind} pneumonia; expected both kinds in the file names, as in "
                "person1_bacteria_2.jpeg and person3_virus_4.jpeg, or set kinds to false"
            )
    if weights is None:
        weights = np.ones(len(films), np.float32)
    return Targets(
        {PNEUMONIA_OUTPUT: smoothed, KIND_OUTPUT: smooth(viral, settings.label_smoothing)},
        {PNEUMONIA_OUTPUT: weights, KIND_OUTPUT: weights * known},
    )


def validation_targets(films: Sequence[Film], settings: Settings) -> Targets:
    """Return what a network is judged by: the labels as they are; of the kinds nothing."""
    if settings.network == "backbone":
        return Targets(np.array([kind_label(film) for film in films]))
    labels = _ill(films)
    if not settings.kinds:
        return Targets(labels)
    nothing = np.zeros(len(films), np.float32)
    return Targets(
        {PNEUMONIA_OUTPUT: labels, KIND_OUTPUT: nothing},
        {PNEUMONIA_OUTPUT: np.ones_like(nothing), KIND_OUTPUT: nothing},
    )


def balanced_weights(labels: np.ndarray) -> np.ndarray:
    """Weigh films so that every class counts the same in sum and a film 1 on average: int [n] → float32 [n]."""
    classes, place, counts = np.unique(labels, return_inverse=True, return_counts=True)
    return (len(labels) / (len(classes) * counts))[place].astype(np.float32)


def smooth(labels: np.ndarray, share: float) -> np.ndarray:
    """Move labels towards a half: 0 and 1 become share / 2 and 1 - share / 2 (Szegedy et al. 2016, arXiv:1512.00567).

    Args:
        labels: 0 or 1, [n].
        share: in [0, 1).
    """
    return (labels * (1 - share) + share / 2).astype(np.float32)


def compile_arguments(settings: Settings) -> dict[str, Any]:
    """Return `loss` and `metrics` for `keras.Model.compile`; made anew for every compilation."""
    if settings.network == "backbone":
        return {"loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]}
    metrics: list[object] = ["accuracy", keras.metrics.AUC(name="auroc")]
    if settings.label_smoothing:
        metrics = [AccuracyOfSmoothed(name="accuracy"), AurocOfSmoothed(name="auroc")]
    if not settings.kinds:
        return {"loss": "binary_crossentropy", "metrics": metrics}
    return {
        "loss": {
            PNEUMONIA_OUTPUT: "binary_crossentropy",
            KIND_OUTPUT: keras.losses.BinaryCrossentropy(from_logits=True),
        },
        "metrics": {PNEUMONIA_OUTPUT: metrics},
    }


def pneumonia_figures(logs: Mapping[str, float]) -> dict[str, float]:
    """Name an epoch's figures as those of a network with one output; what is of one output of two loses its prefix.

    `loss` stays the whole loss that was trained on, `val_loss` is pneumonia's alone.
    """
    figures = {key.replace(f"{PNEUMONIA_OUTPUT}_", "", 1): float(value) for key, value in logs.items()}
    return figures | {key: float(logs[key]) for key in ("loss", "val_loss") if key in logs}


@keras.saving.register_keras_serializable(package="pneumoscope")
class AccuracyOfSmoothed(keras.metrics.BinaryAccuracy):
    """Accuracy against labels that were smoothed: each counts as the class it came from."""

    def update_state(self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None) -> None:
        """Count a batch."""
        super().update_state(keras.ops.round(y_true), y_pred, sample_weight)


@keras.saving.register_keras_serializable(package="pneumoscope")
class AurocOfSmoothed(keras.metrics.AUC):
    """AUROC against labels that were smoothed: each counts as the class it came from."""

    def update_state(self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None) -> None:
        """Count a batch."""
        super().update_state(keras.ops.round(y_true), y_pred, sample_weight)


def _class_weights(labels: np.ndarray, settings: Settings) -> np.ndarray | None:
    return balanced_weights(labels) if settings.class_weights == "balanced" else None


def _ill(films: Sequence[Film]) -> np.ndarray:
    return np.array([film.label for film in films], dtype=np.float32)


def _viral(films: Sequence[Film]) -> tuple[np.ndarray, np.ndarray]:
    """Which films show viral pneumonia, and of which ill ones the kind is known: bool [n] each."""
    kinds = np.array([film.kind for film in films])
    return kinds == "viral", (kinds == "viral") | (kinds == "bacterial")
