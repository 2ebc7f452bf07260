"""Network B taught by networks that saw ImageNet: it is trained towards what they say of the same picture.

Function matching (Beyer et al. 2022, arXiv:2106.05237): teacher and student see the same crop, and the student is to
give the teacher's answer, be the label what it may. Beside the answer stand the features (Romero et al. 2015,
arXiv:1412.6550): the first 1,280 of B's 2,048 pooled features are to be the teacher's. Which of its features those are
is B's own choice, so that no projection is needed, and training has no state but the network's own.
"""

from collections.abc import Sequence
from typing import Any, TypeAlias

import keras
from keras import layers, ops

from train.fitting.saved_networks import loading
from train.networks import backbone_of, unfreeze_for_fine_tuning
from train.networks.efficientnet_lite import build_teacher
from train.runs.run_folder import find_run
from train.runs.settings import DistillationSettings, Settings

Tensor: TypeAlias = Any  # of the backend's own


def unfreeze_for_distillation(network_b: keras.Model, batch_norm_momentum: float) -> None:
    """Make all of B trainable, in place; compile again afterwards."""
    unfreeze_for_fine_tuning(network_b, 0)
    for layer in backbone_of(network_b).layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.momentum = batch_norm_momentum


def load_teachers(settings: Settings, image_size: int) -> list[keras.Model]:
    """Build the teachers that the settings name for films of a side, frozen, under the present dtype policy.

    Returns:
        Models from grey values [N, S, S, 3] in [0, 255] to (logit float32 [N, 1], features [N, 1280]).

    Raises:
        PneumoscopeError: a best.keras is broken or not a teacher's.
    """
    teachers: list[keras.Model] = []
    for name in settings.teacher:
        run = find_run(name)
        teacher = build_teacher(image_size, 0.0, "random")
        with loading(f"the teacher {run.name}"):
            teacher.set_weights(keras.saving.load_model(run.best_network, compile=False).get_weights())
        teachers.append(_view(teacher, f"teacher{len(teachers) + 1}"))
        teachers[-1].trainable = False
    return teachers


def _view(network: keras.Model, name: str) -> keras.Model:
    """Return a view of a network that gives its logit [N, 1] and its pooled features."""
    outputs = [network.get_layer("logit").output, network.get_layer("pool").output]
    return keras.Model(network.input, outputs, name=name)


@keras.saving.register_keras_serializable(package="pneumoscope")
class Distiller(keras.Model):
    """What `fit` trains in place of network B: B itself, by a loss that asks its teachers.

    In validation, loss and metrics are the plain network's: cross-entropy of pneumonia, accuracy, AUROC. With
    z the logits and T the temperature, the loss of a training film is

        T² · BCE(σ(z_B / T), σ(z_teacher / T)) + label_weight · BCE(p_B, label) + feature_weight · (1 - cosine),

    the cosine that of B's and the teacher's features, each less their mean over the batch: 1 where they have nothing
    in common, 0 where they are alike but for a factor. Weights of films apply to all three. Of several teachers the
    logits are averaged; the features are the first one's.
    """

    def __init__(
        self, network: keras.Model, teachers: Sequence[keras.Model], distillation: DistillationSettings
    ) -> None:
        super().__init__(name="distiller")
        self.student = _view(network, "student")
        self.teachers = list(teachers)
        self.distillation = distillation
        self.built = True

    def call(self, image: Tensor, training: bool = False) -> list[Tensor]:
        """Return B's logit [N, 1] and its pooled features [N, 2048]."""
        return self.student(image, training=training)

    def compute_loss(
        self,
        x: Tensor | None = None,
        y: Tensor | None = None,
        y_pred: Any = None,  # noqa: ANN401  # as Keras has it
        sample_weight: Tensor | None = None,
        training: bool = True,
    ) -> Tensor:
        """Return a batch's loss, see the class."""
        logit, features = y_pred
        label_loss = super().compute_loss(x, y, logit, sample_weight, training)
        if not training:
            return label_loss
        taught, shown = [], []
        for teacher in self.teachers:
            teacher_logit, teacher_features = teacher(x, training=False)
            taught.append(ops.stop_gradient(teacher_logit))
            shown.append(ops.stop_gradient(teacher_features))
        soft = _soft_cross_entropy(logit, sum(taught) / len(taught), self.distillation.temperature)  # [N]
        unlike = _unlikeness(features, shown[0])  # [N]
        taught = soft + self.distillation.feature_weight * unlike
        if sample_weight is not None:
            taught = taught * ops.reshape(ops.cast(sample_weight, taught.dtype), (-1,))
        return ops.mean(taught) + self.distillation.label_weight * label_loss

    def compute_metrics(
        self,
        x: Tensor,
        y: Tensor,
        y_pred: Any,  # noqa: ANN401  # as Keras has it
        sample_weight: Tensor | None = None,
    ) -> dict[str, float]:
        """Return the plain network's metrics."""
        return super().compute_metrics(x, y, y_pred[0], sample_weight)


def _soft_cross_entropy(logit: Tensor, teacher_logit: Tensor, temperature: float) -> Tensor:
    """T² times the cross-entropy of two logits, both cooled by T (Hinton et al. 2015, arXiv:1503.02531): [N]."""
    z, target = logit / temperature, ops.sigmoid(teacher_logit / temperature)
    loss = ops.softplus(z) - target * z
    return temperature**2 * ops.reshape(loss, (-1,))


def _unlikeness(features: Tensor, teacher_features: Tensor) -> Tensor:
    """1 - cosine of a student's first features and a teacher's, each less its batch's mean: [N], from 0 to 2."""
    mine, theirs = (ops.cast(values, "float32") for values in (features, teacher_features))
    mine = mine[:, : theirs.shape[-1]]
    mine, theirs = (values - ops.mean(values, axis=0, keepdims=True) for values in (mine, theirs))
    return 1.0 - ops.sum(_unit(mine) * _unit(theirs), axis=-1)


def _unit(values: Tensor) -> Tensor:
    squares = ops.sum(ops.square(values), axis=-1, keepdims=True)
    return values * ops.rsqrt(ops.maximum(squares, 1e-6))
