"""Standard output and error of the commands: what cannot be written is one line, what an encoding lacks is escaped.

- Standard output on a full disk, or closed: one line on standard error, exit code 1.
- A reader that goes away, as `| head` does: the end, at once and silently, by SIGPIPE; a shell shows 141.
- Standard error that cannot be written loses its lines and stops nothing.
"""

import codecs
import contextlib
import io
import os
import select
import signal
import sys
import threading
from collections.abc import Iterator
from typing import Any, TextIO

import typer
from typer.core import TyperGroup

from train.common.errors import PneumoscopeError

ESCAPED = "pneumoscope.escaped"  # a name for `errors=`
_ASCII = {"–": "-", "—": "-", "−": "-", "×": "x", "…": "...", "→": "->", "≥": ">=", "≤": "<=", "Δ": "d", "’": "'"}
_FIRST_DESCRIPTORS = 3


class OutputError(PneumoscopeError):
    """Standard output cannot be written."""


class ReaderGone(Exception):  # noqa: N818  # nothing went wrong
    """Whatever read our standard output has closed it."""


class Program(TyperGroup):
    """The group of all commands; it also guards what is printed outside of them, such as help."""

    def main(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  # Typer's own signature
        """Run the program with `guarded_streams`."""
        with guarded_streams():
            return super().main(*args, **kwargs)


@contextlib.contextmanager
def guarded_streams() -> Iterator[None]:
    """Standard output and error as the module says, while the block runs; whoever captures them keeps them."""
    if sys.stdout is not sys.__stdout__ or sys.stderr is not sys.__stderr__:
        yield
        return
    _occupy_closed_descriptors()
    before = sys.stdout, sys.stderr
    output = sys.stdout = _Stream(_Descriptor(1 if sys.stdout is not None else None, raises=True), sys.stdout)
    if sys.stderr is not None:
        sys.stderr = _Stream(_Descriptor(2, raises=False), sys.stderr)
    is_reader_gone = False
    try:
        try:
            yield
        finally:
            output.flush()
    except OutputError as error:
        typer.echo(f"{typer.style('error:', fg='red', bold=True)} {error}", file=sys.stderr, err=True)
        raise SystemExit(error.exit_code) from None
    except ReaderGone:
        is_reader_gone = True
    finally:
        sys.stdout, sys.stderr = before
    if is_reader_gone:  # here, where no traceback keeps anything open any more
        _end_as_others_do()


def require_output() -> None:
    """Refuse to begin what ends in lines that nobody can get.

    Raises:
        OutputError: standard output was closed before this program began.
    """
    if isinstance(sys.stdout, _Stream) and sys.stdout.descriptor is None:
        raise _closed()


def escaped(text: str) -> str:
    """A text as one harmless line that standard output can show: what is no printable character becomes its escape."""
    line = "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return line.encode(encoding, ESCAPED).decode(encoding)


class _Descriptor(io.RawIOBase):
    """A file descriptor for writing that fails as this module says, and once only: then it takes and drops all."""

    def __init__(self, descriptor: int | None, *, raises: bool) -> None:
        super().__init__()
        self.descriptor, self.raises, self.failed = descriptor, raises, False

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return self.descriptor is not None and os.isatty(self.descriptor)

    def fileno(self) -> int:
        if self.descriptor is None:
            raise io.UnsupportedOperation("closed")
        return self.descriptor

    def write(self, data: Any) -> int:  # noqa: ANN401  # any buffer
        size = memoryview(data).nbytes
        if self.failed:
            return size
        try:
            return self._write(data)
        except OSError as error:
            self.failed = True
            if not self.raises:
                return size
            if isinstance(error, BrokenPipeError):
                raise ReaderGone from None
            raise OutputError(
                f"standard output cannot be written ({error.strerror}): make room, or write to another place"
            ) from None

    def _write(self, data: Any) -> int:  # noqa: ANN401
        if self.descriptor is None:
            self.failed = True
            raise _closed()
        while True:
            try:
                return os.write(self.descriptor, data)
            except BlockingIOError:  # another program has set the terminal or pipe to answer at once
                select.select([], [self.descriptor], [])


class _Stream(io.TextIOWrapper):
    """Text on a `_Descriptor`, encoded as the stream it stands for, but with escapes for what the encoding lacks."""

    def __init__(self, raw: _Descriptor, like: TextIO | None) -> None:
        errors = getattr(like, "errors", None)
        super().__init__(
            io.BufferedWriter(raw),
            encoding=getattr(like, "encoding", None) or "utf-8",
            errors=ESCAPED if errors in (None, "strict", "surrogateescape") else errors,
            newline=None,
            line_buffering=not raw.raises or raw.isatty(),
        )
        self.descriptor = raw.descriptor


def _closed() -> OutputError:
    return OutputError("standard output is closed: give it a file, or /dev/null for nothing")


def _occupy_closed_descriptors() -> None:
    """Keep the next file that is opened from becoming standard output, where any library may print into it."""
    for descriptor in range(_FIRST_DESCRIPTORS):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def _end_as_others_do() -> None:
    if threading.current_thread() is threading.main_thread():  # Python sets signals in no other thread
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGPIPE)
    raise SystemExit(128 + signal.SIGPIPE)


def _escape(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    signs = error.object[error.start : error.end]
    return "".join(_ASCII.get(sign) or sign.encode("ascii", "backslashreplace").decode() for sign in signs), error.end


codecs.register_error(ESCAPED, _escape)
