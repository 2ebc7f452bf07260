"""What is said of readings, as plain text: page and window both say it."""

from dataclasses import replace

import pytest

from demo.evaluation.alike_films import AlikeFilms
from demo.evaluation.proportions import proportion
from demo.evaluation.track_record import PairRecord, TrackRecord, read_track_record
from demo.inference.averaged import AveragedReading
from demo.inference.compare import read_case
from demo.inference.networks import LoadedModels, load_models
from demo.language import reading_sentences
from demo.language.catalogue import LANGUAGES, wording
from demo.language.numbers import share_text
from export.bundle import default_models_folder, find_bundles


@pytest.fixture
def read(models, write_film, tmp_path):
    loaded = load_models(models, "cpu")
    case = read_case(write_film(tmp_path / "film.png", 190), loaded.classifiers)
    return {reading.network: reading for reading in case.readings}, read_track_record(loaded.bundles)


def record_of(films, pneumonia, of_films=20, split="test"):
    return PairRecord(split, films, pneumonia, of_films)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("a", "b", "record", "line", "remark", "counts"),
    [
        (True, True, record_of(10, 9), "agree", "pair_right", {"films": 10, "right": 9, "share": (9, 10)}),
        (False, False, record_of(10, 1), "agree", "pair_right", {"films": 10, "right": 9, "share": (9, 10)}),
        (
            True,
            False,
            record_of(5, 2),
            "disagree",
            "pair_split",
            {"films": 5, "of_films": 20, "a": 2, "b": 3, "share": (2, 5)},
        ),
        (False, True, record_of(0, 0), "disagree", "pair_never", {"of_films": 20}),
        (True, True, None, "agree", None, {}),
    ],
)
def test_agreement_is_said_with_its_record(read, monkeypatch, language, a, b, record, line, remark, counts):
    readings, track_record = read
    words = wording(language)
    evaluated = {name: replace(readings[name], positive=positive) for name, positive in (("a", a), ("b", b))}
    monkeypatch.setattr(TrackRecord, "pairs", lambda *_: (record,) if record else ())
    shares = {"share": share_text(proportion(*counts["share"]), words)} if "share" in counts else {}
    expected = words(f"compare.{remark}", split=words("word.test"), **(counts | shares)) if remark else ""
    assert reading_sentences.agreement_lines(evaluated, track_record, words) == (words(f"compare.{line}"), expected)


def test_a_refused_film_agrees_with_nobody_even_when_its_verdict_was_forced(read):
    readings, track_record = read
    words = wording("en")
    forced = readings | {"a": replace(readings["a"], refused=True, positive=True)}
    assert reading_sentences.agreement_lines(forced, track_record, words) == (
        "A refuses this picture; do not rely on B.",
        words("compare.refused"),
    )
    both = {name: replace(reading, refused=True) for name, reading in readings.items()}
    assert reading_sentences.agreement_lines(both, track_record, words) == ("", words("compare.refused"))


def test_test_stands_first_and_validation_beside_it_with_intervals(read, monkeypatch):
    readings, track_record = read
    records = record_of(462, 381, 624), record_of(563, 563, 786, "validation")
    monkeypatch.setattr(TrackRecord, "pairs", lambda *_: records)
    agreed = {name: replace(reading, positive=True) for name, reading in readings.items()}
    _, remark = reading_sentences.agreement_lines(agreed, track_record, wording("en"))
    assert remark == (
        "On test both said so of 462 films and were right about 381: 82.5 % [78.7–85.7]. "
        "On validation both said so of 563 films and were right about 563: 100.0 % [99.3–100.0]."
    )


def test_without_test_films_it_is_said_that_the_figures_are_of_validation(read, monkeypatch):
    readings, track_record = read
    words = wording("en")
    monkeypatch.setattr(TrackRecord, "pairs", lambda *_: (record_of(10, 9, split="validation"),))
    agreed = {name: replace(reading, positive=True) for name, reading in readings.items()}
    _, remark = reading_sentences.agreement_lines(agreed, track_record, words)
    assert remark.startswith("On validation both said so of 10 films")
    assert remark.endswith(words("compare.no_test"))


@pytest.mark.parametrize("refusing", ["a", "b"])
def test_whichever_network_refuses_the_other_is_not_to_be_relied_on(read, refusing):
    readings, _ = read
    (other,) = {"a", "b"} - {refusing}
    refused = readings | {refusing: replace(readings[refusing], refused=True, positive=None)}
    assert reading_sentences.not_to_rely_on(refused, wording("en")) == {
        other: f"{refusing.upper()} refuses this picture; do not rely on {other.upper()}."
    }
    assert reading_sentences.not_to_rely_on(readings, wording("en")) == {}


def test_a_refusal_says_how_often_chest_films_are_refused(read, tiny_card):
    reading = replace(read[0]["a"], novelty=7.5, novelty_limit=3.0)
    novelty = {
        "method": "distance", "features": 8, "training_films": 10, "limit": 3.0, "limit_percentile": 99.0,
        "selected_on": "validation", "test_refused": 0.0128, "test_refused_low": 0.006, "test_refused_high": 0.025,
    }  # fmt: skip
    card = tiny_card(novelty_limit=3.0, novelty=novelty)
    assert reading_sentences.why_refused(reading, wording("en"), card) == (
        "Novelty 7.50, limit 3.00: no verdict. Chest films can be refused too: 1.3 % [0.6–2.5] of the test films were."
    )
    assert reading_sentences.why_refused(reading, wording("en"), tiny_card()) == "Novelty 7.50, limit 3.00: no verdict."


def test_what_a_number_was_worth_names_its_films_and_their_range():
    found = AlikeFilms("test", 20, 19, 0.9312, 0.9678), AlikeFilms("validation", 20, 20, 0.94, 0.96)
    assert reading_sentences.worth_lines("a", found, wording("en")) == [
        "Of the 20 test films that A gave 0.931 to 0.968, 19 had pneumonia: 95.0 % [76.4–99.1].",
        "On validation 20 of the nearest 20: 100.0 % [83.9–100.0].",
    ]
    one = AlikeFilms("validation", 31, 31, 0.99981, 0.99999)
    (line,) = reading_sentences.worth_lines("b", (one,), wording("en"))
    # More films than these 31 are written >0.999: they are the nearest.
    assert line.startswith("Of the 31 validation films nearest to what B gave this one, >0.999, 31 had pneumonia:")


def test_a_sign_stays_before_its_number_in_hebrew():
    reading = AveragedReading(0.9999, 0.5, "youden", True, ())
    assert "\u2066>0.999\u2069" in reading_sentences.averaged_line(reading, wording("he"))


def test_an_operating_point_says_what_it_reached_on_test():
    bundles = find_bundles(default_models_folder())
    track_record = read_track_record(bundles)
    thresholds = {name: bundle.card.operating_points["youden"].threshold for name, bundle in bundles.items()}
    counts = {name: track_record.counts(name, "test", at) for name, at in thresholds.items()}
    shares = {
        name: (f"{100 * found.sensitivity:.1f}\u00a0%", f"{100 * (1 - found.specificity):.1f}\u00a0%")
        for name, found in counts.items()
    }
    assert reading_sentences.reached_line(thresholds, track_record, wording("en")) == (
        f"On test: A finds {shares['a'][0]}, false alarms {shares['a'][1]}; "
        f"B finds {shares['b'][0]}, false alarms {shares['b'][1]}."
    )
    assert reading_sentences.reached_line(thresholds, read_track_record({}), wording("en")) == ""


def test_one_network_has_nobody_to_agree_with(read):
    readings, track_record = read
    words = wording("en")
    assert reading_sentences.agreement_lines({"a": readings["a"]}, track_record, words) == (
        "",
        words("compare.one_network"),
    )


def test_why_a_network_is_missing_is_said(tmp_path):
    words = wording("en")
    loaded = LoadedModels(tmp_path / "models", {}, {"b": "b/model.onnx: damaged"})
    assert "pneumoscope train a" in reading_sentences.why_missing("a", loaded, words)
    assert "b/model.onnx: damaged" in reading_sentences.why_missing("b", loaded, words)
