"""How `predict` prints its results: CSV and JSON for scripts (a stable contract), a table for people."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence

from demo.inference.compare import Comparison, ReadingObject, unreliable_in
from demo.language.numbers import rounded
from demo.predict.films.names import STANDARD_INPUT, printable
from export.bundle import Bundle
from train.common.printable_json import json_bytes

CSV_COLUMNS = (
    "path",
    "network",
    "probability",
    "threshold",
    "operating_point",
    "positive",
    "refused",
    "novelty",
    "milliseconds",
    "error",
    "novelty_limit",  # last, because scripts may count columns
)

# With the wide forms that spreadsheets take for the narrow ones.
FORMULA_STARTS = tuple("=+-@\t\r\n＝＋－＠")
_CELL_BORDERS = ";\t|"  # beside those that every CSV quotes; spreadsheets guess which one a file means


def csv_header() -> bytes:
    """The first line of the CSV."""
    return _csv_line(CSV_COLUMNS)


def csv_rows(comparison: Comparison, networks: Iterable[str]) -> bytes:
    """One line per network; of a film that could not be read only path, network and error are known.

    A file name is a row of bytes that need not be UTF-8. CSV gives back those very bytes, but for one thing: a
    spreadsheet would take a name that begins as a formula does for one and compute it. Such a path is written with
    "./" before it, which names the same file (OWASP, CSV injection). A row whose path has a sign that spreadsheets
    take for a border of cells is quoted throughout.
    """
    return b"".join(_csv_line(cells) for cells in _csv_cells(comparison, networks))


def csv_rows_shown(comparison: Comparison, networks: Iterable[str]) -> str:
    """`csv_rows` for a terminal: of a name, what is no printable character becomes its escape."""
    shown: Comparison = {
        **comparison,
        "path": printable(comparison["path"]),
        "error": None if comparison["error"] is None else printable(comparison["error"]),
    }
    return csv_rows(shown, networks).decode()


def as_json(comparisons: Sequence[Comparison]) -> bytes:
    """A list with one object per film, UTF-8. Bytes of a file name that are not UTF-8 become `\\udcXX`.

    That is how Python itself names such files: `os.fsencode(json.loads(…)["path"])` is the name again.
    """
    return json_bytes(comparisons, indent=2)


def json_line(comparison: Comparison) -> bytes:
    """One film's object of `as_json` as a single line."""
    return json_bytes(comparison)


def table_rows(comparisons: Sequence[Comparison], bundles: Mapping[str, Bundle]) -> list[list[str | None]]:
    """Cells for people: film, network, verdict, probability, threshold, agree; a film's name stands once."""
    rows: list[list[str | None]] = []
    for comparison in comparisons:
        name = printable(comparison["path"])
        if comparison["error"] is not None:
            rows.append([name, None, "could not be read", None, None, None])
            continue
        agree = {True: "yes", False: "NO", None: None}[comparison["agree"]]
        unreliable = unreliable_in(comparison)
        for index, (network, reading) in enumerate(comparison["readings"].items()):
            verdict = ""
            if reading["positive"] is not None:
                verdict = bundles[network].card.classes[reading["positive"]]
            if reading["refused"]:
                verdict = " although ".join(filter(None, (verdict, _refusal(reading))))
            if network in unreliable:
                refusing = unreliable[network].upper()
                verdict = f"{verdict}, but {refusing} refuses this picture; do not rely on {network.upper()}"
            rows.append(
                [
                    name if index == 0 else "",
                    network.upper(),
                    verdict,
                    rounded(reading["probability"]),
                    rounded(reading["threshold"]),
                    agree if index == 0 else "",
                ]
            )
    return rows


def summary(comparisons: Sequence[Comparison], bundles: Mapping[str, Bundle]) -> str:
    """One line that counts: films read, positive verdicts of each network, agreement."""
    read = [comparison for comparison in comparisons if comparison["error"] is None]
    parts = [f"{len(read)} of {len(comparisons)} {'film' if len(comparisons) == 1 else 'films'} read"]
    for network, bundle in bundles.items():
        refused = sum(comparison["readings"][network]["refused"] for comparison in read)
        positive = sum(comparison["readings"][network]["positive"] is True for comparison in read)
        refusals = f" and refuses {refused}" if refused else ""
        parts.append(f"{network.upper()} says {bundle.card.classes[1]} for {positive}{refusals}")
    evaluated = [comparison["agree"] for comparison in read if comparison["agree"] is not None]
    if evaluated:
        parts.append(f"they agree on {sum(evaluated)}")
    return "; ".join(parts)


def _refusal(reading: ReadingObject) -> str:
    novelty, limit = reading["novelty"], reading["novelty_limit"]
    numbers = f" (novelty {novelty:.2f}, limit {limit:.2f})" if novelty is not None and limit is not None else ""
    return f"refused: too unlike the films I learnt from{numbers}"


def failure_line(comparison: Comparison) -> str:
    """Why a film could not be read, with its name at the front exactly once."""
    name, error = printable(comparison["path"]), printable(comparison["error"] or "")
    return error if error.startswith(name) else f"{name}: {error}"


def _csv_cells(comparison: Comparison, networks: Iterable[str]) -> Iterator[list[object]]:
    path, error, readings = comparison["path"], comparison["error"], comparison["readings"]
    if path.startswith(FORMULA_STARTS) and path != STANDARD_INPUT:
        path = f"./{path}"
    for network in networks:
        cells = {"path": path, "network": network, "error": error, **readings.get(network, {})}
        yield [_csv_cell(cells.get(column)) for column in CSV_COLUMNS]


def _csv_cell(value: object) -> object:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else value


def _csv_line(cells: Sequence[object]) -> bytes:
    # Written with \r\n, so that the writer quotes a name with either character in it; ended with \n, as
    # command-line tools expect.
    line = io.StringIO()
    is_split = any(sign in str(cells[0]) for sign in _CELL_BORDERS)
    csv.writer(line, lineterminator="\r\n", quoting=csv.QUOTE_ALL if is_split else csv.QUOTE_MINIMAL).writerow(cells)
    return line.getvalue().removesuffix("\r\n").encode("utf-8", "surrogateescape") + b"\n"
