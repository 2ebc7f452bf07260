"""The networks in Keras: A from scratch, B around ResNet50V2, and the teacher."""

from train.networks.build import (
    BACKBONE_NAME,
    PNEUMONIA_OUTPUT,
    backbone_of,
    build_backbone,
    build_network_a,
    build_network_b,
    logit_model,
    require_backbone_layer,
    unfreeze_for_fine_tuning,
)

__all__ = [
    "BACKBONE_NAME",
    "PNEUMONIA_OUTPUT",
    "backbone_of",
    "build_backbone",
    "build_network_a",
    "build_network_b",
    "logit_model",
    "require_backbone_layer",
    "unfreeze_for_fine_tuning",
]
