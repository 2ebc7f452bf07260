"""Checksums of the films a run reads, kept in its folder: a resumed run must see the films it began with."""

import csv
import hashlib
import io
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from train.common import atomic
from train.data.cohort import Cohort

COLUMNS = ("film", "blake2b")
MISSING = "missing"  # in place of the checksum of a film that cannot be opened


def digest_films(cohort: Cohort, threads: int = 4) -> dict[str, str]:
    """Return film → checksum of its file's bytes, for all films of a cohort but those of test."""
    paths = [film.path for film in cohort.films if film.split != "test"]
    with ThreadPoolExecutor(threads) as pool:
        return dict(zip(paths, pool.map(digest_file, (cohort.root / path for path in paths)), strict=True))


def digest_file(path: Path) -> str:
    """Return the BLAKE2b checksum of a file, 16 hex digits, or MISSING."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=8)).hexdigest()
    except OSError:
        return MISSING


def digest_of_all(digests: Mapping[str, str]) -> str:
    """Return one checksum of all films and their checksums, SHA-256 in hex."""
    return hashlib.sha256(_table(digests).encode(errors="surrogateescape")).hexdigest()


def write_digests(path: Path, digests: Mapping[str, str]) -> None:
    """Write films.csv whole, one film a line."""
    atomic.write_bytes(path, _table(digests).encode(errors="surrogateescape"))


def read_digests(path: Path) -> dict[str, str]:
    """Read films.csv; a file that is missing or no such table is read as one without films."""
    try:
        text = path.read_bytes().decode(errors="surrogateescape")
        return {row["film"]: row["blake2b"] for row in csv.DictReader(io.StringIO(text, newline=""))}
    except (OSError, KeyError, csv.Error):
        return {}


def first_difference(was: Mapping[str, str], found: Mapping[str, str]) -> str | None:
    """Say in a few words how films differ: how many, and the first of them; None where they do not."""
    differing = sorted(path for path in {*was, *found} if was.get(path) != found.get(path))
    if not differing:
        return None
    first = differing[0]
    if first not in was:
        change = "was not there"
    elif found.get(first, MISSING) == MISSING:
        change = "is gone"
    else:
        change = "has other contents"
    return f"{len(differing)} of {len({*was, *found})} films, the first is {first}, which {change}"


def _table(digests: Mapping[str, str]) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    rows: Iterable[tuple[str, str]] = sorted(digests.items())
    writer.writerows(rows)
    return text.getvalue()
