"""Where the page shows a line of the reader's: in the visitor's language, in that language's direction."""

import numpy as np
import pytest

from demo.batch.batch import FilmSet
from demo.batch.table import Row, Tally
from demo.inference.compare import Case
from demo.inference.networks import load_models
from demo.language.catalogue import wording
from demo.page.panels.batch_table import note_html, summary_html, table_html
from demo.page.panels.compare.readings import error_html, readings_html

HEBREW, ENGLISH = wording("he"), wording("en")
LINE = "the JPEG is cut short: its end is missing; copy or download it again"
WARNING = "the file holds 3 frames: only the first was read"


@pytest.fixture
def loaded(models):
    return load_models(models, "cpu")


def everywhere(line, words, loaded):
    """The line in each place that shows such lines."""
    found = FilmSet((), (f"films.zip: {line}",), 0, 0)
    row = Row(0, {"path": "film.jpg", "readings": {}, "agree": None, "error": line})
    case = Case(np.zeros((8, 8), np.uint8), (line,), ())
    return (
        error_html(f"film.jpg: {line}", words),
        note_html(line, words),
        summary_html(Tally(0, 0, {}, {}, 0, 0, 0), found, words),
        table_html([row], loaded, "youden", "order", False, words),
        readings_html(case, loaded, {}, words),
    )


@pytest.mark.parametrize("line", [LINE, WARNING])
def test_a_known_line_is_in_hebrew_from_right_to_left(line, loaded, monkeypatch):
    monkeypatch.setattr("demo.page.panels.compare.readings.agreement_lines", lambda *_: ("", ""))
    for html in everywhere(line, HEBREW, loaded):
        assert line not in html
        assert "lang='he' dir='rtl'>" in html
        assert "יש להעתיק או להוריד אותו שוב" in html or "רק הראשונה נקראה" in html
    for html in everywhere(line, ENGLISH, loaded):
        assert line in html


def test_what_has_no_hebrew_is_said_to_be_english(loaded, monkeypatch):
    monkeypatch.setattr("demo.page.panels.compare.readings.agreement_lines", lambda *_: ("", ""))
    for html in everywhere("a remark of a reader to come", HEBREW, loaded):
        assert "lang='en' dir='ltr'>" in html


def test_what_a_name_holds_is_never_markup():
    html = error_html(f"<img src=x>.jpg: {LINE}", HEBREW)
    assert "<img" not in html
    assert "&lt;img src=x&gt;.jpg" in html
