"""A file of JSON lines that a run of `predict` may be killed over: what is in it is kept, what is missing is added."""

import json
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from demo.inference.compare import Comparison
from demo.predict.films.names import printable
from demo.predict.results import json_line
from train.common.console import say_warning
from train.common.errors import PneumoscopeError, UsageError
from train.common.file_lock import try_lock

LINE_START = b'{"path": '  # of every line that `json_line` writes


class Decision(NamedTuple):
    """What a network's readings are decided by; `novelty_limit` is None for one without, else it tells models apart."""

    operating_point: str
    threshold: float
    novelty_limit: float | None = None


@dataclass(frozen=True)
class ReadingsFile:
    """An open file of readings that belongs to this run alone. Made by `open_readings`.

    Attributes:
        finished: the films that were in it when it was opened → whether they could be read.
    """

    path: Path
    finished: Mapping[str, bool]
    descriptor: int

    def append(self, comparison: Comparison) -> None:
        """Add one film; once this returns, no end of this process can lose it.

        Raises:
            PneumoscopeError: the disk is full or gone.
        """
        line = json_line(comparison)
        try:
            while line:
                line = line[os.write(self.descriptor, line) :]
        except OSError as error:
            raise PneumoscopeError(
                f"{printable(str(self.path))}: cannot be written ({error.strerror}); what it holds is whole: make room "
                "and give the same command again"
            ) from None


@contextmanager
def open_readings(path: Path, decisions: Mapping[str, Decision], *, force: bool = False) -> Iterator[ReadingsFile]:
    """Open what `--jsonl` wrote before, or begin a new file, and keep others from writing it meanwhile.

    Where the file system has no locks, that is said, and nothing keeps them.

    A last line that a kill cut short is taken out, so that its film is read again. A film that could not be read
    counts as finished: to read it again, remove its line.

    Args:
        path: the file; made when there is none.
        decisions: network → what this run decides by; the file's readings must have the same.
        force: whether this run gives the verdict of a refused film; the file's readings must have it or not, too.

    Raises:
        UsageError: the file holds something else or readings of other networks, models or options, another run is
            writing it, or it cannot be opened.
    """
    shown = printable(str(path))
    try:
        # Appending only: whatever else happens, a line that is there is never written over.
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
    except OSError as error:
        raise UsageError(f"{shown}: cannot be opened to resume ({error.strerror}); name another file") from None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise UsageError(f"{shown}: no ordinary file, so there is nothing to resume; name another file")
        # The system frees it however this run ends. filelock, which `train` brings, would leave a file of its own
        # beside the user's.
        lock = try_lock(descriptor)
        if lock == "taken":
            raise UsageError(f"{shown}: another run is writing it; wait for its end, or name another file")
        if lock == "impossible":
            say_warning(f"{shown}: this file system has no locks, so nothing keeps a second run from writing it too")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            finished, whole = _read(file, shown, dict(decisions), force=force)
        os.truncate(descriptor, whole)
        yield ReadingsFile(path, finished, descriptor)
    finally:
        os.close(descriptor)


def _read(file: BinaryIO, shown: str, decisions: dict[str, Decision], *, force: bool) -> tuple[dict[str, bool], int]:
    """The films in the file, and how many of its bytes are whole lines."""
    finished: dict[str, bool] = {}
    whole = 0
    for number, line in enumerate(file, start=1):
        if not line.endswith(b"\n"):
            if not line.startswith(LINE_START[: len(line)]):
                raise _no_reading(shown, number)
            break
        whole += len(line)
        try:
            film = json.loads(line)
            found = {network: _decision(reading) for network, reading in film["readings"].items()}
            forced = {reading["positive"] is not None for reading in film["readings"].values() if reading["refused"]}
            path, failed = str(film["path"]), film["error"] is not None
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise _no_reading(shown, number) from None
        if not failed and found != decisions:
            raise UsageError(
                f"{shown}, line {number}: read by {_in_words(found)}, but now by {_in_words(decisions)}; choose the "
                "same models and options as then, or another file"
            )
        if forced - {force}:
            raise UsageError(
                f"{shown}, line {number}: a refused film {'without' if force else 'with'} its verdict; "
                f"give the command {'without' if force else 'with'} --force as then, or another file"
            )
        finished[path] = not failed
    return finished, whole


def _decision(reading: dict[str, Any]) -> Decision:
    return Decision(reading["operating_point"], reading["threshold"], reading["novelty_limit"])


def _no_reading(shown: str, number: int) -> UsageError:
    return UsageError(f"{shown}, line {number}: not what `predict --jsonl` writes; name another file")


def _in_words(decisions: Mapping[str, Decision]) -> str:
    return " and ".join(
        f"{network} at {point} ({threshold}{'' if limit is None else f', novelty to {limit}'})"
        for network, (point, threshold, limit) in decisions.items()
    )
