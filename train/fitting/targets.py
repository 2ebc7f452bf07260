"""What a network is trained towards: labels, their weights, the loss, and the metrics of an epoch.

The loss of validation is always the plain cross-entropy of pneumonia, whatever the levers: it chooses the best epoch,
and runs must be comparable by it. Label smoothing, class weights and mixup therefore belong to the training films
(to their labels and weights), not to the loss function.

Loss and metrics are those of logits. Given probabilities, Keras finds their logits under TensorFlow alone; elsewhere it
cuts them off at 1e-7, beyond which no gradient is left: a network that is once sure of the same answer for all films,
as a wide one is after the first steps at 250 px, would never learn again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import keras
import numpy as np

from train.data.cohort import Film
from train.fitting.backbone_pretraining import subtype_label
from train.fitting.devices.data_parallel import present_share
from train.runs.settings import Settings

Tensor: TypeAlias = Any  # of the backend's own


@dataclass(frozen=True, eq=False)
class Targets:
    """Labels of films and, where they differ, weights in the loss: [n]."""

    labels: np.ndarray
    weights: np.ndarray | None = None


def training_targets(films: Sequence[Film], settings: Settings) -> Targets:
    """Return what a network learns from films, smoothed and weighed as the settings say."""
    if settings.network == "backbone":
        labels = np.array([subtype_label(film) for film in films])
        return Targets(labels, _class_weights(labels, settings))
    labels = _ill(films)
    weights = _class_weights(labels, settings)
    return Targets(smooth(labels, settings.label_smoothing), weights)


def validation_targets(films: Sequence[Film], settings: Settings) -> Targets:
    """Return what a network is evaluated by: the labels as they are."""
    if settings.network == "backbone":
        return Targets(np.array([subtype_label(film) for film in films]))
    return Targets(_ill(films))


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
    """Return loss and metrics for `keras.Model.compile` of what gives logits; made again for every compilation."""
    # Rows that fill a batch up for several devices weigh nothing; plain metrics would count them.
    kind = "weighted_metrics" if present_share().devices > 1 else "metrics"
    if settings.network == "backbone":
        return {"loss": keras.losses.SparseCategoricalCrossentropy(from_logits=True), kind: ["accuracy"]}
    metrics = [AccuracyOfLogits(name="accuracy"), AurocOfLogits(name="auroc")]
    return {"loss": keras.losses.BinaryCrossentropy(from_logits=True), kind: metrics}


class AccuracyOfLogits(keras.metrics.BinaryAccuracy):
    """Accuracy at probability 0.5; a label that was smoothed or blended counts as the class it is nearer to."""

    def update_state(self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None) -> None:
        """Count a batch of logits."""
        super().update_state(keras.ops.round(y_true), keras.ops.sigmoid(y_pred), sample_weight)


class AurocOfLogits(keras.metrics.AUC):
    """AUROC; a label that was smoothed or blended counts as the class it is nearer to."""

    def update_state(self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None) -> None:
        """Count a batch of logits."""
        super().update_state(keras.ops.round(y_true), keras.ops.sigmoid(y_pred), sample_weight)


def _class_weights(labels: np.ndarray, settings: Settings) -> np.ndarray | None:
    return balanced_weights(labels) if settings.class_weights == "balanced" else None


def _ill(films: Sequence[Film]) -> np.ndarray:
    return np.array([film.label for film in films], dtype=np.float32)
