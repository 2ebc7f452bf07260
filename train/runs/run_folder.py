"""A run on disk: where runs live, how one is found, and what its files are called. No TensorFlow here."""

import csv
import io
import itertools
import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import get_args

from train.common import atomic
from train.common.errors import PneumoscopeError, UsageError
from train.runs.settings import NetworkName, Settings, make_settings
from train.runs.settings_file import dump_settings, read_settings

HISTORY_COLUMNS = (
    "stage",
    "epoch",
    "loss",
    "accuracy",
    "auroc",
    "val_loss",
    "val_accuracy",
    "val_auroc",
    "learning_rate",
    "seconds",
    "images_per_second",
    "image_size",
)


@dataclass(frozen=True)
class RunFolder:
    """The paths of one run's files."""

    folder: Path

    @property
    def name(self) -> str:
        """The run's name: its folder's."""
        return self.folder.name

    @property
    def settings(self) -> Path:
        """Every setting, as YAML."""
        return self.folder / "settings.yaml"

    @property
    def split(self) -> Path:
        """The films with patient, label and split."""
        return self.folder / "split.csv"

    @property
    def films(self) -> Path:
        """A checksum of every film of training and validation, so that a changed film is noticed."""
        return self.folder / "films.csv"

    @property
    def history(self) -> Path:
        """A row per epoch, of all stages."""
        return self.folder / "history.csv"

    @property
    def last_network(self) -> Path:
        """The network after its last epoch, with all that the next epoch needs: see `train.runs.resume`."""
        return self.folder / "last.keras"

    @property
    def best_network(self) -> Path:
        """The network at its lowest validation loss."""
        return self.folder / "best.keras"

    @property
    def head_network(self) -> Path:
        """Network B at its lowest validation loss before it was fine-tuned; kept of a study's trainings alone."""
        return self.folder / "head.keras"

    @property
    def study_log(self) -> Path:
        """What the training of a study printed: several share the terminal."""
        return self.folder / "study.log"

    @property
    def teachers(self) -> Path:
        """What network B learnt from, where it had a teacher."""
        return self.folder / "teachers.json"

    @property
    def backbone_weights(self) -> Path:
        """What `train backbone` is for: the weights that `--backbone-weights` takes."""
        return self.folder / "backbone.weights.h5"

    @property
    def scores(self) -> Path:
        """The network's logits on validation (and, once read, test) films."""
        return self.folder / "scores.csv"

    @property
    def external_scores(self) -> Path:
        """The network's logits on another hospital's films; there once `evaluate --external` was asked for."""
        return self.folder / "external.csv"

    @property
    def augmented_scores(self) -> Path:
        """Its logits on augmented validation films (`train.metrics.augmented_scores`); there once they were needed."""
        return self.folder / "validation_augmented.csv"

    @property
    def evaluation(self) -> Path:
        """Metrics, intervals, curves and the frozen thresholds."""
        return self.folder / "evaluation.json"

    @property
    def stress(self) -> Path:
        """What changes of the films do to the network; there once `evaluate --stress` was asked for."""
        return self.folder / "stress.json"

    @property
    def curves(self) -> Path:
        """The folder of the plots."""
        return self.folder / "curves"

    @property
    def tensorboard(self) -> Path:
        """The folder of TensorBoard's own files; there where `--tensorboard` was given, and never read."""
        return self.folder / "tensorboard"

    @property
    def environment(self) -> Path:
        """Versions, device, seed, commit, duration, speed; written when the run is finished."""
        return self.folder / "environment.json"


def trained_in(run: RunFolder) -> float | None:
    """Return how many seconds a run's training took, resumptions together; None where the run does not say."""
    try:
        return float(json.loads(run.environment.read_bytes())["seconds"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def runs_root() -> Path:
    """Return the folder that holds the runs: `PNEUMOSCOPE_RUNS`, or `runs` here."""
    return Path(os.environ.get("PNEUMOSCOPE_RUNS") or "runs")


def run_named(name: str) -> RunFolder | None:
    """Return the run of a name if its folder is there.

    Raises:
        UsageError: the name is no plain folder name, or what is there is no run.
    """
    if not name or name != Path(name).name or name.startswith("."):
        raise UsageError(f"--name must be a plain folder name. Received: {name}")
    run = RunFolder(runs_root() / name)
    if not run.folder.exists():
        return None
    # A kill between making the folder and writing its settings leaves it empty but for the lock.
    if not run.settings.is_file() and not (run.folder.is_dir() and all(map(_is_hidden, run.folder.iterdir()))):
        raise UsageError(f"{run.folder} is there and is no run (it has no settings.yaml): choose another --name")
    return run


def create_run(name: str | None, settings: Settings, *, numbered: bool = False) -> RunFolder:
    """Create the folder of a new run.

    Args:
        name: of the folder; without one it is the network's, with the next free number.
        settings: written into it.
        numbered: where the name is taken, add the next free number to it too.

    Raises:
        UsageError: the name is no plain folder name, or a run of that name exists.
    """
    root = runs_root()
    if name is not None:
        run_named(name)
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"no run folder can be made in {root}: {error.strerror}") from error
    names = itertools.count(1) if name is None or numbered else (1,)
    for number in names:
        run = RunFolder(root / _numbered(name or settings.network, number))
        try:
            # Fails where the folder is, so that two trainings started at once never share one.
            run.folder.mkdir()
        except FileExistsError:
            continue
        except OSError as error:
            raise UsageError(f"no run folder can be made in {root}: {error.strerror}") from error
        begin(run, settings)
        return run
    raise UsageError(f"a run named {name} exists in {root}: choose another --name, or remove it")


def begin(run: RunFolder, settings: Settings) -> None:
    """Write the settings into a run's folder unless they are there."""
    if not run.settings.is_file():
        atomic.write_text(run.settings, dump_settings(settings))


def find_run(name_or_path: str) -> RunFolder:
    """Find a run by its folder or by its name among the runs.

    Raises:
        UsageError: no such run; the message lists those there are.
    """
    for folder in (Path(name_or_path), runs_root() / name_or_path):
        if (folder / "settings.yaml").is_file():
            return RunFolder(folder)
    root = runs_root()
    there = sorted(path.parent.name for path in root.glob("*/settings.yaml")) if root.is_dir() else []
    listing = f"runs in {root}: {', '.join(there)}" if there else f"there are no runs in {root}"
    raise UsageError(f"no run {name_or_path}: expected a folder with settings.yaml; {listing}")


def settings_of(run: RunFolder) -> Settings:
    """Read the settings of a run.

    Raises:
        UsageError: the file is broken, or from a version with other settings.
    """
    values = read_settings(run.settings)
    network = values.pop("network", None)
    if network not in get_args(NetworkName):
        raise UsageError(f"{run.settings} names no network: expected a, b, backbone or teacher. Received: {network!r}")
    return make_settings(str(network), values)


def require_network(run: RunFolder, settings: Settings, expected: Sequence[str]) -> None:
    """Refuse a run of another network than a command can use, or one that has no network yet.

    Raises:
        UsageError: the run is of another network.
        PneumoscopeError: the run has no best.keras.
    """
    if settings.network not in expected:
        raise UsageError(
            f"run {run.name} trained {settings.network}: expected a run of network {' or '.join(expected)}"
        )
    if not run.best_network.is_file():
        raise PneumoscopeError(
            f"run {run.name} has no best.keras: it was stopped before a network was saved; train it on"
        )


def write_history(run: RunFolder, rows: Sequence[Mapping[str, object]]) -> None:
    """Write history.csv whole; a value that a row has not is left empty."""
    text = io.StringIO()
    writer = csv.DictWriter(text, HISTORY_COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({key: _rounded(value) for key, value in row.items()})
    atomic.write_text(run.history, text.getvalue())


def write_environment(run: RunFolder, facts: Mapping[str, object]) -> None:
    """Write environment.json: versions are added here; no host name, no path."""
    environment = {**facts, "versions": versions()}
    atomic.write_text(run.environment, json.dumps(environment, indent=2) + "\n")


def versions() -> dict[str, str]:
    """Return the versions of what decides a run's numbers."""
    found = {"python": platform.python_version()}
    if "keras" in sys.modules:
        found["backend"] = sys.modules["keras"].config.backend()
    for name in (
        "pneumoscope",
        "tensorflow",
        "jax",
        "jaxlib",
        "torch",
        "keras",
        "numpy",
        "opencv-python-headless",
        "scikit-learn",
    ):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def commit_of_checkout() -> str | None:
    """Return the commit this code is at, with `+` where tracked files differ from it; None outside a checkout."""
    here = Path(__file__).resolve().parents[2]
    if not (here / ".git").exists():
        return None
    try:
        commit = _git(here, "rev-parse", "--short=12", "HEAD")
        changed = _git(here, "status", "--porcelain", "--untracked-files=no", "--", "train", "export", "demo")
    except (OSError, subprocess.CalledProcessError):
        return None
    return f"{commit}+" if changed else commit


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603


def _numbered(name: str, number: int) -> str:
    return name if number == 1 else f"{name}-{number}"


def _is_hidden(path: Path) -> bool:
    return path.name.startswith(".")


def _rounded(value: object) -> object:
    return f"{value:.6g}" if isinstance(value, float) else value
