import sys
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pytest

from demo.inference import onnx_runtime
from train.common.errors import UsageError


def fake_runtime(available, started, log=None):
    """An ONNX Runtime with these providers available, of which a session really starts only some."""

    def session(model, options, providers):
        sys.stdout.write("Falling back\n")  # as ONNX Runtime's Python layer does
        return SimpleNamespace(get_providers=lambda: [name for name in providers if name in started])

    return SimpleNamespace(
        __version__="9.9",
        SessionOptions=lambda: SimpleNamespace(add_session_config_entry=lambda name, value: None),
        InferenceSession=session,
        get_available_providers=lambda: available,
        set_default_logger_severity=lambda level: None,
        preload_dlls=lambda: sys.stdout.write("Failed to load libcudart.so\n"),
    )


BOTH = [onnx_runtime.CUDA, onnx_runtime.CPU]


@pytest.mark.parametrize(
    ("available", "started", "device", "line"),
    [
        ([onnx_runtime.CPU], [onnx_runtime.CPU], "auto", "device: CPU, 2 threads (this ONNX Runtime is a CPU build)"),
        ([onnx_runtime.CPU], [onnx_runtime.CPU], "cpu", "device: CPU, 2 threads (asked for)"),
        (BOTH, [onnx_runtime.CPU], "auto", "device: CPU, 2 threads (CUDA did not start)"),
        (BOTH, BOTH, "auto", "device: GPU, CUDA (found)"),
        (BOTH, BOTH, "gpu", "device: GPU, CUDA (asked for)"),
        (BOTH, BOTH, "cpu", "device: CPU, 2 threads (asked for)"),
    ],
)
def test_the_device_and_why(available, started, device, line, capsys):
    module = fake_runtime(available, started)
    session = onnx_runtime.open_session(module, Path("model.onnx"), device, threads=2)
    assert onnx_runtime.device_note(module, session, device, threads=2) == line
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("available", "message"), [([onnx_runtime.CPU], "is a CPU build"), (BOTH, "could not start CUDA")]
)
def test_a_gpu_asked_for_and_absent_is_wrong_use(available, message):
    module = fake_runtime(available, [onnx_runtime.CPU])
    with pytest.raises(UsageError, match=message) as error:
        onnx_runtime.open_session(module, Path("model.onnx"), "gpu", threads=2)
    assert error.value.exit_code == 2


def test_a_missing_onnxruntime_names_both_extras(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(UsageError, match=r"pneumoscope\[cpu\].*pneumoscope\[gpu\]"):
        onnx_runtime.import_onnxruntime.__wrapped__()


def test_an_emptied_onnxruntime_folder_is_explained(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", SimpleNamespace())
    with pytest.raises(UsageError, match="incomplete"):
        onnx_runtime.import_onnxruntime.__wrapped__()


@pytest.mark.parametrize(
    ("installed", "warned"),
    [({"onnxruntime"}, 0), ({"onnxruntime-gpu"}, 0), ({"onnxruntime", "onnxruntime-gpu"}, 1), (set(), 0)],
)
def test_both_wheels_at_once_are_warned_of(monkeypatch, installed, warned):
    def version(name):
        if name not in installed:
            raise metadata.PackageNotFoundError(name)
        return "1"

    monkeypatch.setattr(metadata, "version", version)
    assert len(onnx_runtime.runtime_warnings()) == warned
