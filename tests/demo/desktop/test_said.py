"""What the window says is what the page says."""

import re
from html import unescape

import numpy as np
import pytest

pytest.importorskip(
    "PySide6.QtWidgets", reason="needs PySide6 (extra desktop) and the system libraries of Qt", exc_type=ImportError
)

from demo.compare import read_case
from demo.desktop import said
from demo.evidence import read_evidence
from demo.readers import Readers, open_readers
from demo.wording import LANGUAGES, wording


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("grey", [10, 190, 250])
def test_lines_and_numbers_are_the_pages(models, write_film, tmp_path, language, grey):
    page = pytest.importorskip("demo.panels.readings", reason="the page needs Gradio, not installed here")
    readers, words = open_readers(models, "cpu"), wording(language)
    evidence = read_evidence(readers.bundles)
    case = read_case(write_film(tmp_path / "film.png", grey), readers.classifiers)
    html = unescape(re.sub(r"<[^>]+>", " ", page.readings_html(case, readers, evidence, words)))
    flat = " ".join(html.split())
    line, record = said.agreement_lines({one.network: one for one in case.readings}, evidence, words)
    assert line in flat
    assert record in flat
    for reading in case.readings:
        for name, value, _ in said.numbers(reading, words):
            assert name in flat
            assert value.lstrip(said.LEFT_TO_RIGHT_MARK) in flat


def test_one_network_has_nobody_to_agree_with(models, write_film, tmp_path):
    readers = open_readers(models, "cpu")
    only = {"a": readers.classifiers["a"]}
    case = read_case(write_film(tmp_path / "film.png"), only)
    evidence = read_evidence(readers.bundles)
    words = wording("en")
    assert said.agreement_lines({"a": case.readings[0]}, evidence, words) == (words("compare.one_network"), "")
    assert np.isfinite(case.readings[0].probability)


def test_why_a_network_is_missing_is_said(tmp_path):
    words = wording("en")
    readers = Readers(tmp_path / "models", {}, {"b": "b/model.onnx: damaged"})
    assert "pneumoscope train a" in said.why_missing("a", readers, words)
    assert "b/model.onnx: damaged" in said.why_missing("b", readers, words)


def test_a_number_keeps_its_sign_in_front():
    assert said.figure(">0.999") == "\u200e>0.999"
    assert said.figure("0.5") == "0.5"
