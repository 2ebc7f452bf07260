"""Options of several commands: where the bundles are, and what reads the films."""

from pathlib import Path
from typing import Annotated, Literal

import typer

DeviceName = Literal["auto", "cpu", "gpu"]

Models = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Folder with the models a and b; by default those that came with pneumoscope."),
]
Device = Annotated[DeviceName, typer.Option(help="auto takes an NVIDIA GPU when there is one that works.")]
