"""The record of test reads, docs/test-reads.csv: a test set looked at often is no test set any more."""

import csv
import datetime
import errno
import io
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from io import RawIOBase
from pathlib import Path
from typing import Any

from train.common.console import say
from train.common.errors import PneumoscopeError
from train.runs.run_folder import commit_of_checkout

#: Every reading of the test films is written down here, in the folder the command runs in.
TEST_READS = Path("docs/test-reads.csv")
HEADLINES = ("sensitivity", "specificity", "balanced_accuracy", "f1")
COLUMNS = (
    *("run", "commit", "date", "network", "split_fingerprint", "films", "auroc", "operating_point"),
    *HEADLINES,
    *("accuracy_at_0.5", "f1_maximum"),
)


def log_test_read(run: str, evaluation: Mapping[str, Any]) -> None:
    """Append a reading of this moment to TEST_READS and say so; arguments and errors as of `append_test_read`."""
    date = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M")
    append_test_read(TEST_READS, run, commit_of_checkout() or "unknown", date, evaluation)
    say(f"this reading of the test films is logged in {TEST_READS}")


def require_test_log(path: Path = TEST_READS) -> None:
    """Say before the test films are read whether the reading can be recorded; nothing is made or changed.

    Raises:
        PneumoscopeError: a file with other columns, or one that cannot be made or appended to.
    """
    with _writing(path):
        if path.exists():
            with path.open("a+b", buffering=0) as file:
                _first_line(path, file)
            return
        above = next(folder for folder in path.absolute().parents if folder.exists())
        if not above.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, f"{above} is no folder")
        if not os.access(above, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, f"nothing may be written in {above}")


def append_test_read(path: Path, run: str, commit: str, date: str, evaluation: Mapping[str, Any]) -> None:
    """Append one line to the record of test reads: which run read the test films, when, and what was seen.

    It is one write at the end of the file (with the header before it in a new file), so that a kill leaves no
    half a line and two runs evaluated at the same time do not mix theirs.

    Args:
        path: docs/test-reads.csv; made where missing.
        run: the run's name, and in brackets what the reading was for if not for these figures.
        commit: of the code.
        date: ISO 8601.
        evaluation: with its test part; figures are at its default operating point.

    Raises:
        PneumoscopeError: no test part, or as `require_test_log`.
    """
    if not evaluation.get("test"):
        raise PneumoscopeError("no test figures to record: evaluate the test films first")
    metrics = evaluation["test"]["metrics"]
    name = evaluation["default_operating_point"]
    point, report = metrics["operating_points"][name], metrics["as_report"]
    row = [run, commit, date, evaluation["network"], evaluation["split_fingerprint"], metrics["n"]]
    row += [_figure(metrics["auroc"]), name, *(_figure(point[headline]) for headline in HEADLINES)]
    row += [_figure(report["accuracy_at_0.5"]), _figure(report["f1_maximum"])]
    with _writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a+b", buffering=0) as file:
            before = b"" if _first_line(path, file) else _line(COLUMNS)
            if not before:
                file.seek(-1, os.SEEK_END)
                before = b"" if file.read(1) == b"\n" else b"\n"
            line = before + _line(row)
            if file.write(line) != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise PneumoscopeError(
            f"{path} cannot be written ({error.strerror}), and every reading of the test films is logged there: make "
            "it writable, or run the command in another folder"
        ) from error


def _first_line(path: Path, file: RawIOBase) -> bytes:
    """The header of the record, b"" of an empty file."""
    file.seek(0)
    first = file.readline()
    if first not in (b"", _line(COLUMNS)):
        raise PneumoscopeError(f"{path}: expected the columns {', '.join(COLUMNS)}; move this file aside")
    return first


def _figure(interval: Mapping[str, float | None]) -> str:
    value = interval["value"]
    return "" if value is None else f"{value:.4f}"


def _line(values: Iterable[object]) -> bytes:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(values)
    return line.getvalue().encode()
