"""Who may import whom, read from the source: the layers of each package, the heavy libraries, no circle of files."""

import ast
import gc
import importlib
import re
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted(path for package in ("train", "export", "demo") for path in (ROOT / package).rglob("*.py"))

#: The lowest layer first; a layer's packages know those below it, and not one another.
LAYERS = {
    "train": (
        ("common",),
        ("radiograph", "metrics", "networks"),
        ("data",),
        ("runs", "audit", "synthetic"),
        ("evaluation", "fitting"),
        ("studies",),
        ("cli",),
    ),
    "export": (("bundle",), ("graph",), ("card",), ("export_run",), ("cli",)),
    "demo": (
        ("inference", "evaluation"),
        ("language",),
        ("predict", "plots"),
        ("report", "batch", "bench", "browser"),
        ("page", "desktop"),
        ("deploy",),
        ("cli",),
    ),
}
#: What a package may import of the others.
OF_OTHERS = {
    "train": (),
    "export": ("train",),
    "demo": (
        *(f"train.{part}" for part in ("common", "radiograph", "metrics", "data", "synthetic", "cli")),
        *("train.studies.record", "export.bundle", "export.cli"),
    ),
}
#: The parts that stand on Keras and TensorFlow.
NETWORK_PARTS = ("train.networks", "train.fitting", "export.graph")
NETWORK_LIBRARIES = {"tensorflow", "keras", "tf2onnx", "onnx", "jax", "torch"}
#: Of the extra `train`, and slow to import.
TRAIN_LIBRARIES = {"sklearn", "scipy", "matplotlib", "imagehash"}


def module_of(path):
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def within(name, parts):
    return any(name == part or name.startswith(f"{part}.") for part in parts)


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
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
            continue
        at_import_time.add(node)
        pending.extend(ast.iter_child_nodes(node))
    package = module_of(path).split(".") if path.name == "__init__.py" else module_of(path).split(".")[:-1]
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


def layer_of(module):
    """A module's package, its part, and the number of the part's layer; None for a package itself."""
    package, _, rest = module.partition(".")
    part = rest.partition(".")[0]
    for number, parts in enumerate(LAYERS.get(package, ())):
        if part in parts:
            return package, part, number
    return None


def fault_of(module, name, at_import_time):
    """What is wrong with a module's import of a module; None for nothing."""
    package, top = module.split(".")[0], name.split(".")[0]
    if top in LAYERS and top != package and name != top and not within(name, OF_OTHERS[package]):
        return f"{package} may not import it"
    here, there = layer_of(module), layer_of(name)
    if here and there and here[0] == there[0] and here[1] != there[1] and here[2] <= there[2]:
        return f"{here[1]} may not import {there[1]}"
    if top in NETWORK_LIBRARIES and not within(module, NETWORK_PARTS):
        return f"only {', '.join(NETWORK_PARTS)} may"
    light = package == "demo" or within(module, OF_OTHERS["demo"])
    if top in TRAIN_LIBRARIES and light and (at_import_time or package == "demo"):
        return "it would be imported by whoever only predicts"
    if within(name, NETWORK_PARTS) and within(module, ("train.cli", "export.cli")) and at_import_time:
        return "it slows --help: import it inside the function"
    return None


def faults_of(path):
    module = module_of(path)
    if module.count(".") and layer_of(module) is None:
        yield f"{module} stands in no layer"
    for name, line, at_import_time in imports_of(path):
        fault = fault_of(module, name, at_import_time)
        if fault:
            yield f"{module}:{line} imports {name}: {fault}"


@pytest.mark.parametrize("path", SOURCES, ids=module_of)
def test_a_module_imports_only_what_it_may(path):
    assert sorted(set(faults_of(path))) == []


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("train/data/x.py", "import export.bundle"),
        ("train/data/x.py", "from demo import inference"),
        ("train/data/x.py", "from train.runs.settings import Settings"),
        ("train/radiograph/x.py", "def f():\n    from train.metrics import scores"),
        ("train/evaluation/x.py", "from train.fitting import loader"),
        ("train/x.py", "import numpy"),
        ("export/bundle/x.py", "from export.graph.parity import check_parity"),
        ("export/card/x.py", "from demo.inference.compare import compare_film"),
        ("export/card/x.py", "def f():\n    import tensorflow as tf"),
        ("demo/page/x.py", "from train import networks"),
        ("demo/page/x.py", "def f():\n    from export.graph.parity import check"),
        ("demo/page/x.py", "from ...train import fitting"),
        ("demo/page/x.py", "from train.runs import settings"),
        ("demo/inference/x.py", "from demo.language import catalogue"),
        ("demo/page/x.py", "import importlib\nimportlib.import_module('keras')"),
        ("demo/page/x.py", "def f():\n    import matplotlib.pyplot"),
        ("train/data/x.py", "import sklearn"),
        ("train/data/x.py", "class C:\n    from sklearn import svm"),
        ("export/cli.py", "from export.graph.convert import convert"),
        ("train/cli/x.py", "from train.networks import build_network_a"),
    ],
)
def test_a_wrong_import_is_found(tmp_path, monkeypatch, file, source):
    monkeypatch.setattr(f"{__name__}.ROOT", tmp_path)
    (tmp_path / file).parent.mkdir(parents=True)
    (tmp_path / file).write_text(source)
    assert list(faults_of(tmp_path / file))


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("train/data/x.py", "def split():\n    from sklearn import model_selection"),
        ("export/cli.py", "def export():\n    from export.graph.convert import convert"),
        ("demo/page/x.py", "from train.radiograph import prepare\nimport onnxruntime"),
        ("train/networks/x.py", "import keras"),
        ("train/fitting/x.py", "import keras\nfrom train.networks import build_network_a"),
        ("demo/desktop/panels/x.py", "from demo.desktop.drawing import theme"),
    ],
)
def test_a_right_import_is_let_through(tmp_path, monkeypatch, file, source):
    monkeypatch.setattr(f"{__name__}.ROOT", tmp_path)
    (tmp_path / file).parent.mkdir(parents=True)
    (tmp_path / file).write_text(source)
    assert list(faults_of(tmp_path / file)) == []


def test_no_files_import_one_another_in_a_circle():
    modules = {module_of(path): path for path in SOURCES}
    packages = {module for module, path in modules.items() if path.name == "__init__.py"}
    graph = {}
    for module, path in modules.items():
        imported = {name for name, *_ in imports_of(path)} & modules.keys() - {module}
        # `from package import file` names the package too; that is no arrow unless the package's own face is wanted.
        graph[module] = {
            name
            for name in imported
            if name not in packages or not any(other.startswith(f"{name}.") for other in imported)
        }
    try:
        tuple(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(" → ".join(error.args[1]))


def test_the_architecture_names_files_that_are_there():
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:train|export|demo)/[\w/.]+)`", text)
    assert len(named) > 20
    assert [path for path in named if not (ROOT / path).is_file()] == []
    parts = re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)
    assert set(parts) == {part for layers in LAYERS.values() for layer in layers for part in layer}


PACKAGES = [module_of(path) for path in SOURCES if path.name == "__init__.py"]


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_says_what_it_is_and_has_what_it_offers(package):
    module = importlib.import_module(package)
    assert module.__doc__
    assert len(module.__doc__.strip()) > 20
    for name in getattr(module, "__all__", ()):
        assert getattr(module, name, None) is not None, name


def test_the_names_that_users_import_are_there():
    for package, names in {
        "train.radiograph": ("PrepareSpec", "RadiographError", "prepare", "read_radiograph"),
        "train.networks": ("build_network_a", "build_network_b", "unfreeze_for_fine_tuning"),
        "export.bundle": ("Bundle", "Card", "find_bundles", "read_bundle"),
    }.items():
        assert set(names) <= set(importlib.import_module(package).__all__)
