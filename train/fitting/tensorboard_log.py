"""A copy of a training's curves for TensorBoard, written by Keras's own callback; only where it is asked for."""

from importlib.util import find_spec

import keras

from train.common.errors import UsageError
from train.runs.run_folder import RunFolder


def require_tensorboard() -> None:
    """Make sure that Keras can write for TensorBoard, before anything is trained.

    Raises:
        UsageError: a package is missing; the message names it.
    """
    missing = [name for name in ("tensorflow", "tensorboard") if find_spec(name) is None]
    if missing:
        names = " ".join(missing)
        raise UsageError(f"--tensorboard needs what is not installed here: pip install {names}")


def epoch_log(run: RunFolder, stage: str) -> keras.callbacks.TensorBoard:
    """Return the callback for a stage: it writes each epoch at its end into tensorboard/STAGE of the run's folder.

    A stage that is resumed goes on in the same folder. Graphs are left out: Keras would write them at each resumption.
    """
    return keras.callbacks.TensorBoard(run.tensorboard / stage, write_graph=False)
