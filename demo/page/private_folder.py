"""A folder for one process's temporary files: nobody else may look into it, and it does not outlive the process.

Its process holds a lock on it, which the system lets go however the process ends. A process's number tells nothing: in
a container every page has the same.
"""

import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PREFIX = "pneumoscope-page-"
_NAME = re.compile(rf"{PREFIX}(\d+)-\w+")


@contextmanager
def private_folder() -> Iterator[Path]:
    """Yield a new folder of mode 700 under the system's temporary folder; it is removed at the end.

    What killed processes have left behind is removed first.
    """
    remove_leftovers()
    folder, descriptor = _locked_folder()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)


def remove_leftovers() -> None:
    """Remove the folders of processes that were killed before they could."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        if _NAME.fullmatch(folder.name) and _is_ours(folder):
            _remove_unless_locked(folder)


def _locked_folder() -> tuple[Path, int]:
    """A new folder and its descriptor, which holds the lock."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
        # Until it is locked, another process that starts may take it for left behind: then there is nothing here.
        with suppress(FileNotFoundError):
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            # filelock, which `train` brings, would need a file beside the folder that outlives it.
            with suppress(OSError):  # not every file system has locks; nothing is ever removed there
                fcntl.flock(descriptor, fcntl.LOCK_SH)
            if folder.is_dir():
                return folder, descriptor
            os.close(descriptor)


def _is_ours(folder: Path) -> bool:
    with suppress(OSError):
        return folder.is_dir() and not folder.is_symlink() and folder.stat().st_uid == os.getuid()
    return False


def _remove_unless_locked(folder: Path) -> None:
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(descriptor)
