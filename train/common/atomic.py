"""Files and folders that are either whole or not there: write to a temporary name, then rename."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PREFIX = ".writing-"


@contextmanager
def replace_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path` with the same ending; it becomes `path` when the block ends well.

    The ending is kept because Keras and Matplotlib choose the file format by it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    suffix = "".join(path.suffixes[-2:])
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=_PREFIX, suffix=suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        _sync(temporary)
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def remove_leftovers(folder: Path) -> None:
    """Remove the temporary files that a killed process left in a folder; nobody else may be writing there."""
    for path in folder.glob(f"{_PREFIX}*"):
        path.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` to `path` so that no reader ever sees half of it."""
    with replace_file(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` as UTF-8 so that no reader ever sees half of it."""
    write_bytes(path, text.encode())


def link_or_copy(path: Path, to: Path) -> None:
    """Give a file a second name, which stays with what it holds now: `path` is only ever replaced, never written to."""
    try:
        os.link(path, to)
    except OSError:  # a file system without links
        with replace_file(to) as temporary:
            shutil.copyfile(path, temporary)


@contextmanager
def replace_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder beside `path`; it takes the place of `path` when the block ends well.

    A folder cannot be exchanged in one step, so an old `path` is moved aside first and removed last: a kill
    between the two renames leaves both the old and the new folder beside `path`, whole.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}-writing-"))
    aside = temporary.with_name(temporary.name.replace("-writing-", "-old-"))
    try:
        yield temporary
        temporary.chmod(0o777 & ~_umask())
        if path.exists():
            path.rename(aside)
        try:
            temporary.rename(path)
        except OSError:
            if aside.exists():
                aside.rename(path)
            raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        if path.exists():
            shutil.rmtree(aside, ignore_errors=True)


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _umask() -> int:
    value = os.umask(0)
    os.umask(value)
    return value
