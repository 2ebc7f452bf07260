"""A part file: the readings of a chunk's films as JSON lines or Parquet, to and from bytes."""

import io
import json
import os
from collections.abc import Iterator, Sequence
from typing import Any, cast

from demo.inference.compare import Comparison, agreement
from demo.predict.chunked.options import PartForm
from demo.predict.films.names import printable
from demo.predict.results import CSV_COLUMNS, json_line
from train.common.errors import PneumoscopeError, UsageError

_PREFIX = "part-"
_NO_UTF8 = "path_bytes"  # of a name that is no UTF-8, which Parquet's text must be
_TEXT = ("path", "network", "operating_point", "error")
_TRUTH = ("positive", "refused")


def part_name(number: int, form: PartForm) -> str:
    """The file of a chunk; names sort as the chunks do."""
    return f"{_PREFIX}{number:08d}.{form}"


def part_number(name: str) -> int | None:
    """The chunk of a file; None for one that is no part."""
    digits = name.removeprefix(_PREFIX).partition(".")[0]
    return int(digits) if name.startswith(_PREFIX) and digits.isdecimal() else None


def encode_part(comparisons: Sequence[Comparison], networks: Sequence[str], form: PartForm) -> bytes:
    """Readings → the bytes of a part: what `predict --jsonl` prints, or the columns of `predict --csv` as Parquet.

    Raises:
        UsageError: Parquet is asked for and pyarrow is not installed.
    """
    if form == "jsonl":
        return b"".join(map(json_line, comparisons))
    pyarrow, parquet = _pyarrow()
    kinds = {name: pyarrow.string() for name in _TEXT} | {name: pyarrow.bool_() for name in _TRUTH}
    schema = pyarrow.schema(
        [(name, kinds.get(name, pyarrow.float64())) for name in CSV_COLUMNS] + [(_NO_UTF8, pyarrow.binary())]
    )
    rows = [row for comparison in comparisons for row in _rows(comparison, networks)]
    written = io.BytesIO()
    parquet.write_table(pyarrow.Table.from_pylist(rows, schema), written)
    return written.getvalue()


def decode_part(data: bytes, networks: Sequence[str], form: PartForm, films: int, shown: str) -> list[Comparison]:
    """The bytes of a part → its readings.

    Args:
        data: as `encode_part` made it.
        networks: the job's.
        form: the job's.
        films: how many it must hold.
        shown: its name in messages.

    Raises:
        PneumoscopeError: it is damaged.
        UsageError: it is Parquet and pyarrow is not installed.
    """
    try:
        if form == "jsonl":
            found = [cast("Comparison", json.loads(line)) for line in data.splitlines()]
        else:
            found = list(_comparisons(data, networks))
    except (ValueError, KeyError, TypeError):
        found = []
    if len(found) != films:
        raise PneumoscopeError(f"{shown}: damaged; remove it and give the same command again")
    return found


def check_form(form: PartForm) -> None:
    """Raise a UsageError where parts of this form cannot be written here."""
    if form == "parquet":
        _pyarrow()


def _rows(comparison: Comparison, networks: Sequence[str]) -> Iterator[dict[str, Any]]:
    name, error = comparison["path"], comparison["error"]
    known: dict[str, Any] = {"path": name, "error": error}
    if not _is_utf8(name):
        known |= {"path": printable(name), _NO_UTF8: os.fsencode(name)}
    if error is not None and not _is_utf8(error):
        known["error"] = printable(error)
    for network in networks:
        yield known | {"network": network} | dict(comparison["readings"].get(network, {}))


def _comparisons(data: bytes, networks: Sequence[str]) -> Iterator[Comparison]:
    _, parquet = _pyarrow()
    rows: list[dict[str, Any]] = parquet.read_table(io.BytesIO(data)).to_pylist()
    for start in range(0, len(rows), len(networks)):
        of_film = rows[start : start + len(networks)]
        if [row["network"] for row in of_film] != list(networks):
            raise ValueError
        first = of_film[0]
        readings: Any = {}
        if first["error"] is None:
            readings = {row["network"]: {name: row[name] for name in _READING} for row in of_film}
        yield {
            "path": first["path"] if first[_NO_UTF8] is None else os.fsdecode(first[_NO_UTF8]),
            "readings": readings,
            "agree": agreement([None if row["refused"] else row["positive"] for row in of_film]),
            "error": first["error"],
        }


_READING = (
    *("probability", "threshold", "operating_point", "positive", "refused"),
    *("novelty", "novelty_limit", "milliseconds"),
)


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise UsageError("Parquet needs pyarrow: pip install 'pneumoscope[parquet]', or give --parts jsonl") from None
    return pyarrow, parquet
