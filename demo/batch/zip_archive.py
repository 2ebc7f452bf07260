"""Films in a ZIP archive: looked at and read inside it, one at a time as bytes, and never unpacked to files.

So a name that would climb out of a folder can do no harm. It is refused all the same, as is everything else that
no honest archive of films has. What was checked before reading is checked again while reading, because an
archive's directory may lie.
"""

import io
import re
import stat
import struct
import threading
import zipfile
import zlib
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Self

from train.common.errors import PneumoscopeError
from train.radiograph.film_files import FILM_SUFFIXES
from train.radiograph.formats import MAX_BYTES, START_BYTES, describe_stranger

MAX_DIRECTORY_BYTES = 2_000_000  # the list of names: 1,000 films need less than a fifth of it
MAX_UNPACKED_BYTES = 2_000_000_000  # of all films of an archive together
MAX_RATIO = 200  # unpacked to packed; a film that is mostly black border reaches 50
RATIO_COUNTS_FROM_BYTES = 10_000_000  # unpacked; whatever its ratio, a smaller file is no burden

_STARTS = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}  # the others may ask for gigabytes of memory to unpack
_ARCHIVE_SUFFIXES = {".zip", ".7z", ".rar", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst"}
# RuntimeError includes NotImplementedError.
_DAMAGES = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError, struct.error)
_AGAIN = "pack the films again as an ordinary ZIP"


class ArchiveError(PneumoscopeError):
    """An archive, or a member of one, that is not read. The message does not name it: the caller knows it."""


@dataclass(frozen=True)
class Member:
    """A file of an archive that is a film or would be one.

    Attributes:
        name: as the archive has it.
        position: in the archive's directory; names may occur twice.
        error: why it is not read, in one line; None for one that may be.
    """

    name: str
    position: int
    error: str | None


@dataclass(frozen=True, eq=False)
class FilmArchive:
    """An open archive; made by `open_archive`, closed by `with`. May be shared between threads.

    Attributes:
        members: in the archive's order; folders, hidden files and macOS's own are not among them.
        left_out: how many files are no films, as `films_of_folder` leaves them out of a folder.
        entries: of the archive's directory, folders and hidden files too.
    """

    members: tuple[Member, ...]
    left_out: int
    entries: int
    _zip: zipfile.ZipFile
    _file: io.FileIO
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def read(self, position: int) -> bytes:
        """The bytes of a member, at most `MAX_BYTES + 1` of them.

        Raises:
            ArchiveError: there is no such member, it is refused, or it is damaged.
        """
        member = next((member for member in self.members if member.position == position), None)
        if member is None or member.error is not None:
            raise ArchiveError("no film of this archive" if member is None else str(member.error))
        try:
            with self._lock, self._zip.open(self._zip.infolist()[position]) as file:
                return file.read(MAX_BYTES + 1)
        except _DAMAGES:  # whose texts may quote the local header, whatever stands there
            raise ArchiveError(f"damaged inside the archive: expected a whole file; {_AGAIN}") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._zip.close()
        self._file.close()


def is_archive(name: str, start: bytes) -> bool:
    """Whether a file is to be taken as a ZIP archive: by its first bytes, or because it is called one."""
    return start.startswith(_STARTS) or name.lower().endswith(".zip")


def open_archive(path: Path) -> FilmArchive:
    """Open a ZIP archive and look at every member's entry; nothing is unpacked.

    Raises:
        ArchiveError: no ZIP archive, damaged, or one whose directory or films are too large.
    """
    with ExitStack() as opened:
        try:
            file = opened.enter_context(_BoundedFile(path))
            archive = opened.enter_context(zipfile.ZipFile(file))
        except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError, struct.error):
            raise ArchiveError(f"cannot be opened: expected a whole ZIP archive; {_AGAIN}") from None
        file.is_bounded = False
        members, left_out = _members(archive)
        opened.pop_all()
    return FilmArchive(members, left_out, len(archive.infolist()), archive, file)


class _BoundedFile(io.FileIO):
    """A file of which one `read` gives at most MAX_DIRECTORY_BYTES while `is_bounded`.

    `zipfile` reads an archive's whole directory at once and makes an object of every entry: of 100 MB that would be
    gigabytes.
    """

    is_bounded = True

    def read(self, size: int | None = -1) -> bytes:
        if not self.is_bounded:
            return super().read(size)
        if size is not None and size > MAX_DIRECTORY_BYTES:
            raise ArchiveError(f"holds too many files: expected a directory below {MAX_DIRECTORY_BYTES // 10**6} MB")
        return super().read(MAX_DIRECTORY_BYTES if size is None or size < 0 else size)


def _members(archive: zipfile.ZipFile) -> tuple[tuple[Member, ...], int]:
    members, left_out, unpacked, seen = [], 0, 0, set()
    for position, entry in enumerate(archive.infolist()):
        parts = _parts(entry.orig_filename)
        if entry.orig_filename.endswith(("/", "\\")) or not parts or _is_hidden(parts):
            continue
        suffix = PurePosixPath(parts[-1].split("\0")[0]).suffix.lower()
        error = _fault(entry, suffix)
        if suffix not in FILM_SUFFIXES | _ARCHIVE_SUFFIXES and not _may_be_film(archive, entry, suffix, error):
            left_out += 1
            continue
        if error is None and parts in seen:
            error = f"the archive has another file of this name: expected each once; {_AGAIN}"
        seen.add(parts)
        unpacked += entry.file_size if error is None else 0
        members.append(Member(entry.orig_filename, position, error))
    if unpacked > MAX_UNPACKED_BYTES:
        raise ArchiveError(
            f"unpacks to {unpacked / 10**9:.1f} GB: expected at most {MAX_UNPACKED_BYTES / 10**9:.0f} GB; split it"
        )
    return tuple(members), left_out


def _may_be_film(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, suffix: str, error: str | None) -> bool:
    """Whether a member whose name says nothing is a film by its first bytes; unpacks no more than these.

    Where they cannot be had, one without any suffix, as DICOM files often are, is taken: it then says why.
    """
    if error is None:
        with suppress(*_DAMAGES), archive.open(entry) as file:
            return describe_stranger(file.read(START_BYTES)) is None
    return not suffix


def _fault(entry: zipfile.ZipInfo, suffix: str) -> str | None:
    """Why a member is not read, by its entry alone; None if it may be."""
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if _leaves(entry):
        return "its name leads out of the archive: expected a plain relative path; rename it and pack again"
    if kind == stat.S_IFLNK:
        return "a link to another file: expected the film itself"
    if kind not in (0, stat.S_IFREG):
        return "no regular file: expected a film"
    if entry.flag_bits & 0x1:  # APPNOTE 4.4.4, bit 0
        return "encrypted: expected a film without password; pack it again without one"
    if suffix in _ARCHIVE_SUFFIXES:
        return "an archive inside the archive: expected films; unpack it first"
    if entry.compress_type not in _METHODS:
        return f"packed by method {entry.compress_type}: expected stored or deflated; {_AGAIN}"
    if entry.file_size > MAX_BYTES:
        return f"larger than {MAX_BYTES // 10**6} MB: expected a film below that size"
    if entry.file_size >= RATIO_COUNTS_FROM_BYTES and entry.file_size > MAX_RATIO * entry.compress_size:
        return f"unpacks to more than {MAX_RATIO} times its packed size, as no film does: expected a film"
    return None


def _parts(name: str) -> tuple[str, ...]:
    # Some packers for Windows write its own separator, against APPNOTE 4.4.17.
    return tuple(part for part in name.replace("\\", "/").split("/") if part not in ("", "."))


def _leaves(entry: zipfile.ZipInfo) -> bool:
    # zipfile itself cuts a name at a NUL; what came after it stands in orig_filename.
    name = entry.orig_filename.replace("\\", "/")
    return name.startswith("/") or re.match("[A-Za-z]:", name) is not None or ".." in name.split("/") or "\0" in name


def _is_hidden(parts: tuple[str, ...]) -> bool:
    return parts[0] == "__MACOSX" or any(part.startswith(".") and part != ".." for part in parts)
