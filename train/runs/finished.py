"""Whether what training wrote last is there and whole, and the command that makes it anew: the one that trains on."""

import csv
import json
import shlex
from pathlib import Path
from typing import Any

from train.common.errors import PneumoscopeError
from train.runs.run_folder import HISTORY_COLUMNS, RunFolder, settings_of
from train.runs.settings import Settings

Json = dict[str, Any]


def resume_command(run: RunFolder, settings: Settings) -> str:
    """Return the shortest command that goes on with a run; where the films are is left to PNEUMOSCOPE_DATA.

    Of a run that has trained to its end, it writes history.csv and environment.json anew and trains no further.
    """
    words = ["pneumoscope", "train", settings.network, "--name", run.name, "--settings", str(run.settings)]
    if Path(settings.backbone_weights).name != settings.backbone_weights:
        words += ["--backbone-weights", settings.backbone_weights]
    if any(Path(name).name != name for name in settings.teacher):
        words += [word for name in settings.teacher for word in ("--teacher", name)]
    return shlex.join(words)


def read_environment(run: RunFolder) -> Json:
    """Read environment.json, which marks a finished run.

    Raises:
        PneumoscopeError: it is missing or damaged.
    """
    try:
        environment = json.loads(run.environment.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise _anew(run, f"{run.environment}: cannot be read as JSON ({_in_a_line(error)})") from None
    if not isinstance(environment, dict):
        raise _anew(run, f"{run.environment}: expected an object. Received: {type(environment).__name__}")
    return environment


def read_history(run: RunFolder) -> list[dict[str, str]]:
    """Read history.csv: one row per epoch of all stages.

    Raises:
        PneumoscopeError: the file is missing or is no history.
    """
    try:
        with run.history.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file, strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise _anew(run, f"{run.history}: cannot be read as a training's history ({_in_a_line(error)})") from None
    if not rows or not {"stage", "loss"} <= set(rows[0]):
        raise _anew(run, f"{run.history}: expected rows with stage and loss")
    for line, row in enumerate(rows, start=2):
        if None in row or None in row.values() or not all(map(_is_number, map(row.get, HISTORY_COLUMNS[1:]))):
            raise _anew(run, f"{run.history}, line {line}: expected a stage and numbers, one for each column")
    return rows


def _is_number(cell: str | None) -> bool:
    try:
        float(cell or 0)
    except ValueError:
        return False
    return True


def _anew(run: RunFolder, what: str) -> PneumoscopeError:
    try:
        command = resume_command(run, settings_of(run))
    except PneumoscopeError:
        return PneumoscopeError(f"{what}; train the run again")
    if not run.last_network.is_file():
        return PneumoscopeError(
            f"{what}; {run.last_network.name}, which it is made from, is gone: train again with --new"
        )
    return PneumoscopeError(f"{what}; made anew, without further training, by: {command}")


def _in_a_line(error: Exception) -> str:
    return " ".join((getattr(error, "strerror", None) or str(error)).split())
