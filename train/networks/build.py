"""The two networks. A reads a film with a small CNN trained from scratch, B with a transferred ResNet50V2.

Both take grey values in [0, 255] and scale them themselves, so that whoever feeds them cannot scale wrongly.
"""

import contextlib
import math
import sys
from pathlib import Path

import keras
from keras import layers

from train.common.errors import PneumoscopeError, UsageError

#: Filters of A's six blocks at width 1 (report, task 2).
BLOCK_FILTERS = (32, 64, 64, 128, 128, 256)
#: A's blocks that drop out, counted from 1 (report, task 2).
BLOCKS_WITH_DROPOUT = (2, 4, 5, 6)
#: B's first backbone layer that stage 2 trains (report, task 2): it cuts conv4_block6 in the middle.
FINE_TUNE_FROM = 150
#: Keras's default of 0.99 leaves validation at "all ill" for the first epochs of a small cohort; 0.9 does not.
BATCH_NORM_MOMENTUM = 0.9

BACKBONE_NAME = "resnet50v2"

#: The output, and the layer, that both networks have.
PNEUMONIA_OUTPUT = "probability"


def build_network_a(
    image_size: int = 250,
    width: float = 1.0,
    dropout: float = 0.1,
    extra_dense: int = 0,
    *,
    batch_norm_momentum: float = BATCH_NORM_MOMENTUM,
) -> keras.Model:
    """Build network A: six convolution blocks and a dense classifier (report, task 2 and 3.1).

    Args:
        image_size: side S of the square film in pixels.
        width: factor on every convolution's filter count, > 0.
        dropout: rate of every dropout layer, in [0, 1).
        extra_dense: further hidden layers of 128 units, ≥ 0.
        batch_norm_momentum: of the moving averages; the report gives none.

    Returns:
        A model from float32 [N, S, S, 1], grey in [0, 255], to the probability of pneumonia, float32 [N, 1].
        At width 1: 1,099,585 parameters. The layer `logit` holds the score before the sigmoid.

    Raises:
        UsageError: an argument is out of its range.
    """
    _check_arguments(image_size, dropout, extra_dense)
    if not width > 0:
        raise UsageError(f"width must be above 0. Received: {width}")
    image = keras.Input((image_size, image_size, 1), name="image")
    x = layers.Rescaling(1 / 255, name="scale_to_0_1")(image)  # [N, S, S, 1]
    for block, filters in enumerate(BLOCK_FILTERS, start=1):
        x = layers.Conv2D(
            max(1, round(filters * width)), 3, padding="same", activation="relu", name=f"block{block}_conv"
        )(x)
        if block in BLOCKS_WITH_DROPOUT:
            x = layers.Dropout(dropout, name=f"block{block}_dropout")(x)
        x = layers.BatchNormalization(momentum=batch_norm_momentum, name=f"block{block}_norm")(x)
        x = layers.MaxPooling2D(2, padding="same", name=f"block{block}_pool")(x)  # side halved, rounded up
    x = layers.Flatten(name="flatten")(x)  # [N, 4 * 4 * 256] for S of 193 to 256
    x = _hidden_layers(x, 128, dropout, extra_dense)
    return keras.Model(image, _probability(x), name="network_a")


def build_network_b(
    image_size: int = 250,
    dropout: float = 0.1,
    extra_dense: int = 0,
    head_exponent: int = 7,
    backbone_weights: str | Path = "imagenet",
) -> keras.Model:
    """Build network B: a frozen ResNet50V2 (He et al. 2016, arXiv:1603.05027) and a dense head (report, task 2).

    Args:
        image_size: side S of the square film in pixels, ≥ 32.
        dropout: rate of the head's dropout layers, in [0, 1).
        extra_dense: further hidden layers of the head, ≥ 0.
        head_exponent: the head's hidden layers have 2 ** head_exponent units.
        backbone_weights: "imagenet" (downloaded by Keras), "random", or a weights file (`.weights.h5` or Keras's
            own `.h5` without top).

    Returns:
        A model from float32 [N, S, S, 3], grey in [0, 255] on three equal channels, to the probability of
        pneumonia, float32 [N, 1]. 23,827,201 parameters, 262,401 of them trainable while the backbone is frozen;
        its BatchNormalization layers run in inference mode. The layer `logit` holds the score before the sigmoid.

    Raises:
        UsageError: an argument is out of its range.
        PneumoscopeError: the weights cannot be downloaded, or are not ResNet50V2's.
    """
    _check_arguments(image_size, dropout, extra_dense)
    if not 0 <= head_exponent <= 16:
        raise UsageError(f"head_exponent must be from 0 to 16. Received: {head_exponent}")
    backbone = build_backbone(image_size, backbone_weights)
    backbone.trainable = False
    image = keras.Input((image_size, image_size, 3), name="image")
    x = layers.Rescaling(1 / 127.5, offset=-1, name="scale_to_minus1_1")(image)  # [N, S, S, 3]
    # No `training=False` here: Keras runs a frozen BatchNormalization in inference mode by itself, and stage 2
    # wants the unfrozen ones to learn.
    x = backbone(x)  # [N, ceil(S / 32), ceil(S / 32), 2048]
    x = layers.GlobalAveragePooling2D(name="pool")(x)  # [N, 2048]
    x = _hidden_layers(x, 2**head_exponent, dropout, extra_dense)
    return keras.Model(image, _probability(x), name="network_b")


def unfreeze_for_fine_tuning(network_b: keras.Model, from_layer: int = FINE_TUNE_FROM) -> keras.Model:
    """Unfreeze B's backbone from layer `from_layer` upwards, in place; compile again afterwards.

    Frozen layers keep their BatchNormalization in inference mode. From 150, the report's boundary, 15,496,449
    parameters are trainable; 0 trains everything, for a backbone that never saw ImageNet.

    Raises:
        UsageError: the network is not B, or `from_layer` is not one of the backbone's layers.
    """
    if BACKBONE_NAME not in {layer.name for layer in network_b.layers}:
        raise UsageError(f"only network B has a backbone to fine-tune. Received: a model named {network_b.name}")
    backbone = backbone_of(network_b)
    require_backbone_layer(network_b, from_layer)
    backbone.trainable = True
    for layer in backbone.layers[:from_layer]:
        layer.trainable = False
    return network_b


def require_backbone_layer(network_b: keras.Model, from_layer: int) -> None:
    """Refuse a layer to fine-tune from that B's backbone does not have.

    Raises:
        UsageError: it is beyond the last one.
    """
    count = len(backbone_of(network_b).layers)
    if not 0 <= from_layer < count:
        raise UsageError(f"fine_tune_from must be a layer of the backbone, 0 to {count - 1}. Received: {from_layer}")


def backbone_of(network: keras.Model) -> keras.Model:
    """Return the ResNet50V2 inside network B (or inside the network that trains a backbone)."""
    return network.get_layer(BACKBONE_NAME)


def build_backbone(image_size: int, weights: str | Path) -> keras.Model:
    """Build ResNet50V2 without its top, trainable: [N, S, S, 3] in [-1, 1] → [N, S/32, S/32, 2048].

    Raises:
        UsageError: `image_size` is under 32.
        PneumoscopeError: the weights cannot be downloaded, or are not ResNet50V2's.
    """
    if image_size < 32:
        raise UsageError(f"ResNet50V2 needs an image_size of at least 32 pixels. Received: {image_size}")
    shape = (image_size, image_size, 3)
    if weights == "random":
        return _resnet50v2(shape, None)
    if weights == "imagenet":
        return _imagenet_backbone(shape)
    path = Path(weights)
    if not path.is_file():
        raise UsageError(
            f"no backbone weights at {path}: expected 'imagenet', 'random' or a weights file; "
            "'pneumoscope train backbone' makes one from your films"
        )
    backbone = _resnet50v2(shape, None)
    try:
        backbone.load_weights(path)
    except Exception as error:  # h5py and Keras raise a different type for every way a file can be wrong
        raise PneumoscopeError(
            f"{path} holds no weights of ResNet50V2 without top (.weights.h5 or .h5): "
            f"{' '.join(str(error).split())[:200]}"
        ) from error
    return backbone


def _resnet50v2(shape: tuple[int, int, int], weights: str | None) -> keras.Model:
    return keras.applications.ResNet50V2(include_top=False, weights=weights, input_shape=shape, name=BACKBONE_NAME)


def _imagenet_backbone(shape: tuple[int, int, int]) -> keras.Model:
    try:
        # Keras shows the download on stdout, which is the result's.
        with contextlib.redirect_stdout(sys.stderr):
            return _resnet50v2(shape, "imagenet")
    except Exception as error:  # keras.utils.get_file raises bare Exception for an unreachable host
        raise PneumoscopeError(
            "the ImageNet weights of ResNet50V2 could not be downloaded "
            f"({' '.join(str(error).split())[:160]}). Two ways out: bring a file and pass "
            "--backbone-weights FILE ('pneumoscope train backbone' makes one from your films), or start from "
            "nothing with --backbone-weights random --fine-tune-from 0"
        ) from error


def _hidden_layers(x: keras.KerasTensor, units: int, dropout: float, extra_dense: int) -> keras.KerasTensor:
    for index in range(1 + extra_dense):
        x = layers.Dense(units, activation="relu", name=f"dense{index + 1}")(x)
        x = layers.Dropout(dropout, name=f"dense{index + 1}_dropout")(x)
    return x  # [N, units]


def _probability(x: keras.KerasTensor) -> keras.KerasTensor:
    # Split in two layers so that export and scoring read the logit itself: the inverse of a float32 sigmoid is
    # lost beyond ±17. float32 also under mixed precision.
    logit = layers.Dense(1, dtype="float32", name="logit")(x)  # [N, 1]
    return layers.Activation("sigmoid", dtype="float32", name=PNEUMONIA_OUTPUT)(logit)


def logit_model(network: keras.Model) -> keras.Model:
    """Return a view of a network without its last layer, a sigmoid or softmax: logits, float32; weights are shared."""
    return keras.Model(network.input, network.layers[-1].input, name=f"{network.name}_logit")


def _check_arguments(image_size: int, dropout: float, extra_dense: int) -> None:
    if image_size < 1:
        raise UsageError(f"image_size must be at least 1 pixel. Received: {image_size}")
    if not (0 <= dropout < 1 and math.isfinite(dropout)):
        raise UsageError(f"dropout must be in [0, 1). Received: {dropout}")
    if extra_dense < 0:
        raise UsageError(f"extra_dense must be 0 or more. Received: {extra_dense}")
