"""One training on several devices or in several processes learns what one device learns (virtual CPU devices)."""

import importlib.util
import io
import json
import os
import socket
import subprocess
import sys
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

from train.runs.run_folder import RunFolder

ROOT = Path(__file__).resolve().parents[3]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.exhaustive,
    pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="JAX is not installed"),
]

#: In float32 ReLU and max-pooling choose otherwise after a rounding, and the trainings drift apart by 0.25 %. The last
#: layers ask for float32 themselves, and under JAX Keras computes what is normalised in float32, whatever the layer's.
COMMANDS_IN_FLOAT64 = """
import json, sys
import keras
keras.config.set_floatx("float64")
set_policy = keras.mixed_precision.set_global_policy
keras.mixed_precision.set_global_policy = lambda _name: set_policy("float64")
from keras.src.backend.common import dtypes
dtypes.BIT64_TO_BIT32_DTYPE["float64"] = "float64"
make = keras.layers.Layer.__init__
keras.layers.Layer.__init__ = lambda self, **options: make(self, **{**options, "dtype": "float64"})
from demo.cli import app
from train.fitting.checkpointing import TrainingCheckpoint
begin = TrainingCheckpoint.on_epoch_begin
def stop_in_the_second(self, epoch, logs=None):
    if epoch == 1:
        raise KeyboardInterrupt
    begin(self, epoch, logs)
for command in json.loads(sys.argv[1]):
    stopped = command[-1] == "stopped"
    TrainingCheckpoint.on_epoch_begin = stop_in_the_second if stopped else begin
    app(command[:-1] if stopped else command, standalone_mode=False)
"""
#: Exactly reproducible from one device to several: no augmentation, no dropout. 16 films to learn from.
ALIKE = ("--image-size", "32", "--batch-size", "6", "--dropout", "0", "--optimizer", "adam", "--epochs", "2")
SETTINGS = (
    *("width=0.2", "validation_fraction=0.5", "films_per_class=8"),
    *("augmentation.rotation=0", "augmentation.zoom=0", "augmentation.shift=0"),
)


def training(films, name, *more):
    words = (word for setting in SETTINGS for word in ("--set", setting))
    return ["train", "a", "--data", str(films), "--name", name, *ALIKE, *words, *more]


def start(runs, *commands, devices=1):
    return subprocess.Popen(
        [sys.executable, "-c", COMMANDS_IN_FLOAT64, json.dumps(commands)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "PNEUMOSCOPE_RUNS": str(runs),
            "KERAS_BACKEND": "jax",
            "JAX_PLATFORMS": "cpu",
            "JAX_ENABLE_X64": "1",
            "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",  # which take longer than so small a training does without them
            "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}",
        },
    )


def ended(process, code=0):
    stdout, stderr = process.communicate(timeout=500)
    assert process.returncode == code, stderr
    return stdout, stderr


@pytest.fixture
def joined():
    """The options of two processes, less the number of each."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return ("--coordinator", f"127.0.0.1:{free.getsockname()[1]}", "--processes", "2", "--json", "--process-id")


def numbers_of(run):
    """All that last.keras holds: weights, moving means and variances, the optimizer's state."""
    numbers = {}
    with zipfile.ZipFile(run.last_network) as archive:
        file = h5py.File(io.BytesIO(archive.read("model.weights.h5")))
        file.visititems(lambda name, found: numbers.update({name: found[()]} if hasattr(found, "shape") else {}))
    return numbers


def assert_alike(run, other):
    numbers, others = numbers_of(run), numbers_of(other)
    assert numbers.keys() == others.keys()
    for name, value in numbers.items():
        np.testing.assert_allclose(others[name], value, rtol=0, atol=1e-9, err_msg=name)
    for key in ("val_loss", "val_accuracy", "val_auroc", "loss"):
        assert history_of(other, key) == pytest.approx(history_of(run, key), abs=1e-5), key


def history_of(run, key):
    rows = [line.split(",") for line in run.history.read_text().splitlines()]
    return [float(row[rows[0].index(key)]) for row in rows[1:]]


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    from train.synthetic.phantom_folder import make_phantoms

    folder = tmp_path_factory.mktemp("few") / "films"
    make_phantoms(folder, count_per_class=60, seed=0, image_size=64)
    return folder


@pytest.fixture(scope="module")
def trained(films, tmp_path_factory):
    """The same training on two devices, and then on one: JAX has to know from its start on that devices share one."""
    runs = tmp_path_factory.mktemp("runs")
    _, said = ended(start(runs, training(films, "two", "--devices", "all"), training(films, "one"), devices=2))
    return runs, said


def test_two_devices_learn_what_one_does(trained):
    runs, said = trained
    assert_alike(RunFolder(runs / "one"), RunFolder(runs / "two"))
    assert "2 devices share every batch" in said
    assert "2 devices" in json.loads(RunFolder(runs / "two").environment.read_text())["device"]


def test_a_run_goes_on_with_another_number_of_devices(trained, films):
    runs, _ = trained
    _, said = ended(
        start(runs, training(films, "fewer", "--devices", "2", "stopped"), training(films, "fewer"), devices=2)
    )
    assert "run fewer resumes after epoch 1" in said
    assert_alike(RunFolder(runs / "one"), RunFolder(runs / "fewer"))


def test_two_processes_learn_what_one_does_and_one_of_them_writes(trained, films, joined, tmp_path):
    processes = [start(tmp_path, training(films, "processes", *joined, str(number))) for number in (0, 1)]
    (result, first), (nothing, second) = [ended(process) for process in processes]
    run = RunFolder(tmp_path / "processes")
    assert_alike(RunFolder(trained[0] / "one"), run)
    assert json.loads(result)["run"] == run.name
    assert run.evaluation.is_file()
    assert nothing == ""
    assert "2 devices share every batch, in 2 processes (this is 0)" in first
    assert "a train epoch 1" in first
    assert "process 0 evaluates" in second
    assert "a train epoch 1" not in second


def test_processes_of_unlike_commands_end_in_one_line(films, joined, tmp_path):
    processes = [start(tmp_path, training(films, "x", *joined, number, "--seed", number)) for number in "01"]
    for process in processes:
        _, said = ended(process, 1)
        assert "error: --process-id 1 would train something else than process 0: give every process the same" in said
    assert not (tmp_path / "x").exists()
