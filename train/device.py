"""Where training runs: chosen once, before the first tensor, and said aloud. Import it before other Keras rooms."""

import contextlib
import ctypes
import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from train.errors import UsageError


@contextlib.contextmanager
def _native_stderr_held_back() -> Iterator[None]:
    """Hold back what native code writes to stderr, and show it after all if the block fails.

    TensorFlow's first lines go straight to the file descriptor, before any log level counts, and look like errors
    on every machine without a GPU.
    """
    with tempfile.TemporaryFile() as held:
        saved = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(saved, held.read())
            raise
        finally:
            os.dup2(saved, 2)
            os.close(saved)


def _keep_freed_memory() -> None:
    """Let glibc keep what TensorFlow frees instead of giving it back and clearing it again at every step.

    The activations of a step are larger than what malloc keeps by default, so each step would map and fault in
    gigabytes anew. Does nothing where the C library is another one.
    """
    if not sys.platform.startswith("linux"):
        return
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL("libc.so.6").mallopt
        for parameter, value in _KEEP:
            mallopt(parameter, value)


# Parameters of glibc's malloc.h: M_MMAP_MAX, M_TRIM_THRESHOLD, M_TOP_PAD and M_ARENA_MAX (only the one arena keeps).
_KEEP = ((-4, 0), (-1, 2**31 - 1), (-2, 2**28), (-8, 1))

_keep_freed_memory()
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
with _native_stderr_held_back():
    import tensorflow as tf

    _GPUS = tf.config.list_physical_devices("GPU")

DeviceRequest = Literal["auto", "gpu", "cpu"]


@dataclass(frozen=True)
class Device:
    """The device in use (`kind` "gpu" or "cpu") and a line that says which and why."""

    kind: Literal["gpu", "cpu"]
    line: str


def choose_device(request: DeviceRequest) -> Device:
    """Make TensorFlow use the device asked for; GPU memory grows as needed instead of being taken whole.

    Raises:
        UsageError: a GPU was asked for and TensorFlow sees none.
    """
    if request == "gpu" and not _GPUS:
        built = "built with" if tf.test.is_built_with_cuda() else "built without"
        raise UsageError(
            f"--device gpu: TensorFlow {tf.__version__} ({built} CUDA) sees no GPU here; check the driver with "
            "nvidia-smi, or install 'tensorflow[and-cuda]', or use --device cpu"
        )
    if request == "cpu" or not _GPUS:
        # Hiding the GPUs fails once TensorFlow has used one; on a machine without any there is nothing to hide.
        with contextlib.suppress(RuntimeError):
            tf.config.set_visible_devices([], "GPU")
        why = "--device cpu" if request == "cpu" else "TensorFlow sees no GPU"
        return Device("cpu", f"device: CPU ({why})")
    for gpu in _GPUS:
        tf.config.experimental.set_memory_growth(gpu, True)
    name = tf.config.experimental.get_device_details(_GPUS[0]).get("device_name", _GPUS[0].name)
    why = "--device gpu" if request == "gpu" else f"TensorFlow sees {len(_GPUS)} GPU(s)"
    return Device("gpu", f"device: GPU {name} ({why})")
