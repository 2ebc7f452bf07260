"""Computed features on disk: bounded, checked when opened, mapped instead of read, safe with several processes."""

import contextlib
import errno
import hashlib
import json
import os
import shutil
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from train.common.console import say, say_warning

# Not filelock, as `train.runs.run_lock` has it. Readers share a lock that lasts as long as their mapping, whoever holds
# a view of it and however the process ends: flock's does, it belongs to the open file. filelock's FileLock cannot be
# shared; its ReadWriteLock (SQLite) is freed by a call and lies in a file beside the array, which would outlive it.
try:
    import fcntl
except ImportError:  # Windows has none, and refuses by itself to remove a file that is mapped
    fcntl = None  # type: ignore[assignment]

#: In front of the numbers: what the file is, what decides its numbers, their checksum. A multiple of a page.
HEADER_BYTES = 4096
_MAGIC = b"pneumoscope features 1\n"
_CHUNK_BYTES = 2**24


@dataclass(frozen=True)
class Plan:
    """An array of features [rows, values] that a store keeps or could keep.

    facts: everything that decides the numbers, as JSON values; two plans of equal facts have equal numbers.
    dtype: "float16" or "float32".
    """

    facts: Mapping[str, object]
    rows: int
    values: int
    dtype: str

    @property
    def name(self) -> str:
        """A name of the file that no other plan has."""
        return hashlib.sha256(self.described().encode()).hexdigest()[:32]

    @property
    def file_bytes(self) -> int:
        """The size of the file in bytes."""
        return HEADER_BYTES + self.rows * self.values * np.dtype(self.dtype).itemsize

    def described(self) -> str:
        """Return the plan as JSON, the same for equal plans."""
        return json.dumps([self.facts, self.rows, self.values, self.dtype], sort_keys=True)


@dataclass(frozen=True)
class FeatureStore:
    """A folder of features that never holds more than `limit_bytes`: the longest unused go first, never one in use."""

    folder: Path
    limit_bytes: int

    def find(self, plan: Plan) -> np.ndarray | None:
        """Open the features of a plan: read-only [rows, values], mapped from the file; None where there are none.

        A file that is cut off, changed or of other facts is removed with a warning. The file counts as in use, in
        every process, until the array is gone.
        """
        path = self._path(plan)
        try:
            with path.open("rb") as file:
                _lock(file, exclusive=False)
                fault = _fault_of(file, plan)
                if fault is None:
                    os.utime(file.fileno())
                    # The mapping has a descriptor of its own on the same open file, which keeps the lock.
                    return np.memmap(
                        file, dtype=plan.dtype, mode="r", offset=HEADER_BYTES, shape=(plan.rows, plan.values)
                    )
            say_warning(f"cached features {path.name} {fault}: they are computed again")
            path.unlink(missing_ok=True)
        except FileNotFoundError:
            return None
        except OSError as error:
            say_warning(f"cached features {path.name} cannot be read ({error.strerror}): they are computed again")
        return None

    @contextlib.contextmanager
    def writing(self, plan: Plan) -> Iterator[Callable[[np.ndarray], None] | None]:
        """Yield `append(block)`, which takes the features row by row: float [n, values], `rows` in all.

        The file is there, whole, once the block has ended well. Where another process writes the same features,
        this one waits for it, and None is yielded.

        Raises:
            OSError: the disk is full, or the limit cannot be kept because of features in use.
        """
        path = self._path(plan)
        partial = path.with_suffix(".partial")
        with _locked(partial) as file:
            try:
                if path.exists():
                    yield None
                    return
                self._make_room(plan.file_bytes, besides=partial)
                _allocate(file, plan.file_bytes)
                writer = _Writer(file, plan)
                yield writer.append
                writer.finish()
                partial.replace(path)
            finally:
                partial.unlink(missing_ok=True)

    def _path(self, plan: Plan) -> Path:
        return self.folder / f"{plan.name}.features"

    def _make_room(self, needed_bytes: int, besides: Path) -> None:
        kept: list[tuple[float, int, Path]] = []
        for path in self.folder.glob("*.*"):
            # Another process may remove a file between the listing and the look.
            with contextlib.suppress(FileNotFoundError):
                if path.suffix in (".features", ".partial") and path != besides:
                    facts = path.stat()
                    kept.append((facts.st_mtime, facts.st_size, path))
        over_limit = sum(size for _, size, _ in kept) + needed_bytes - self.limit_bytes
        lacking = max(over_limit, needed_bytes - shutil.disk_usage(self.folder).free)
        for _, size, path in sorted(kept):
            if lacking <= 0:
                return
            if _remove_unused(path):
                lacking -= size
        if lacking > 0:
            raise OSError(errno.ENOSPC, f"{lacking / 1e9:.1f} GB of room are lacking")


class _Writer:
    """Writes rows behind an empty header; the header comes last and makes the file valid."""

    def __init__(self, file: BinaryIO, plan: Plan) -> None:
        self.file, self.plan = file, plan
        self.rows = self.checksum = 0
        file.seek(HEADER_BYTES)

    def append(self, block: np.ndarray) -> None:
        """Write rows, float [n, values]."""
        data = np.ascontiguousarray(block, dtype=self.plan.dtype)
        self.file.write(data.data)
        self.checksum = zlib.crc32(data.data, self.checksum)
        self.rows += len(data)

    def finish(self) -> None:
        """Write the header once the rows are on the disk."""
        if self.rows != self.plan.rows:
            raise ValueError(f"{self.plan.rows} rows were planned. Received: {self.rows}")
        self._sync()
        self.file.seek(0)
        self.file.write(_header(self.plan, self.checksum))
        self._sync()

    def _sync(self) -> None:
        self.file.flush()
        os.fsync(self.file.fileno())


def _header(plan: Plan, checksum: int) -> bytes:
    text = _MAGIC + f"{checksum:08x}\n{plan.described()}\n".encode()
    if len(text) > HEADER_BYTES:
        raise ValueError(f"facts take {len(text)} bytes: expected at most {HEADER_BYTES}")
    return text.ljust(HEADER_BYTES, b"\0")


def _fault_of(file: BinaryIO, plan: Plan) -> str | None:
    """Return what is wrong with a file of features, None if nothing is."""
    size = os.fstat(file.fileno()).st_size
    if size != plan.file_bytes:
        return f"have {size} bytes instead of {plan.file_bytes}"
    header = file.read(HEADER_BYTES)
    checksum = 0
    while chunk := file.read(_CHUNK_BYTES):
        checksum = zlib.crc32(chunk, checksum)
    if header != _header(plan, checksum):
        return "are damaged or not of this network and these films"
    return None


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[BinaryIO]:
    """Open a file for writing, empty, that this process alone has; waits for the process that has it.

    The one that had it may have renamed or removed it meanwhile: what is locked then is no longer at `path`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    waited = False
    while True:
        with open(os.open(path, os.O_RDWR | os.O_CREAT, 0o666), "r+b") as file:  # noqa: PTH123 - of a descriptor
            if not _lock(file, exclusive=True, wait=False):
                if not waited:
                    say("another process computes the same features: waiting for it")
                waited = True
                # Not for a lock of its own: renamed, the file is read by others, who share it for as long as they like.
                _lock(file, exclusive=False)
                continue
            if not _is_at(file, path):
                continue
            file.truncate(0)
            yield file
            return


def _is_at(file: BinaryIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _remove_unused(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            if not _lock(file, exclusive=True, wait=False):
                return False
            path.unlink()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _lock(file: BinaryIO, *, exclusive: bool, wait: bool = True) -> bool:
    """Lock a file until it and every mapping of it is closed; False where that would mean to wait and must not."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(file, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True


def _allocate(file: BinaryIO, size: int) -> None:
    """Give a file its size at once: a full disk is known before hours of work, and other processes count it."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, size)
    else:
        file.truncate(size)
