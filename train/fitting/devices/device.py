"""Where training runs: Keras's backend, started quietly, and the device it uses, chosen once and reported.

Call `choose_device` before any module that imports Keras is imported: what a backend reads from the environment counts
only then. Keras itself picks the backend: the variable KERAS_BACKEND, its own keras.json, or TensorFlow.
"""

import contextlib
import ctypes
import importlib.util
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from train.common.errors import UsageError

DeviceRequest = Literal["auto", "gpu", "cpu"]

#: Threads that make pictures for a GPU, where there are as many cores.
THREADS_OF_A_GPU = 8
#: Backend → its name in prose, and the extra of this project that installs it.
BACKENDS = {
    "tensorflow": ("TensorFlow", "train"),
    "jax": ("JAX", "train-jax"),
    "torch": ("PyTorch", ""),
}


@dataclass(frozen=True)
class Device:
    """The device in use (`kind` "gpu" or "cpu") and a line that says which and why."""

    kind: Literal["gpu", "cpu"]
    line: str


@dataclass(frozen=True)
class Found:
    """The GPUs that a backend sees: how many, the first one's name, and why there may be none."""

    count: int
    name: str
    way_out: str


def backend_name() -> str:
    """Return the backend that Keras will use or uses: a key of `BACKENDS`. Imports none of them.

    Raises:
        UsageError: it is none of these, or not installed.
    """
    name = os.environ.get("KERAS_BACKEND") or _configured_backend() or "tensorflow"
    if name not in BACKENDS:
        raise UsageError(
            f"Keras's backend (KERAS_BACKEND or keras.json) must be one of {', '.join(BACKENDS)}. Received: {name}"
        )
    if importlib.util.find_spec(name) is None:
        prose, extra = BACKENDS[name]
        install = f"pip install 'pneumoscope[{extra}]'" if extra else "see pytorch.org"
        raise UsageError(f"Keras's backend is {name}, and {prose} is not installed: {install}, or set KERAS_BACKEND")
    return name


def backend_in_prose() -> str:
    """Return the backend's name as a sentence has it.

    Raises:
        UsageError: as `backend_name`.
    """
    return BACKENDS[backend_name()][0]


def choose_device(request: DeviceRequest, before: Callable[[], None] | None = None) -> Device:
    """Start Keras's backend and make it use the device asked for; GPU memory grows as needed, never taken whole.

    Args:
        request: which.
        before: under JAX, called once it is imported and before it looks for devices.

    Raises:
        UsageError: the backend is not installed, or a GPU was asked for and it sees none.
    """
    backend = backend_name()
    if backend == "jax":
        found = _start_jax(request, before)
    else:
        found = (_start_tensorflow if backend == "tensorflow" else _start_torch)(request)
    prose = BACKENDS[backend][0]
    if request == "gpu" and not found.count:
        raise UsageError(f"--device gpu: {prose} sees no GPU here; {found.way_out}, or use --device cpu")
    if request == "cpu" or not found.count:
        why = "--device cpu" if request == "cpu" else f"{prose} sees no GPU"
        return Device("cpu", f"device: CPU ({why})")
    why = "--device gpu" if request == "gpu" else f"{prose} sees {found.count} GPU(s)"
    return Device("gpu", f"device: GPU {found.name} ({why})")


def picture_threads(device: Device, processes: int = 1) -> int:
    """Return how many threads make training pictures: several for a GPU, which would wait for one.

    Args:
        device: that trains.
        processes: that share the machine's cores.
    """
    return max(1, min(THREADS_OF_A_GPU, (os.cpu_count() or 1) // processes)) if device.kind == "gpu" else 1


def _configured_backend() -> str | None:
    """Return what Keras's own settings file says, as Keras reads it."""
    folder = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
    try:
        return json.loads((folder / "keras.json").read_text(encoding="utf-8")).get("backend")
    except (OSError, ValueError, AttributeError):
        return None


def _start_tensorflow(request: DeviceRequest) -> Found:
    _keep_freed_memory()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with _native_stderr_held_back():
        import tensorflow as tf

        gpus = tf.config.list_physical_devices("GPU")
    if request == "cpu":
        # Hiding the GPUs fails once TensorFlow has used one; on a machine without any there is nothing to hide.
        with contextlib.suppress(RuntimeError):
            tf.config.set_visible_devices([], "GPU")
    else:
        for gpu in gpus:
            tf.config.experimental.set_memory_growth(gpu, True)
    name = tf.config.experimental.get_device_details(gpus[0]).get("device_name", gpus[0].name) if gpus else ""
    built = "built with" if tf.test.is_built_with_cuda() else "built without"
    way_out = (
        f"version {tf.__version__} was {built} CUDA: check the driver with nvidia-smi, "
        "or install 'tensorflow[and-cuda]'"
    )
    return Found(len(gpus), name, way_out)


def _start_jax(request: DeviceRequest, before: Callable[[], None] | None) -> Found:
    # Otherwise JAX takes three quarters of a card, and a second training finds nothing.
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # where TensorFlow is installed Keras imports it all the same
    if request == "cpu":
        os.environ["JAX_PLATFORMS"] = "cpu"
    with _native_stderr_held_back():
        import jax
    if before is not None:
        before()
    with _native_stderr_held_back():
        try:
            devices = [device for device in jax.local_devices() if device.platform not in ("cpu", "tpu")]
        except (RuntimeError, AssertionError) as error:
            asked = os.environ.get("JAX_PLATFORMS", "")
            raise UsageError(
                f"JAX finds none of the platforms it was told to use (JAX_PLATFORMS={asked}): unset it, or use "
                "--device cpu"
            ) from error
    name = devices[0].device_kind if devices else ""
    return Found(
        len(devices), name, f"version {jax.__version__}: check the driver with nvidia-smi, or install jax[cuda13]"
    )


def _start_torch(request: DeviceRequest) -> Found:
    if request == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    name = torch.cuda.get_device_name(0) if count else ""
    return Found(count, name, f"version {torch.__version__}: check the driver with nvidia-smi")


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
    gigabytes again. Does nothing where the C library is another one.
    """
    if not sys.platform.startswith("linux"):
        return
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL("libc.so.6").mallopt
        for parameter, value in _KEEP:
            mallopt(parameter, value)


# Parameters of glibc's malloc.h: M_MMAP_MAX, M_TRIM_THRESHOLD, M_TOP_PAD and M_ARENA_MAX (only the one arena keeps).
_KEEP = ((-4, 0), (-1, 2**31 - 1), (-2, 2**28), (-8, 1))
