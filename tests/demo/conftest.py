"""Films for the demo's tests: flat grey PNGs, on which the tiny networks' answers are known exactly."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest


@pytest.fixture(scope="session")
def write_film() -> Callable[..., Path]:
    """Write a flat grey film: (path, grey level, size) → path. The name may be anything, even no UTF-8."""

    def write(path: Path, grey: int = 200, size: tuple[int, int] = (40, 30)) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(cv2.imencode(".png", np.full(size, grey, np.uint8))[1].tobytes())
        return path

    return write


@pytest.fixture
def models(tmp_path, tiny_bundle) -> Path:
    """A folder with two tiny networks: a calls bright films ill, b calls only very bright ones ill."""
    folder = tmp_path / "models"
    tiny_bundle(folder, "a", {"weight": 8.0, "bias": -4.0})
    tiny_bundle(folder, "b", {"weight": 20.0, "bias": -18.0})
    return folder
