"""ONNX Runtime itself: found or explained, silent, on the device asked for."""

import os
import sys
from contextlib import redirect_stdout
from functools import cache
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Literal

from train.common.errors import UsageError

if TYPE_CHECKING:
    import onnxruntime

Device = Literal["auto", "cpu", "gpu"]

CUDA = "CUDAExecutionProvider"
CPU = "CPUExecutionProvider"
ERRORS_ONLY = 3  # ONNX Runtime's severity scale: 0 verbose … 4 fatal
FATAL_ONLY = 4
HOW_TO_INSTALL = "pip install 'pneumoscope[cpu]', or 'pneumoscope[gpu]' for an NVIDIA GPU (one of the two, not both)"


@cache
def import_onnxruntime() -> ModuleType:
    """Import ONNX Runtime with its telemetry off.

    Raises:
        UsageError: it is not installed, or its library does not load on this machine.
    """
    # Read at import; without it the import leaves files in ~/.cache/Microsoft.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    try:
        import onnxruntime
    except ModuleNotFoundError as error:
        if error.name != "onnxruntime":
            raise UsageError(f"ONNX Runtime cannot be imported ({error}); reinstall it: {HOW_TO_INSTALL}") from error
        raise UsageError(f"ONNX Runtime is not installed; {HOW_TO_INSTALL}") from None
    except ImportError as error:
        raise UsageError(f"ONNX Runtime cannot be imported ({error}); reinstall it: {HOW_TO_INSTALL}") from error
    if not hasattr(onnxruntime, "InferenceSession"):  # what uninstalling one of two overlapping wheels leaves
        raise UsageError(f"ONNX Runtime is broken, its folder is incomplete; uninstall it, then {HOW_TO_INSTALL}")
    return onnxruntime


def runtime_warnings() -> list[str]:
    """What is wrong with the installation though it may work: both wheels write the same folder."""
    installed = [name for name in ("onnxruntime", "onnxruntime-gpu") if _is_installed(name)]
    if len(installed) < 2:
        return []
    return [
        "onnxruntime and onnxruntime-gpu are both installed and overwrite each other; uninstall both, "
        f"then {HOW_TO_INSTALL}"
    ]


def open_session(
    runtime: ModuleType, model: bytes | Path, device: Device, threads: int
) -> "onnxruntime.InferenceSession":
    """Open a model, a file or the bytes of one, on a device.

    Raises:
        UsageError: a GPU was asked for and CUDA is not there or does not start.
        Exception: whatever ONNX Runtime raises for a model it cannot load.
    """
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # A thread that spins while it waits takes the processor from whatever else runs: decoding, the page's browser.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = ERRORS_ONLY
    has_cuda = CUDA in runtime.get_available_providers()
    if device == "gpu" and not has_cuda:
        raise UsageError(
            f"device gpu: this ONNX Runtime {runtime.__version__} is a CPU build; in a fresh environment "
            "pip install 'pneumoscope[gpu]', or use --device auto"
        )
    providers = [CPU]
    if device != "cpu" and has_cuda:
        providers = [CUDA, CPU]
        # A GPU that is not there is told once, in our own line, not in ONNX Runtime's log.
        runtime.set_default_logger_severity(FATAL_ONLY)
        options.log_severity_level = FATAL_ONLY
    with redirect_stdout(sys.stderr):  # both calls print what they could not load; stdout is for results
        if len(providers) > 1 and hasattr(runtime, "preload_dlls"):
            runtime.preload_dlls()
        source = str(model) if isinstance(model, Path) else model
        session = runtime.InferenceSession(source, options, providers=providers)
    # The list of available providers names CUDA even where it cannot start: only the session knows.
    if device == "gpu" and CUDA not in session.get_providers():
        raise UsageError(
            "device gpu: ONNX Runtime could not start CUDA; check the driver with nvidia-smi, or use --device auto"
        )
    if not isinstance(model, Path) and session.get_providers() == [CPU]:
        session._model_bytes = None  # it keeps them to begin again on another device, which there is none of
    return session


def device_note(runtime: ModuleType, session: "onnxruntime.InferenceSession", device: Device, threads: int) -> str:
    """Say which device a session runs on, and why."""
    if CUDA in session.get_providers():
        return f"device: GPU, CUDA ({'asked for' if device == 'gpu' else 'found'})"
    if device == "cpu":
        reason = "asked for"
    elif CUDA in runtime.get_available_providers():
        reason = "CUDA did not start"
    else:
        reason = "this ONNX Runtime is a CPU build"
    return f"device: CPU, {threads} thread{'' if threads == 1 else 's'} ({reason})"


def usable_processors() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _is_installed(distribution: str) -> bool:
    try:
        metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return False
    return True
