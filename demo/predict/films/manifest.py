"""A manifest: a CSV or Parquet file that names films in its column `path`, read row by row, never held as a whole."""

import csv
import io
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from demo.predict.films.names import file_named, is_url, printable
from train.common.errors import UsageError

COLUMN = "path"
_PARQUET = b"PAR1"  # its first bytes


def films_of_manifest(manifest: str) -> Iterator[str]:
    """The films in a manifest, each as often as it stands there; whether they exist is seen when they are read.

    Args:
        manifest: a path or a URL. URLs and absolute paths in it are what they are, relative ones are relative to the
            folder that it lies in.

    Raises:
        UsageError: it cannot be read, is neither CSV nor Parquet, has no column `path`, or names no film.
    """
    shown = printable(manifest)
    folder = manifest.rpartition("/")[0] if is_url(manifest) else str(Path(manifest).parent)
    number = 0
    with _opened(manifest, shown) as file:
        is_parquet = file.read(len(_PARQUET)) == _PARQUET
        file.seek(0)
        with closing(_parquet_rows(file, shown) if is_parquet else _csv_rows(file, shown)) as rows:
            for place, name in rows:
                number += 1
                if not name:
                    raise UsageError(f"{shown}: {place} has no path; fill it in or remove it")
                if is_url(name):
                    yield name
                elif is_url(folder):
                    yield name if name.startswith("/") else f"{folder}/{name}"
                else:
                    yield file_named(str(Path(folder) / name))
    if not number:
        raise UsageError(f"{shown}: names no film; expected one in each line below the first")


@contextmanager
def _opened(manifest: str, shown: str) -> Iterator[BinaryIO]:
    try:
        if is_url(manifest):
            from demo.predict.films.urls import open_url

            with open_url(manifest) as file:
                yield file
        else:
            with Path(manifest).open("rb") as file:
                yield file
    except OSError as error:
        reason = "a folder" if not is_url(manifest) and Path(manifest).is_dir() else error.strerror or error
        raise UsageError(
            f"{shown}: no manifest that can be read ({reason}); name a CSV file, or a Parquet file"
        ) from None
    except (csv.Error, ValueError) as error:  # ValueError: a name with a NUL in it
        raise UsageError(f"{shown}: no CSV file ({error}); save it as CSV with commas") from None


def _csv_rows(file: BinaryIO, shown: str) -> Generator[tuple[str, str], None, None]:
    # With a byte order mark, as spreadsheets write it; file names need not be UTF-8.
    text = io.TextIOWrapper(file, newline="", encoding="utf-8-sig", errors="surrogateescape")
    try:
        rows = csv.DictReader(text)
        _check_columns(list(rows.fieldnames or []), "CSV", shown)
        for row in rows:
            yield f"line {rows.line_num}", row[COLUMN]
    finally:
        text.detach()  # the file is for whoever opened it to close


def _parquet_rows(file: BinaryIO, shown: str) -> Generator[tuple[str, str], None, None]:
    try:
        from pyarrow import parquet
    except ImportError:
        raise UsageError(f"{shown}: Parquet needs pyarrow: pip install 'pneumoscope[parquet]'") from None
    try:
        table = parquet.ParquetFile(file)
    except ValueError as error:  # pyarrow's own
        raise UsageError(f"{shown}: no Parquet file ({error}); write it again, or save it as CSV") from None
    _check_columns(table.schema_arrow.names, "Parquet", shown)
    kind = table.schema_arrow.field(COLUMN).type
    if str(kind) not in ("string", "large_string"):
        raise UsageError(f"{shown}: expected text in the column {COLUMN!r}, found {kind}; write the films' paths there")
    number = 0
    for batch in table.iter_batches(batch_size=4096, columns=[COLUMN]):
        for name in batch.column(0).to_pylist():
            number += 1
            yield f"row {number}", cast("str", name)


def _check_columns(columns: list[str], kind: str, shown: str) -> None:
    if COLUMN not in columns:
        found = ", ".join(map(repr, map(printable, columns)))[:200] or "an empty file"
        where = " in its first line" if kind == "CSV" else ""
        raise UsageError(f"{shown}: expected {kind} with a column {COLUMN!r}{where}, found {found}")
