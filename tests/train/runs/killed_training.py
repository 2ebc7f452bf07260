"""Trains a run in processes that are killed with SIGKILL, for test_resume.py; a script of its own.

    killed_training.py DATA RUNS '{"name": "b", "network": "b", "settings": {…}, "kills": [7, 30]}' …

Each run is trained by one process after the other, each killed at the so-manieth of these moments: a step was taken,
half a file is written, a file is written and not yet renamed, a file has its name. The last one is let through. They
are forked after TensorFlow was imported, which takes longest; B's backbone is a small one.
"""

import json
import os
import signal
import sys
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
DATA, RUNS = Path(sys.argv[1]), sys.argv[2]
os.environ["PNEUMOSCOPE_RUNS"] = RUNS

from train.fitting.devices.device import choose_device  # noqa: E402

choose_device("cpu")  # before Keras is imported
import keras  # noqa: E402

from train.cli.train_session import train_or_resume  # noqa: E402
from train.common import atomic  # noqa: E402
from train.fitting.checkpointing import TrainingCheckpoint  # noqa: E402
from train.networks import build as networks  # noqa: E402
from train.runs.settings import make_settings  # noqa: E402


def compile_eagerly(compile_):
    """Let Keras run a step at once: with few films, building its graph takes longer than the training."""
    return lambda network, **options: compile_(network, **options, run_eagerly=True)


def small_backbone(image_size, _weights):
    """A backbone of a few layers under the name of the large one, with what stage 2 has to keep in order."""
    image = x = keras.Input((image_size, image_size, 3))
    for filters in (4, 8):
        x = keras.layers.Conv2D(filters, 3, strides=2, activation="relu")(x)
        x = keras.layers.BatchNormalization()(x)
    return keras.Model(image, x, name=networks.BACKBONE_NAME)


def kill_at(moment):
    """Make this process kill itself at the so-manieth moment from now."""
    left = moment

    def strike(before=lambda: None):
        nonlocal left
        left -= 1
        if left == 0:
            before()
            os.kill(os.getpid(), signal.SIGKILL)

    sync, replace, step = atomic._sync, Path.replace, TrainingCheckpoint.on_train_batch_end

    def striking_sync(path):
        strike(lambda: os.truncate(path, path.stat().st_size // 2))
        sync(path)
        strike()

    def striking_replace(path, target):
        found = replace(path, target)
        strike()
        return found

    def striking_step(checkpoint, batch, logs=None):
        step(checkpoint, batch, logs)
        strike()

    atomic._sync, Path.replace, TrainingCheckpoint.on_train_batch_end = striking_sync, striking_replace, striking_step


def train(run, moment):
    """Train a run in a process of its own; say how it ended."""
    child = os.fork()
    if child == 0:
        try:
            if moment is not None:
                kill_at(moment)
            networks.build_backbone = small_backbone
            keras.Model.compile = compile_eagerly(keras.Model.compile)
            settings = make_settings(run["network"], run["settings"])
            train_or_resume(settings, DATA, run["name"], new=False, device="cpu", as_json=False)
        except BaseException as error:
            sys.stderr.write(f"{run['name']}: {type(error).__name__}: {error}\n")
            sys.stderr.flush()
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


for text in sys.argv[3:]:
    run = json.loads(text)
    for moment in [*run["kills"], None]:
        sys.stdout.write(f"{run['name']} {train(run, moment)}\n")
        sys.stdout.flush()
