"""The folder of a chunked run, on a disk or in a storage: its files are there whole or not at all."""

import errno
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol

from demo.predict.films.names import is_url, printable
from train.common.atomic import remove_leftovers, replace_file
from train.common.console import say_warning
from train.common.errors import PneumoscopeError, UsageError
from train.common.file_lock import try_lock

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

LOCK = ".lock"
# Storages in which an object appears whole when its last byte has come; elsewhere a reader may see half of a file.
WHOLE_OBJECTS = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "memory"})


class OutputFolder(Protocol):
    """Where the parts of a run go."""

    @property
    def shown(self) -> str:
        """Its name in messages."""

    def begin(self) -> AbstractContextManager[None]:
        """Make it, and keep other runs out of it while the block runs, where that is possible."""

    def names(self) -> Iterator[str]:
        """The names of the files in it."""

    def reading(self, name: str) -> AbstractContextManager[BinaryIO]:
        """Open a file in it."""

    def write(self, name: str, data: bytes) -> None:
        """Write a file, which is there whole once this returns, and not at all before."""

    def streaming(self, name: str) -> AbstractContextManager[BinaryIO]:
        """Write a file piece by piece; whether half of it may be seen depends on the storage."""


def open_output(name: str) -> OutputFolder:
    """The folder of a path, or of a URL such as `s3://bucket/readings`.

    Raises:
        UsageError: no such kind of storage, one that shows half-written files, or what writes it is not installed.
        StorageError: it cannot be reached.
    """
    if not is_url(name):
        return LocalFolder(Path(name))
    from demo.predict.films.urls import open_filesystem

    protocol = name.partition("://")[0]
    if protocol not in WHOLE_OBJECTS:
        raise UsageError(
            f"--output {printable(name)}: {protocol}:// may show half of a file; name a folder, s3:// or gs://"
        )
    return StoredFolder(name.rstrip("/"), *open_filesystem(name))


@dataclass(frozen=True)
class LocalFolder:
    """A folder on a disk, or on a share that is mounted."""

    path: Path

    @property
    def shown(self) -> str:
        """Its path."""
        return printable(str(self.path))

    @contextmanager
    def begin(self) -> Iterator[None]:
        """Make the folder and lock it; what a killed run was writing is removed.

        Raises:
            UsageError: it cannot be made or written to, or another run is writing it.
        """
        was_there, was_used = self.path.exists(), (self.path / LOCK).exists()
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.path / LOCK, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise UsageError(f"--output {self.shown}: no folder to write to ({error.strerror}); name another") from None
        try:
            lock = try_lock(descriptor)
            if lock == "taken":
                raise UsageError(f"--output {self.shown}: another run is writing it; wait for its end, or name another")
            if lock == "impossible":
                say_warning(f"{self.shown}: this file system has no locks, so nothing keeps a second run out")
            remove_leftovers(self.path)
            yield
        except UsageError:  # nothing came of it, and nothing is left of it
            if not was_used:
                (self.path / LOCK).unlink(missing_ok=True)
            if not was_there:
                with suppress(OSError):
                    self.path.rmdir()
            raise
        finally:
            os.close(descriptor)

    def names(self) -> Iterator[str]:
        """The names of all files but hidden ones."""
        with os.scandir(self.path) as entries:
            yield from (entry.name for entry in entries if not entry.name.startswith("."))

    @contextmanager
    def reading(self, name: str) -> Iterator[BinaryIO]:
        """Open a file."""
        with (self.path / name).open("rb") as file:
            yield file

    def write(self, name: str, data: bytes) -> None:
        """Write a file beside its name, bring it to the disk, and rename it.

        Raises:
            PneumoscopeError: the disk is full or gone.
        """
        with self.streaming(name) as file:
            file.write(data)

    @contextmanager
    def streaming(self, name: str) -> Iterator[BinaryIO]:
        """Write a file piece by piece; it gets its name when the block ends well.

        Raises:
            PneumoscopeError: the disk is full or gone.
        """
        try:
            with replace_file(self.path / name) as temporary, temporary.open("wb") as file:
                yield file
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
            raise PneumoscopeError(
                f"{self.shown}: {name} cannot be written ({error.strerror or error}); the parts that are there are "
                f"whole: {'make room' if full else 'see to the disk'} and give the same command again"
            ) from None


@dataclass(frozen=True)
class StoredFolder:
    """A prefix in an object store. It has no locks: two runs in it would do the same work and write the same parts."""

    shown: str
    filesystem: "AbstractFileSystem"
    root: str

    @contextmanager
    def begin(self) -> Iterator[None]:
        """Nothing: a prefix is there with its first object, and objects that were cut short never are."""
        yield

    def names(self) -> Iterator[str]:
        """The names of all objects but hidden ones."""
        from demo.predict.films.urls import storage_error

        try:
            found = self.filesystem.ls(self.root, detail=False)
        except FileNotFoundError:
            return
        except Exception as error:  # each file system has its own
            raise storage_error(self.shown, error) from None
        names = (str(path).rstrip("/").rpartition("/")[2] for path in found)
        yield from (name for name in names if not name.startswith("."))

    @contextmanager
    def reading(self, name: str) -> Iterator[BinaryIO]:
        """Open an object."""
        from demo.predict.films.urls import open_url

        with open_url(f"{self.shown}/{name}") as file:
            yield file

    def write(self, name: str, data: bytes) -> None:
        """Write an object, which appears with its last byte.

        Raises:
            StorageError: the storage does not take it.
        """
        from demo.predict.films.urls import storage_error

        try:
            self.filesystem.pipe_file(f"{self.root}/{name}", data)
        except Exception as error:  # each file system has its own
            raise storage_error(f"{self.shown}/{name}", error) from None

    @contextmanager
    def streaming(self, name: str) -> Iterator[BinaryIO]:
        """Write an object piece by piece.

        Raises:
            StorageError: the storage does not take it.
        """
        from demo.predict.films.urls import storage_error

        try:
            with self.filesystem.open(f"{self.root}/{name}", "wb") as file:
                yield file
        except PneumoscopeError:
            raise
        except Exception as error:  # each file system has its own
            raise storage_error(f"{self.shown}/{name}", error) from None
