"""JavaScript under test: Node for what needs no browser, and the npm packages that a page of plain files stands on."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

DRIVERS = Path(__file__).parent / "drivers"


@pytest.fixture(scope="session")
def node() -> Callable[..., str]:
    """Run a file of `drivers` in Node with arguments → what it prints; the test is skipped where there is no Node."""
    found = shutil.which("node")
    if found is None:
        pytest.skip("no Node here: apt-get install nodejs")

    def run(driver: str, *arguments: str | Path) -> str:
        command = [found, DRIVERS / driver, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=240)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="session")
def node_modules() -> Path:
    """The folder `node_modules` that holds onnxruntime-web and dicom-parser; the test is skipped without it."""
    named = os.environ.get("PNEUMOSCOPE_NODE_MODULES")
    if not named or not (Path(named) / "onnxruntime-web").is_dir():
        pytest.skip("PNEUMOSCOPE_NODE_MODULES names no folder that npm installed onnxruntime-web into")
    return Path(named)
