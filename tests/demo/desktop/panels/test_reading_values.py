"""The figures of a reading in the window, and texts that keep their direction."""

import pytest

pytest.importorskip(
    "PySide6.QtWidgets", reason="needs PySide6 (extra desktop) and the system libraries of Qt", exc_type=ImportError
)

from demo.desktop.drawing import text_direction
from demo.desktop.panels import reading_values
from demo.evaluation.track_record import read_track_record
from demo.inference.compare import read_case
from demo.inference.networks import load_models
from demo.language.catalogue import wording
from export.bundle import default_models_folder, find_bundles


def test_the_numbers_of_a_reading_are_named(models, write_film, tmp_path):
    loaded, words = load_models(models, "cpu"), wording("en")
    case = read_case(write_film(tmp_path / "film.png", 190), loaded.classifiers)
    for reading in case.readings:
        found = {name: value for name, value, _ in reading_values.numbers(reading, words)}
        assert found[words("word.probability")].lstrip(text_direction.LEFT_TO_RIGHT_MARK)
        assert found[words("word.logit")].lstrip(text_direction.LEFT_TO_RIGHT_MARK) == f"{reading.logit:.2f}"
        for row in reading_values.record_rows(reading, read_track_record(loaded.bundles), words):
            assert len(row) == 3


def test_operating_points_stand_in_the_order_of_their_thresholds_and_say_what_they_reached():
    words, bundles = wording("en"), find_bundles(default_models_folder())
    cards = {name: bundle.card for name, bundle in bundles.items()}
    names = [name for name, _ in reading_values.operating_points(words, [cards["a"]])]
    thresholds = [cards["a"].operating_points[name].threshold for name in names]
    assert thresholds == sorted(thresholds)
    assert dict(reading_values.operating_points(words))["sensitivity_95"] == "At least 95 % of pneumonias found"
    line = reading_values.reached("f1", cards, read_track_record(bundles), words)
    assert line.startswith("On test: A finds ")


def test_a_number_has_its_worth_as_dots_and_in_words(models, write_film, tmp_path):
    loaded, words = load_models(default_models_folder(), "cpu"), wording("en")
    record = read_track_record(loaded.bundles)
    case = read_case(write_film(tmp_path / "film.png", 190), loaded.classifiers)
    for reading in case.readings:
        dots, text = reading_values.worth(reading, record, words)
        found = record.alike(reading.network, reading.probability)[0]
        assert dots == "●" * found.dots + "○" * (20 - found.dots)
        assert f"{found.pneumonia} had pneumonia" in text
        assert reading_values.worth(reading, read_track_record({}), words) == ("", "")


def test_a_number_keeps_its_sign_in_front():
    assert text_direction.figure(">0.999") == "\u200e>0.999"
    assert text_direction.figure("0.5") == "0.5"


def test_a_line_runs_in_its_language():
    assert text_direction.line("A, B", "rtl") == "\u200fA, B"
    assert text_direction.line("A, B", "ltr") == "A, B"
    assert "dir='rtl'" in text_direction.paragraph("A", "rtl")
