"""Train ResNet50V2 on the films themselves, for machines that cannot fetch ImageNet weights."""

from pathlib import Path

import keras
from keras import layers

from train.common.errors import PneumoscopeError
from train.data.cohort import Film
from train.networks import build_backbone

#: What the backbone learns to tell apart; the file names of the public set say bacterial or viral.
BACKBONE_CLASSES = ("normal", "bacterial", "viral")


def build_backbone_trainer(
    image_size: int, dropout: float, weights: str | Path, batch_norm_momentum: float
) -> keras.Model:
    """Build a trainable ResNet50V2 with a three-class softmax on its pooled features.

    Args:
        image_size: side S in pixels, ≥ 32; the weights made fit any other side too.
        dropout: rate on the pooled features, in [0, 1).
        weights: where the backbone starts: "random", "imagenet" or a weights file.
        batch_norm_momentum: of the backbone's moving averages while it trains.

    Returns:
        A model from float32 [N, S, S, 3], grey in [0, 255], to float32 [N, 3] over BACKBONE_CLASSES.

    Raises:
        UsageError: `image_size` is under 32, or there is no such weights file.
        PneumoscopeError: the weights cannot be downloaded, or are not ResNet50V2's.
    """
    backbone = build_backbone(image_size, weights)
    for layer in backbone.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.momentum = batch_norm_momentum
    image = keras.Input((image_size, image_size, 3), name="image")
    x = layers.Rescaling(1 / 127.5, offset=-1, name="scale_to_minus1_1")(image)
    x = backbone(x)  # [N, ceil(S / 32), ceil(S / 32), 2048]
    x = layers.GlobalAveragePooling2D(name="pool")(x)  # [N, 2048]
    x = layers.Dropout(dropout, name="pool_dropout")(x)
    logits = layers.Dense(len(BACKBONE_CLASSES), dtype="float32", name="classes")(x)  # [N, 3]
    probabilities = layers.Activation("softmax", dtype="float32", name="class_probabilities")(logits)
    return keras.Model(image, probabilities, name="backbone_trainer")


def subtype_label(film: Film) -> int:
    """Return a film's place in BACKBONE_CLASSES.

    Raises:
        PneumoscopeError: the film's name does not say of which subtype its pneumonia is.
    """
    if film.subtype not in BACKBONE_CLASSES:
        raise PneumoscopeError(
            f"{film.path} does not say whether its pneumonia is bacterial or viral: 'train backbone' expects it "
            "in the file name, as in person1_bacteria_2.jpeg"
        )
    return BACKBONE_CLASSES.index(film.subtype)
