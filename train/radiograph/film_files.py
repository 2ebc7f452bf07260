"""Whether a file that lies in a folder or an archive is a film.

A name that ends as a film's does is a claim, and a file that does not keep it is an error of that film. Any other name
says nothing (DICOM files are named by their UID, by number, or as the scanner likes), so the first bytes decide.
"""

import os
import stat
from pathlib import Path

from train.radiograph.formats import MEDIA_DIRECTORY, START_BYTES, describe_stranger
from train.radiograph.reading import READABLE_SUFFIXES

FILM_SUFFIXES = READABLE_SUFFIXES - {""}


def is_named_as_film(name: str) -> bool:
    """Whether a file's name ends as a film's does."""
    return os.path.splitext(name)[1].lower() in FILM_SUFFIXES  # noqa: PTH122  # as for `describe_no_film`


def is_named_as_media_directory(name: str) -> bool:
    """Whether a file is called as the table of contents of a DICOM CD must be (PS3.10 section 8.6)."""
    return os.path.basename(name).upper() == "DICOMDIR"  # noqa: PTH119


def describe_no_film(path: str | Path) -> str | None:
    """What a file is, in words, that is no film; None for one that is a film or is named as one.

    Only a file whose name leaves it open is opened, for its first START_BYTES.
    """
    if is_named_as_film(str(path)):
        return None
    if is_named_as_media_directory(str(path)):
        return MEDIA_DIRECTORY
    try:
        facts = os.stat(path)  # noqa: PTH116  # of 100,000 files, Paths would take longer than the look itself
        if not stat.S_ISREG(facts.st_mode):
            return "no ordinary file"
        if not facts.st_size:
            return "an empty file"
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123
            return describe_stranger(file.read(START_BYTES))
    except FileNotFoundError:
        return "a link to nothing"
    except OSError:
        return "a file that cannot be opened"
