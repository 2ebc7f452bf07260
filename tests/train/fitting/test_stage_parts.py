"""What a stage fits learns under every backend, whatever the network is sure of."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]

# A network that calls every film ill, with logits of 40: their float32 sigmoid is 1.
SURE_AND_WRONG = """
import numpy as np
from train.fitting.batches.loader import FilmBatches
from train.fitting.fit import build_network, make_optimizer
from train.fitting.stage_parts import stage_parts
from train.runs.settings import make_settings

settings = make_settings(NETWORK, {"prepare.image_size": 32, "dropout": 0, **SETTINGS})
network = build_network(settings)
closing = network.get_layer(LAYER)
closing.bias.assign(np.array(BIAS, np.float32))
films = FilmBatches(np.zeros((8, 32, 32), np.uint8), np.zeros(8, LABELS), None, batch_size=4, channels=CHANNELS)
network.compile(make_optimizer("sgd", 0.1))
parts = stage_parts("train", network, films, films, settings)
parts.compile_as(network, settings)
history = parts.model.fit(films, epochs=3, verbose=0, shuffle=False)
print(history.history["loss"][0], closing.get_weights()[1].max())
"""


A = {"NETWORK": "a", "LAYER": "logit", "BIAS": [40.0], "LABELS": "float32", "CHANNELS": 1, "SETTINGS": {"width": 0.1}}
BACKBONE = {
    "NETWORK": "backbone",
    "LAYER": "classes",
    "BIAS": [0.0, 40.0, 0.0],
    "LABELS": "int32",
    "CHANNELS": 3,
    "SETTINGS": {"backbone_weights": "random"},
}
needs_jax = pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="JAX is not installed")


@pytest.mark.slow
@pytest.mark.exhaustive
@pytest.mark.parametrize("network", [pytest.param(A, id="a"), pytest.param(BACKBONE, id="backbone")])
@pytest.mark.parametrize("backend", [pytest.param("jax", marks=needs_jax), "tensorflow"])
def test_a_network_that_is_sure_of_the_wrong_answer_learns(backend, network):
    process = subprocess.run(
        [sys.executable, "-c", "".join(f"{name} = {value!r}\n" for name, value in network.items()) + SURE_AND_WRONG],
        capture_output=True,
        text=True,
        check=False,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "KERAS_BACKEND": backend,
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "JAX_PLATFORMS": "cpu",
            "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
        },
    )
    assert process.returncode == 0, process.stderr
    loss, bias = map(float, process.stdout.split()[-2:])
    assert loss > 30  # not cut off at -log(1e-7) = 16
    assert bias < 39.6
