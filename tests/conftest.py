"""Fixtures shared by all tests."""

import gc
import io
import os
import shutil
import signal
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from hypothesis import settings
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    ComputedRadiographyImageStorage,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

from export.bundle import Bundle, Card, metadata_of, write_bundle
from train.metrics.operating_points import OPERATING_POINTS

# How long an example takes says nothing on a machine that trains beside the tests.
settings.register_profile("pneumoscope", deadline=None)
settings.load_profile("pneumoscope")


def pytest_configure(config: pytest.Config) -> None:
    """Let pytest-xdist keep the order of the files; it would put the one with the most tests first."""
    if hasattr(config.option, "loadscopereorder"):
        config.option.loadscopereorder = False


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files of the slow tests, or at the end one worker waits for another's long file.

    What is `exhaustive` says little beside its fewer cases, and takes minutes: it waits to be asked for.
    """
    if not os.environ.get("PNEUMOSCOPE_EXHAUSTIVE"):
        left_out = pytest.mark.skip(reason="set PNEUMOSCOPE_EXHAUSTIVE=1 to run every case")
        for item in items:
            if item.get_closest_marker("exhaustive"):
                item.add_marker(left_out)
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: -slow[item.path])


def pytest_collection_finish() -> None:
    """Spare the collector what was imported: TensorFlow's objects take it half a second each time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _interruptible() -> None:
    """Let the processes that tests start be stopped by Ctrl-C, as in a terminal.

    What a script starts in the background ignores it, and hands that on to its children; a handler is not handed on.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The root of the real films (`PNEUMOSCOPE_DATA`); the test is skipped where there are none."""
    root = os.environ.get("PNEUMOSCOPE_DATA")
    if not root:
        pytest.skip("PNEUMOSCOPE_DATA is not set: no real films here")
    folder = Path(root)
    if not (folder / "chest_xray").is_dir():
        pytest.skip(f"PNEUMOSCOPE_DATA={root} holds no chest_xray folder")
    return folder.resolve()


def make_card(**changes: Any) -> Card:
    """A valid card of network A with S = 8, the given entries changed."""
    entries = {
        "network": "a",
        "title": "Tiny network",
        "placeholder": False,
        "placeholder_reason": "",
        "classes": ("normal", "pneumonia"),
        "prepare": {"image_size": 8, "resize": "squash", "contrast": "none"},
        "calibration": {"temperature": 2.0, "selected_on": "validation"},
        "operating_points": {
            name: {"threshold": 0.2 + 0.2 * index, "selected_on": "validation", "sensitivity": 0.9}
            for index, name in enumerate(OPERATING_POINTS)
        },
        "split_fingerprint": "0" * 64,
        "metrics": {"validation": {"auroc": {"value": 0.9, "interval": [0.8, 1.0]}}, "test": None},
        "parity": {"films": 64, "largest_probability_difference": 1e-6, "decisions_changed": 0},
        "intended_use": "tests",
        "not_intended_use": "everything else",
        "training": "none",
        "data": "none",
        "licence": "Apache-2.0",
        "versions": {"onnx": "1"},
        "commit": "0" * 40,
        "created": "2026-01-31",
    }
    return Card.model_validate(entries | changes)


def make_model(
    card: Card,
    weight: float = 8.0,
    bias: float = -4.0,
    shape: tuple = ("N", 8, 8, 1),
    novelty: bool = False,
    heatmap: bool = False,
) -> bytes:
    """A network that weighs a film's mean: logit = weight · mean / 255 + bias; novelty = mean / 255.

    Its heatmap is the film itself, 0..1.
    """
    from onnx import TensorProto, helper

    def constant(name: str, *values: float) -> Any:
        return helper.make_tensor(name, TensorProto.FLOAT, (), values)

    outputs = ["logit", "probability", *(["novelty"] if novelty else [])]
    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["image"], ["grey"], to=TensorProto.FLOAT),
            helper.make_node("ReduceMean", ["grey"], ["mean"], axes=[1, 2, 3], keepdims=0),
            helper.make_node("Div", ["mean", "white"], ["novelty"]),
            helper.make_node("Mul", ["novelty", "weight"], ["weighed"]),
            helper.make_node("Add", ["weighed", "bias"], ["logit"]),
            helper.make_node("Div", ["logit", "temperature"], ["calibrated"]),
            helper.make_node("Sigmoid", ["calibrated"], ["probability"]),
        ],
        "tiny",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, shape)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [shape[0]]) for name in outputs],
        [
            constant("white", 255.0),
            constant("weight", weight),
            constant("bias", bias),
            constant("temperature", card.calibration.temperature),
        ],
    )
    if heatmap:
        graph.initializer.append(helper.make_tensor("last", TensorProto.INT64, (1,), [3]))
        graph.node.append(helper.make_node("Squeeze", ["grey", "last"], ["flat"]))
        graph.node.append(helper.make_node("Div", ["flat", "white"], ["heatmap"]))
        graph.output.append(helper.make_tensor_value_info("heatmap", TensorProto.FLOAT, list(shape[:3])))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, metadata_of(card))
    return model.SerializeToString()


BESIDE_THE_MODEL = {
    "evaluation.json": b"{}\n",
    "scores.csv": b"film,patient,split,label,logit\n",
    "history.csv": b"epoch\n",
    "README.md": b"# Tiny network\n",
}


@pytest.fixture(scope="session")
def tiny_card() -> Callable[..., Card]:
    """`make_card`."""
    return make_card


@pytest.fixture(scope="session")
def tiny_model() -> Callable[..., bytes]:
    """`make_model`."""
    return make_model


@pytest.fixture(scope="session")
def tiny_bundle() -> Callable[..., Bundle]:
    """Write a whole tiny bundle to `models/<network>`: (models, network="a", graph settings, scores.csv, **card)."""

    def write(
        models: Path, network: str = "a", graph: dict | None = None, scores: bytes | None = None, **changes: Any
    ) -> Bundle:
        card = make_card(network=network, **changes)
        beside = BESIDE_THE_MODEL if scores is None else BESIDE_THE_MODEL | {"scores.csv": scores}
        return write_bundle(models / network, card, make_model(card, **(graph or {})), beside)

    return write


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Make a folder once for all of pytest-xdist's workers: (name, make(folder)) → folder, only to be read."""
    of_workers = "PYTEST_XDIST_WORKER" in os.environ
    base = tmp_path_factory.getbasetemp().parent if of_workers else tmp_path_factory.getbasetemp()

    def made_once(name: str, make: Callable[[Path], None]) -> Path:
        from filelock import FileLock

        folder, made = base / name, base / f"{name}.made"
        with FileLock(base / f"{name}.lock"):
            if not made.exists():
                shutil.rmtree(folder, ignore_errors=True)  # what a worker left that failed
                folder.mkdir()
                make(folder)
                made.touch()
        return folder

    return made_once


@pytest.fixture(scope="session")
def phantom_root(made_once: Callable[..., Path]) -> Path:
    """A folder of synthetic films of two classes, enough for the parity gate."""

    def make(folder: Path) -> None:
        from train.synthetic.phantom_folder import make_phantoms

        make_phantoms(folder / "phantoms", count_per_class=150, seed=0, image_size=64)

    return made_once("data", make) / "phantoms"


@pytest.fixture(scope="session")
def trained_run(phantom_root: Path, made_once: Callable[..., Path]) -> Any:
    """A small finished run of network A on the phantoms, made by the command itself."""
    from train.runs.run_folder import RunFolder

    def make(runs: Path) -> None:
        from typer.testing import CliRunner

        from demo.cli import app

        arguments = ["train", "a", "--data", str(phantom_root), "--name", "tiny", "--image-size", "32", "--epochs", "3"]
        for assignment in ("width=0.25", "validation_fraction=0.4", "schedule=cosine"):
            arguments += ["--set", assignment]
        result = CliRunner().invoke(app, arguments, env={"PNEUMOSCOPE_RUNS": str(runs), "COLUMNS": "200"})
        assert result.exit_code == 0, result.output

    return RunFolder(made_once("runs_of_all", make) / "tiny")


@pytest.fixture(scope="session")
def exported_models(trained_run: Any, phantom_root: Path, made_once: Callable[..., Path]) -> Path:
    """The folder of bundles that `export` makes of the small run."""

    def make(folder: Path) -> None:
        from typer.testing import CliRunner

        from demo.cli import app

        arguments = ["export", str(trained_run.folder), "--to", str(folder / "models"), "--data", str(phantom_root)]
        result = CliRunner().invoke(app, arguments, env={"COLUMNS": "200"})
        assert result.exit_code == 0, result.output

    return made_once("exported", make) / "models"


@pytest.fixture
def run_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Run the command line in an empty folder, without films of the user's: (arguments, given=standard input)."""
    from typer.testing import CliRunner

    from demo.cli import app

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PNEUMOSCOPE_RUNS", str(tmp_path / "runs"))
    monkeypatch.delenv("PNEUMOSCOPE_DATA", raising=False)

    def run(*arguments: object, given: str | None = None) -> Any:
        words = [str(argument) for argument in arguments]
        return CliRunner().invoke(app, words, input=given, env={"COLUMNS": "200"})

    return run


@pytest.fixture
def copied_run(trained_run: Any, run_command: Callable[..., Any], tmp_path: Path) -> Any:
    """A copy of the small run that a test may spoil."""
    from train.runs.run_folder import RunFolder

    shutil.copytree(trained_run.folder, tmp_path / "runs" / "tiny")
    return RunFolder(tmp_path / "runs" / "tiny")


@pytest.fixture(scope="session")
def make_study_training() -> Callable[..., Any]:
    """Make up a measured training: (rows, accuracies by stage, seed, scale, test films or not) → Training.

    Accuracies are those at 0.5; at the threshold from validation they are a point lower, on validation a point higher.
    """
    from train.studies.record import AtThreshold, Figures, Interval, StageFigures, Training

    def interval(value: float) -> Interval:
        return Interval(value=value, low=max(value - 0.02, 0.0), high=min(value + 0.02, 1.0))

    def at(value: float, threshold: float) -> AtThreshold:
        names = ("accuracy", "balanced_accuracy", "sensitivity", "specificity", "f1")
        return AtThreshold(threshold=threshold, **dict.fromkeys(names, interval(value)))

    def figures(value: float) -> Figures:
        return Figures(
            films=1000,
            patients=400,
            positives=625,
            loss=1 - value,
            auroc=interval(value),
            half=at(value, 0.5),
            chosen=at(value - 0.01, 0.6),
            f1_maximum=value,
            f1_maximum_at=0.4,
        )

    def make(
        rows: Sequence[tuple[str, str]],
        accuracies: dict[str, float],
        seed: int = 0,
        scale: str = "full",
        test: bool = True,
        **more: Any,
    ) -> Training:
        stages = {
            stage: StageFigures(validation=figures(value + 0.01), test=figures(value) if test else None)
            for stage, value in accuracies.items()
        }
        entries = {
            "run": f"study-{'-'.join(rows[0])}-{seed}-{scale}",
            "network": "b" if "head" in accuracies else "a",
            "scale": scale,
            "seed": seed,
            "rows": tuple(rows),
            "diverged": False,
            "operating_point": "youden",
            "stages": stages,
            "epochs": 16,
            "seconds": 100.0 + seed,
            "device": "a CPU",
            "commit": "0" * 12,
            "versions": {"keras": "3"},
        }
        return Training(**(entries | more))

    return make


def make_dicom(
    pixels: np.ndarray,
    *,
    syntax: str = ExplicitVRLittleEndian,
    bits: int | None = None,
    preamble: bool = True,
    streams: Sequence[bytes] | None = None,
    **elements: object,
) -> bytes:
    """The bytes of a DICOM film.

    Args:
        pixels: [H, W] or [frames, H, W].
        syntax: transfer syntax; a compressed one (but for RLE) needs `streams`.
        bits: BitsStored.
        preamble: write 128 bytes, "DICM" and the file meta information before the dataset.
        streams: compressed frames.
        elements: set on the dataset by keyword; those given as None are left out.
    """
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = ComputedRadiographyImageStorage
    meta.MediaStorageSOPInstanceUID = "1.2.826.0.1.3680043.8.498.4242"
    meta.TransferSyntaxUID = ExplicitVRLittleEndian if syntax == RLELossless else syntax
    little, implicit = syntax != ExplicitVRBigEndian, syntax == ImplicitVRLittleEndian
    dataset = FileDataset(
        None, {}, file_meta=meta, preamble=b"\0" * 128, is_implicit_VR=implicit, is_little_endian=little
    )
    dataset.SOPClassUID = ComputedRadiographyImageStorage
    dataset.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    dataset.PatientName, dataset.PatientID, dataset.PatientBirthDate = "Doe^Jane", "PAT-4711", "19991231"
    dataset.InstitutionName, dataset.AccessionNumber = "St. Elsewhere", "ACC-0815"
    dataset.Modality, dataset.PhotometricInterpretation, dataset.SamplesPerPixel = "CR", "MONOCHROME2", 1
    allocated = 8 * pixels.itemsize
    dataset.Rows, dataset.Columns = pixels.shape[-2:]
    dataset.BitsAllocated, dataset.BitsStored = allocated, bits or allocated
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
    raw = pixels.astype(pixels.dtype.newbyteorder("<" if little else ">")).tobytes()
    dataset.PixelData = encapsulate(list(streams)) if streams else raw + b"\0" * (len(raw) % 2)
    dataset["PixelData"].VR = "OW" if allocated > 8 and not streams else "OB"
    dataset["PixelData"].is_undefined_length = bool(streams)
    for name, value in elements.items():
        if value is None:
            delattr(dataset, name)
        else:
            setattr(dataset, name, value)
    if syntax == RLELossless:
        dataset.compress(RLELossless, generate_instance_uid=False)
    output = io.BytesIO()
    if preamble:
        dataset.save_as(output, enforce_file_format=True)
    else:
        buffer = pydicom.filebase.DicomFileLike(output)
        buffer.is_little_endian, buffer.is_implicit_VR = little, implicit
        pydicom.filewriter.write_dataset(buffer, dataset)
    return output.getvalue()


@pytest.fixture(scope="session")
def dicom() -> Callable[..., bytes]:
    """`make_dicom`."""
    return make_dicom
