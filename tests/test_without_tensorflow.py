"""What a person who only predicts has installed: none of the train or page extras."""

import json
import subprocess
import sys

import cv2
import numpy as np
import pytest

BLOCKED = ("tensorflow", "keras", "tf2onnx", "sklearn", "scipy", "matplotlib", "imagehash", "onnx", "gradio", "plotly")

WITHOUT = f"""
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {BLOCKED!r}:
            raise ModuleNotFoundError(f"blocked: {{name}}", name=name)

sys.meta_path.insert(0, Blocked())
"""


def run_without(code, *arguments):
    return subprocess.run(
        [sys.executable, "-c", WITHOUT + code, *map(str, arguments)], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("name", BLOCKED)
def test_the_block_holds(name):
    process = run_without(f"import {name}")
    assert process.returncode == 1
    assert f"blocked: {name}" in process.stderr


def test_predict_reads_films(tmp_path, tiny_bundle):
    for network in ("a", "b"):
        tiny_bundle(tmp_path / "models", network)
    film = tmp_path / "film.png"
    film.write_bytes(cv2.imencode(".png", np.full((40, 30), 200, np.uint8))[1].tobytes())
    code = "from demo.cli import app; app()"
    process = run_without(code, "predict", film, "--models", tmp_path / "models", "--json")
    assert process.returncode == 0, process.stderr
    assert list(json.loads(process.stdout)[0]["readings"]) == ["a", "b"]


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["predict", "--help"], ["train", "--help"], ["export", "--help"], ["data", "check", "--help"]],
)
def test_every_help_is_there(arguments):
    process = run_without("from demo.cli import app; app()", *arguments)
    assert process.returncode == 0, process.stderr
    assert "Usage: pneumoscope" in process.stdout.replace("Usage: -c", "Usage: pneumoscope")


def test_the_studies_are_listed():
    process = run_without("from demo.cli import app; app()", "study", "list", "--json")
    assert process.returncode == 0, process.stderr
    assert json.loads(process.stdout)["rows"] == 107
