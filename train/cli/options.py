"""Options of several commands: where films are read, and where they are written."""

import os
import shlex
from pathlib import Path
from typing import Annotated

import typer

from train.common.errors import UsageError

DataRoot = Annotated[
    Path | None,
    typer.Option("--data", envvar="PNEUMOSCOPE_DATA", help="Folder that holds chest_xray/ or a cohort.csv."),
]
FilmFolder = Annotated[
    Path | None,
    typer.Argument(metavar="DIR", envvar="PNEUMOSCOPE_DATA", help="Folder that holds chest_xray/ or a cohort.csv."),
]
NewFolder = Annotated[Path, typer.Argument(metavar="DIR", help="Folder to write; a new or an empty one.")]


def required_data_root(data: Path | None) -> Path:
    """Return the data root that a command was given.

    Raises:
        UsageError: none was given, or it is no folder.
    """
    if data is None:
        raise UsageError(
            "no films given: pass --data DIR or set PNEUMOSCOPE_DATA to the folder that holds chest_xray/; "
            "'pneumoscope data phantoms DIR' makes synthetic films to try with"
        )
    if not data.is_dir():
        raise UsageError(f"the data root {data} is not a folder: expected one that holds chest_xray/")
    return data


def data_option(data_root: Path) -> str:
    """Return what a printed command needs to find the films: " --data DIR", or "" where the environment says it."""
    known = os.environ.get("PNEUMOSCOPE_DATA")
    return "" if known and Path(known) == data_root else f" --data {shlex.quote(str(data_root))}"
