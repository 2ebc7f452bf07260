"""The measured studies of the report, as `study report` writes them: `assets/studies/studies.json` of the package."""

import os
from functools import cache
from pathlib import Path

from train.common.console import say_warning
from train.common.errors import PneumoscopeError
from train.studies.record import STUDIES, StudiesRecord, read_record


def studies_folder() -> Path:
    """`PNEUMOSCOPE_STUDIES`, or `assets/studies` beside the packages: the same place in a checkout and in a wheel."""
    if given := os.environ.get("PNEUMOSCOPE_STUDIES"):
        return Path(given)
    return Path(__file__).resolve().parents[2] / "assets" / "studies"


@cache
def shipped_studies() -> StudiesRecord | None:
    """Read the studies; None where there are none, or, said once, where the file is damaged."""
    path = studies_folder() / STUDIES
    if not path.is_file():
        return None
    try:
        return read_record(path)
    except PneumoscopeError as error:
        say_warning(f"the page leaves the experiments out: {error}")
        return None
