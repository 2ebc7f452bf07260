"""The figures of a reading in the window, and texts that keep their direction."""

import pytest

pytest.importorskip(
    "PySide6.QtWidgets", reason="needs PySide6 (extra desktop) and the system libraries of Qt", exc_type=ImportError
)

from demo.compare import read_case
from demo.desktop import direction, said
from demo.evidence import read_evidence
from demo.readers import open_readers
from demo.wording import wording


def test_the_numbers_of_a_reading_are_named(models, write_film, tmp_path):
    readers, words = open_readers(models, "cpu"), wording("en")
    case = read_case(write_film(tmp_path / "film.png", 190), readers.classifiers)
    for reading in case.readings:
        found = {name: value for name, value, _ in said.numbers(reading, words)}
        assert found[words("word.probability")].lstrip(direction.LEFT_TO_RIGHT_MARK)
        assert found[words("word.logit")].lstrip(direction.LEFT_TO_RIGHT_MARK) == f"{reading.logit:.2f}"
        for row in said.record_rows(reading, read_evidence(readers.bundles), words):
            assert len(row) == 4


def test_the_default_operating_point_comes_first():
    assert said.operating_points(wording("en"))[0][0] == "youden"


def test_a_number_keeps_its_sign_in_front():
    assert direction.figure(">0.999") == "\u200e>0.999"
    assert direction.figure("0.5") == "0.5"


def test_a_line_runs_in_its_language():
    assert direction.line("A, B", "rtl") == "\u200fA, B"
    assert direction.line("A, B", "ltr") == "A, B"
    assert "dir='rtl'" in direction.paragraph("A", "rtl")
