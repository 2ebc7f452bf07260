"""Fixtures shared by all tests."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The root of the real films (`PNEUMOSCOPE_DATA`); the test is skipped where there are none."""
    root = os.environ.get("PNEUMOSCOPE_DATA")
    if not root:
        pytest.skip("PNEUMOSCOPE_DATA is not set: no real films here")
    folder = Path(root)
    if not (folder / "chest_xray").is_dir():
        pytest.skip(f"PNEUMOSCOPE_DATA={root} holds no chest_xray folder")
    return folder.resolve()
