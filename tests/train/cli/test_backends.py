"""Keras's other backends: the same commands and networks without TensorFlow, and clear words where one is missing."""

import csv
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from train.common.errors import UsageError
from train.data.cohort import read_split
from train.fitting.devices.device import backend_name, choose_device
from train.runs.run_folder import RunFolder

ROOT = Path(__file__).resolve().parents[3]

COMMAND_WITHOUT_TENSORFLOW = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("tensorflow", "tf2onnx"):
            raise ModuleNotFoundError(f"blocked: {name}", name=name)

sys.meta_path.insert(0, Blocked())
from demo.cli import app
app()
"""

needs_jax = pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="JAX is not installed")


def run_without_tensorflow(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-c", COMMAND_WITHOUT_TENSORFLOW, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
    )


@pytest.fixture(scope="module")
def jax_run(phantom_root, tmp_path_factory):
    """A run of network A, two epochs on phantoms, trained under JAX in a Python that has no TensorFlow."""
    runs = tmp_path_factory.mktemp("runs")
    settings = ("width=0.2", "validation_fraction=0.4", "augmentation.crop=0.3")
    process = run_without_tensorflow(
        *("train", "a", "--data", phantom_root, "--name", "of-jax", "--image-size", 32, "--epochs", 2, "--workers", 2),
        *(word for setting in settings for word in ("--set", setting)),
        KERAS_BACKEND="jax",
        JAX_DISABLE_MOST_OPTIMIZATIONS="1",  # which take longer than so small a training does without them
        PNEUMOSCOPE_RUNS=str(runs),
    )
    assert process.returncode == 0, process.stderr
    return RunFolder(runs / "of-jax")


@pytest.mark.slow
@needs_jax
def test_a_network_trained_under_jax_says_the_same_under_tensorflow(jax_run, phantom_root):
    from train.fitting.scoring import load_network, predict_logits, prepare_all
    from train.runs.run_folder import settings_of

    films = read_split(jax_run.split, phantom_root).of_split("validation")
    images = prepare_all(phantom_root, films, settings_of(jax_run).prepare.spec(), "validation")
    logits = predict_logits(load_network(jax_run), images, channels=1)
    with jax_run.scores.open() as file:
        scored = {row["film"]: float(row["logit"]) for row in csv.DictReader(file)}
    assert logits == pytest.approx(np.array([scored[film.path] for film in films]), abs=1e-5)


@pytest.mark.slow
@needs_jax
def test_a_run_tells_its_backend(jax_run):
    environment = json.loads(jax_run.environment.read_text())
    assert environment["device"].startswith("CPU")
    assert environment["versions"]["backend"] == "jax"
    assert {"jax", "jaxlib", "keras"} <= environment["versions"].keys()


@pytest.mark.slow
@needs_jax
def test_a_gpu_that_is_not_there_is_one_line_under_jax(phantom_root, tmp_path):
    process = run_without_tensorflow(
        "train", "a", "--data", phantom_root, "--device", "gpu",
        KERAS_BACKEND="jax", JAX_PLATFORMS="cpu", PNEUMOSCOPE_RUNS=str(tmp_path),
    )  # fmt: skip
    assert process.returncode == 2
    assert "--device gpu: JAX sees no GPU here" in process.stderr
    assert "--device cpu" in process.stderr
    assert "Traceback" not in process.stderr


@pytest.mark.slow
@needs_jax
def test_a_platform_that_jax_does_not_find_is_one_line(phantom_root, tmp_path):
    process = run_without_tensorflow(
        *("train", "a", "--data", phantom_root),
        KERAS_BACKEND="jax",
        JAX_PLATFORMS="cuda",
        PNEUMOSCOPE_RUNS=str(tmp_path),
    )
    assert process.returncode == 2
    assert "JAX_PLATFORMS=cuda" in process.stderr
    assert "Traceback" not in process.stderr


@pytest.mark.parametrize(
    ("backend", "words"),
    [
        ("theano", "must be one of tensorflow, jax, torch"),
        ("tensorflow", r"TensorFlow is not installed: pip install 'pneumoscope\[train\]'"),
        ("jax", r"JAX is not installed: pip install 'pneumoscope\[train-jax\]'"),
        ("torch", "PyTorch is not installed"),
    ],
)
def test_a_backend_that_is_not_there_is_one_line(monkeypatch, backend, words):
    monkeypatch.setenv("KERAS_BACKEND", backend)
    monkeypatch.setattr("train.fitting.devices.device.importlib.util.find_spec", lambda _name: None)
    for ask in (backend_name, lambda: choose_device("auto")):
        with pytest.raises(UsageError, match=words):
            ask()


def test_the_backend_of_kerass_own_settings_is_known(monkeypatch, tmp_path):
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr("train.fitting.devices.device.importlib.util.find_spec", lambda _name: True)
    assert backend_name() == "tensorflow"
    (tmp_path / "keras.json").write_text('{"backend": "jax"}')
    assert backend_name() == "jax"
    (tmp_path / "keras.json").write_text("no JSON")
    assert backend_name() == "tensorflow"


def test_exporting_under_another_backend_is_one_line(run_command, monkeypatch, tmp_path, phantom_root):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    monkeypatch.setattr("train.fitting.devices.device.importlib.util.find_spec", lambda _name: True)
    run = tmp_path / "runs" / "a"
    run.mkdir(parents=True)
    (run / "settings.yaml").write_text("network: a\n")
    (run / "best.keras").write_bytes(b"")
    result = run_command("export", run, "--data", phantom_root)
    assert result.exit_code == 2
    assert "unset KERAS_BACKEND" in result.stderr
