"""For the tests that train: cheaper steps, and a cheaper backbone where ResNet50V2 itself is not what is asserted."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest


@contextmanager
def _steps_run_eagerly() -> Iterator[None]:
    import keras

    # Where it is defined: Keras warns of a network whose class overrides it.
    trainer = next(parent for parent in keras.Model.__mro__ if "compile" in vars(parent))
    compile_ = trainer.compile
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trainer, "compile", lambda network, **more: compile_(network, **more | {"run_eagerly": True}))
        yield


@pytest.fixture
def eager_steps() -> Iterator[None]:
    """Let Keras run each step at once: with few films, tracing its graph takes longer than the training.

    Of ResNet50V2 a step takes 1 second and its graph 20.
    """
    with _steps_run_eagerly():
        yield


@pytest.fixture(scope="module")
def eager_steps_of_module() -> Iterator[None]:
    """`eager_steps` for the fixtures of a module too."""
    with _steps_run_eagerly():
        yield


@pytest.fixture
def small_backbone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let network B have a backbone of two layers under ResNet50V2's name, with as many channels as a teacher's."""
    import keras

    from train.networks import build

    def build_backbone(image_size: int, weights: object) -> keras.Model:
        image = x = keras.Input((image_size, image_size, 3))
        for filters in (4, 1280):
            x = keras.layers.Conv2D(filters, 3, strides=4, padding="same", activation="relu")(x)
            x = keras.layers.BatchNormalization()(x)
        return keras.Model(image, x, name=build.BACKBONE_NAME)

    monkeypatch.setattr(build, "build_backbone", build_backbone)


@pytest.fixture
def blank_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write plots blank: to lay them out takes longer than the rest of an evaluation; `test_plots` has them drawn."""
    from matplotlib.figure import Figure

    blank = cv2.imencode(".png", np.full((8, 8), 255, np.uint8))[1].tobytes()
    monkeypatch.setattr(Figure, "savefig", lambda figure, path, **_: Path(path).write_bytes(blank))
