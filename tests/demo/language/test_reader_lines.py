"""Every line that the reader and the archives of films may say is known, and said in Hebrew with what it names."""

import ast
from pathlib import Path

import pytest

from demo.language.catalogue import wording
from demo.language.reader_lines import LINES, STRANGERS, reader_line
from train.radiograph import formats
from train.radiograph.dicom.header import DAMAGED
from train.radiograph.formats import EXPECTED

ROOT = Path(__file__).resolve().parents[3]
SPOKEN = [*sorted((ROOT / "train" / "radiograph").rglob("*.py")), ROOT / "demo" / "batch" / "zip_archive.py"]
SPOKEN += [ROOT / "demo" / "batch" / "batch.py", ROOT / "demo" / "inference" / "film_workers.py"]
ENGLISH, HEBREW = wording("en"), wording("he")
AGAIN = "pack the films again as an ordinary ZIP"
#: What stands in the sources' f-strings, by its expression; whatever is not here is some number or name.
FILLED = {
    "EXPECTED": EXPECTED,
    "_AGAIN": AGAIN,
    "_describe(data)": "text",
    "named": "modality CT",
    "what": "window",
    "of_what": "frames",
    "how": "of samples that are not 8, 16 or 32 bits deep",
}


def said(node):
    """What a string expression says; None where it is none."""
    match node:
        case ast.Constant(str(text)):
            return text
        case ast.JoinedStr():
            return "".join(
                part.value if isinstance(part, ast.Constant) else FILLED.get(ast.unparse(part.value), "7")
                for part in node.values
            )
        case ast.Name("DAMAGED"):
            return DAMAGED
    return None


def lines_of(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and node.args:
            called = ast.unparse(node.func)
            if called in ("RadiographError", "ArchiveError") or called.endswith("notes.append"):
                yield said(node.args[0])
        elif (isinstance(node, ast.Return) and path.name == "zip_archive.py") or (
            isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in ("note", "error", "VALUES_LEFT_OUT")
        ):
            yield said(node.value)
        elif isinstance(node, ast.Return) and isinstance(node.value, ast.IfExp | ast.Tuple):
            yield from (said(part) for part in ast.walk(node.value) if isinstance(part, ast.JoinedStr))


def spoken():
    found = {line for path in SPOKEN for line in lines_of(path) if line and " " in line}
    return sorted(found - {"no film of this archive"})  # a programmer's mistake, which no visitor meets


def test_the_collector_sees_the_reader():
    assert len(spoken()) > 45


@pytest.mark.parametrize("line", spoken())
def test_every_line_of_the_reader_is_known(line):
    shown = reader_line(line, HEBREW)
    assert shown.direction == "rtl", line
    assert shown.text != line


def test_every_text_is_known_by_its_own_key():
    """Filled with names, no text is taken for another one's."""
    for name in LINES:
        values = {"what": ENGLISH("reader.what.pdf")} if name == "stranger" else {}
        names = ("limit", "width", "height", "megabytes", "kind", "error", "reason", "seconds", "modality", "element")
        names += ("method", "count", "levels", "gigabytes", "films", "times")
        english = ENGLISH(f"reader.{name}", **dict.fromkeys(names, "x7"), **values)
        values = {"what": HEBREW("reader.what.pdf")} if name == "stranger" else {}
        assert reader_line(english, HEBREW).text == HEBREW(f"reader.{name}", **dict.fromkeys(names, "x7"), **values)


def test_every_stranger_has_a_name():
    names = {name for _, name in formats._STRANGERS}
    names |= {formats._describe(data) for data in (b"\0\0\0\0ftypavif", b"\0\0\0\0ftypheic", b"<svg", b"ab", b"\1")}
    assert {ENGLISH(f"reader.what.{kind}") for kind in STRANGERS} == names
    for name in names:
        assert reader_line(f"{name}: {EXPECTED}", HEBREW).direction == "rtl"


def test_a_films_name_stays_before_the_line_and_is_no_part_of_it():
    line = "the JPEG is cut short: its end is missing; copy or download it again"
    hebrew = reader_line(line, HEBREW).text
    for name in ("film.jpg", "a: b: c.jpg", "text", "<b>"):
        assert reader_line(f"{name}: {line}", HEBREW).text == f"\u2068{name}\u2069: {hebrew}"


@pytest.mark.parametrize("line", ["", "something new: nobody knows it", "a loaf of bread: " + EXPECTED, "film.jpg: "])
def test_a_line_that_nobody_knows_stays_english(line):
    shown = reader_line(line, HEBREW)
    assert (shown.text, shown.direction) == (line, "ltr")


def test_english_stays_as_it_is():
    line = f"text: {EXPECTED}"
    assert reader_line(line, ENGLISH).text == line
