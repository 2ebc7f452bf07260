"""A film's panel of the window: what a refusal takes away, what the eye may change, the averaged reading."""

from html import unescape

import pytest

pytest.importorskip(
    "PySide6.QtWidgets", reason="needs PySide6 (extra desktop) and the system libraries of Qt", exc_type=ImportError
)

from PySide6.QtWidgets import QAbstractButton, QLabel

from demo.desktop.window import FIRST_SIZE
from demo.evaluation.example_films import default_examples_folder
from demo.inference.averaged import averaged_reading
from demo.language.catalogue import wording
from demo.language.reading_sentences import averaged_line
from export.bundle import default_models_folder

ENGLISH, HEBREW = wording("en"), wording("he")


def choose(box, data):
    box.setCurrentIndex(box.findData(data))


@pytest.fixture
def refusing(tiny_bundle, tmp_path):
    models = tmp_path / "guarded"
    tiny_bundle(models, "a", {"novelty": True, "heatmap": True}, novelty_limit=0.5)
    tiny_bundle(models, "b")
    return models


def test_what_a_refused_film_would_say_is_under_a_lid(open_window, read, write_film, refusing, tmp_path, qt):
    window = open_window(refusing)
    read(window, write_film(tmp_path / "bright.png", 250))
    column = window.film.readings.columns["a"]
    reading = window.film.film.case.readings[0]
    choose(window.film.layer, "a")
    assert column.cover.isVisible()
    assert not window.film.readings.columns["b"].cover.isVisible()
    assert not column.bar.isVisible()
    assert not column._under_lid.isVisible()
    assert not window.film.view._layers
    assert not window.film.legend.scale.isVisible()
    assert window.film.legend.faint.text() == "A refuses this picture: its heatmap is not shown."
    column.cover.button.click()
    assert column.bar.isVisible()
    assert column._under_lid.isVisible()
    assert len(window.film.view._layers) == 1
    assert window.film.legend.scale.isVisible()
    assert "refuses" not in window.film.legend.faint.text()
    said = [label.text() for label in column.cover._texts if label.isVisible()]
    verdict = "positive" if reading.probability >= reading.threshold else "negative"
    assert said == [
        ENGLISH("compare.all_the_same.warning"),
        ENGLISH("compare.would_say", verdict=ENGLISH(f"verdict.{verdict}")),
    ]
    assert column.verdict.text() == ENGLISH("verdict.refused")
    assert ENGLISH("compare.refused") in window.film.readings.agreement.text()
    choose(window.operating_point, "f1")
    assert column.bar.isVisible()  # judging anew is still about this film
    read(window, write_film(tmp_path / "other.png", 251))
    assert not column.cover.is_open
    assert not column.bar.isVisible()


def test_beside_a_network_that_refuses_the_other_goes_grey(open_window, read, write_film, refusing, tmp_path):
    window = open_window(refusing)
    read(window, write_film(tmp_path / "bright.png", 250))
    refused, other = (window.film.readings.columns[name] for name in "ab")
    warning = ENGLISH("compare.unreliable", refusing="A", other="B")
    assert (refused.unreliable.isVisible(), other.unreliable.isVisible()) == (False, True)
    assert warning in other.unreliable.text()
    assert warning in window.film.readings.agreement.text()
    assert other.bar._is_grey
    assert not other.worth.isVisible()
    read(window, write_film(tmp_path / "dark.png", 20))
    assert not other.unreliable.isVisible()
    assert not other.bar._is_grey


def test_beside_a_network_that_refuses_the_others_heatmap_waits_for_the_same_lid(
    open_window, read, write_film, refusing, tiny_bundle, tmp_path
):
    tiny_bundle(refusing, "b", {"heatmap": True})
    window = open_window(refusing)
    read(window, write_film(tmp_path / "bright.png", 250))
    choose(window.film.layer, "b")
    assert not window.film.view._layers
    assert window.film.legend.faint.text() == ENGLISH("compare.unreliable", refusing="A", other="B")
    window.film.readings.columns["a"].cover.button.click()
    assert len(window.film.view._layers) == 1
    read(window, write_film(tmp_path / "dark.png", 20))
    assert len(window.film.view._layers) == 1


def test_a_film_is_inverted_for_the_eye_alone_and_the_next_one_is_not(open_window, read, write_film, tmp_path):
    window = open_window()
    assert not window.film.invert_button.isEnabled()
    read(window, write_film(tmp_path / "film.png", 200))
    before, view = window.film.film.case, window.film.view
    window.film.invert_button.click()
    middle = view.rect().center()
    assert view.grab().toImage().pixelColor(middle).red() == 55
    assert window.film.film.case is before
    read(window, write_film(tmp_path / "other.png", 100))
    assert not window.film.invert_button.isChecked()
    assert view.grab().toImage().pixelColor(middle).red() == 100


def test_the_films_size_and_depth_are_said(open_window, read, write_film, tmp_path):
    window = open_window()
    assert window.film.facts.text() == ""
    read(window, write_film(tmp_path / "film.png", 200, (40, 30)))
    assert window.film.facts.text() == "30 × 40 pixels · 8 bits"
    (tmp_path / "bad.png").write_bytes(b"no picture")
    read(window, tmp_path / "bad.png")
    assert window.film.facts.text() == ""


@pytest.mark.parametrize("words", [ENGLISH, HEBREW], ids=["en", "he"])
def test_a_and_b_averaged_say_what_they_say_on_the_page(open_window, read, words):
    window = open_window(default_models_folder())
    window.speak(words.language)
    read(window, default_examples_folder() / "synthetic-pneumonia-03.png")
    case, loaded = window.film.film.case, window._networks.loaded
    expected = averaged_line(averaged_reading(case.readings, loaded.comparison.average_thresholds), words)
    assert words("verdict.positive") in expected
    assert expected in unescape(window.film.readings.averaged.text())
    assert window.film.readings.averaged.isVisible()


def too_small(panel):
    """Labels whose words are cut, and buttons."""
    labels = [label for label in panel.findChildren(QLabel) if label.isVisible() and label.text()]
    wrapped = [label for label in labels if label.wordWrap() and label.height() < label.heightForWidth(label.width())]
    others = [widget for widget in (*labels, *panel.findChildren(QAbstractButton)) if widget.isVisible()]
    narrow = [
        widget
        for widget in others
        if not (isinstance(widget, QLabel) and widget.wordWrap()) and widget.width() < widget.sizeHint().width()
    ]
    return [widget.text() for widget in (*wrapped, *narrow)]


@pytest.mark.parametrize("words", [ENGLISH, HEBREW], ids=["en", "he"])
@pytest.mark.parametrize("size", [FIRST_SIZE, (900, 650)])
def test_no_word_is_cut_however_small_the_window(open_window, read, wait_until, words, size):
    window = open_window(default_models_folder())
    window.speak(words.language)
    window.resize(*size)
    read(window, default_examples_folder() / "synthetic-pneumonia-02.png")
    choose(window.film.layer, "ab")
    wait_until(lambda: window.film.legend.isVisible() and window.width() == size[0])
    wait_until(lambda: too_small(window.film) == [])


def test_a_name_stands_at_the_languages_side(open_window, read, wait_until, write_film, tmp_path):
    window = open_window()
    read(window, write_film(tmp_path / "film.png"))
    title = window.film.title
    assert not title.text().startswith("\u200f")
    window.speak("he")
    assert title.text() == "\u200f\u2068film.png\u2069"
    wait_until(lambda: title.geometry().right() > window.film.facts.geometry().right())
