"""Who may import whom, read from the source: the arrows of the design, and the heavy libraries' rooms."""

import ast
import gc
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted(path for package in ("train", "export", "demo") for path in (ROOT / package).rglob("*.py"))

MAY_IMPORT = {
    "train": {"train"},
    "export": {"export", "train"},
    "demo": {"demo", "export", "train"},
}
TENSORFLOW_ROOMS = {
    "train.backbone",
    "train.device",
    "train.distillation",
    "train.efficientnet_lite",
    "train.features",
    "train.fitting",
    "train.keeper",
    "train.loader",
    "train.loader_speed",
    "train.needs",
    "train.networks",
    "train.objective",
    "train.scoring",
    "train.stages",
    "export.convert",
    "export.evidence",
    "export.heatmap",
    "export.heatmap_checks",
    "export.keras_speed",
    "export.novelty",
    "export.novelty_checks",
    "export.parity",
    "export.quantize",
}
SKLEARN_ROOMS = TENSORFLOW_ROOMS | {
    "train.cohort",
    "train.calibration_fit",
    "train.curve_plots",
    "train.evaluation",
    "train.film_hash",
    "train.metadata_baseline",
    "train.shift",
    "export.calibration",
}
ROOMS_OF = {
    "tensorflow": TENSORFLOW_ROOMS,
    "keras": TENSORFLOW_ROOMS,
    "tf2onnx": TENSORFLOW_ROOMS,
    "onnx": TENSORFLOW_ROOMS,
    "sklearn": SKLEARN_ROOMS,
    "scipy": SKLEARN_ROOMS,
    "matplotlib": SKLEARN_ROOMS,
    "imagehash": SKLEARN_ROOMS,
}
# Indexing a cohort must work without scikit-learn: only the split may import it. Grouping hashes, without imagehash.
ONLY_INSIDE_FUNCTIONS = {
    ("train.cohort", "sklearn"),
    ("train.cohort", "scipy"),
    ("train.shift", "sklearn"),
    ("train.film_hash", "imagehash"),
}


def room_of(path):
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imports_of(path):
    """(imported module, line, at import time) for each import of a file, wherever it stands."""
    gc.disable()  # until Python 3.11.8 a collection inside ast.parse may end it with a SystemError
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    finally:
        gc.enable()
    at_import_time = set()
    pending = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        at_import_time.add(node)
        pending.extend(ast.iter_child_nodes(node))
    package = room_of(path).split(".") if path.name == "__init__.py" else room_of(path).split(".")[:-1]
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            names = [module, *(f"{module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = getattr(node.func, "attr", getattr(node.func, "id", ""))
            names = [str(node.args[0].value)] if called in ("import_module", "__import__") else []
        for name in names:
            yield name, node.lineno, node in at_import_time


def faults_of(path):
    room = room_of(path)
    package = room.split(".")[0]
    for name, line, at_import_time in imports_of(path):
        top = name.split(".")[0]
        if top in MAY_IMPORT and top not in MAY_IMPORT[package]:
            yield f"{room}:{line} imports {name}: {package} may not import {top}"
        if package == "demo" and name in TENSORFLOW_ROOMS:
            yield f"{room}:{line} imports {name}, a TensorFlow room"
        if top in ROOMS_OF and room not in ROOMS_OF[top]:
            yield f"{room}:{line} imports {top} outside its rooms"
        if (room, top) in ONLY_INSIDE_FUNCTIONS and at_import_time:
            yield f"{room}:{line} imports {top} at import time"
        if room.endswith("cli") and at_import_time and name in TENSORFLOW_ROOMS | SKLEARN_ROOMS:
            yield f"{room}:{line} imports {name} at import time, which slows --help"


@pytest.mark.parametrize("path", SOURCES, ids=room_of)
def test_a_room_imports_only_what_it_may(path):
    assert sorted(set(faults_of(path))) == []


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("train/x.py", "import export.bundle"),
        ("train/x.py", "from demo import classifier"),
        ("export/x.py", "from demo.compare import compare_film"),
        ("export/x.py", "def f():\n    import tensorflow as tf"),
        ("demo/x.py", "from train import networks"),
        ("demo/x.py", "def f():\n    from export.parity import check"),
        ("demo/x.py", "from ..train import fitting"),
        ("demo/x.py", "import importlib\nimportlib.import_module('keras')"),
        ("demo/x.py", "import matplotlib.pyplot"),
        ("train/cohort.py", "import sklearn"),
        ("train/cohort.py", "class C:\n    from sklearn import svm"),
        ("export/cli.py", "from export.convert import convert"),
    ],
)
def test_a_wrong_import_is_found(tmp_path, monkeypatch, file, source):
    monkeypatch.setattr(f"{__name__}.ROOT", tmp_path)
    (tmp_path / file).parent.mkdir()
    (tmp_path / file).write_text(source)
    assert list(faults_of(tmp_path / file))


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("train/cohort.py", "def split():\n    from sklearn import model_selection"),
        ("export/cli.py", "def export():\n    from export.convert import convert"),
        ("demo/x.py", "from train.radiograph import prepare\nimport onnxruntime"),
        ("train/networks.py", "import keras"),
    ],
)
def test_a_right_import_is_let_through(tmp_path, monkeypatch, file, source):
    monkeypatch.setattr(f"{__name__}.ROOT", tmp_path)
    (tmp_path / file).parent.mkdir()
    (tmp_path / file).write_text(source)
    assert list(faults_of(tmp_path / file)) == []


def imported_files():
    """Room → the rooms that it imports, wherever in the file."""
    rooms = {room_of(path) for path in SOURCES}
    return {room_of(path): {name for name, *_ in imports_of(path)} & rooms - {room_of(path)} for path in SOURCES}


def test_no_files_import_one_another_in_a_circle():
    graph = imported_files()
    for package in ("train", "export", "demo"):  # whoever imports a room imports its packages; that is no arrow back
        graph.pop(package)
    try:
        tuple(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(" → ".join(error.args[1]))
