"""What is said of readings, as plain text: page and window both say it."""

from dataclasses import replace

import pytest

from demo.evaluation.track_record import PairRecord, TrackRecord, read_track_record
from demo.inference.compare import read_case
from demo.inference.networks import LoadedModels, load_models
from demo.language import reading_sentences
from demo.language.catalogue import LANGUAGES, wording


@pytest.fixture
def read(models, write_film, tmp_path):
    loaded = load_models(models, "cpu")
    case = read_case(write_film(tmp_path / "film.png", 190), loaded.classifiers)
    return {reading.network: reading for reading in case.readings}, read_track_record(loaded.bundles)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("a", "b", "record", "line", "remark", "counts"),
    [
        (True, True, PairRecord(10, 9, 20), "agree", "pair_right", {"films": 10, "right": 9}),
        (False, False, PairRecord(10, 1, 20), "agree", "pair_right", {"films": 10, "right": 9}),
        (True, False, PairRecord(5, 2, 20), "disagree", "pair_split", {"films": 5, "of_films": 20, "a": 2, "b": 3}),
        (False, True, PairRecord(0, 0, 20), "disagree", "pair_never", {"of_films": 20}),
        (True, True, None, "agree", None, {}),
    ],
)
def test_agreement_is_said_with_its_record(read, monkeypatch, language, a, b, record, line, remark, counts):
    readings, track_record = read
    words = wording(language)
    evaluated = {name: replace(readings[name], positive=positive) for name, positive in (("a", a), ("b", b))}
    monkeypatch.setattr(TrackRecord, "pair", lambda *_: record)
    expected = words(f"compare.{remark}", **counts) if remark else ""
    assert reading_sentences.agreement_lines(evaluated, track_record, words) == (words(f"compare.{line}"), expected)


def test_a_refused_film_agrees_with_nobody_even_when_its_verdict_was_forced(read):
    readings, track_record = read
    words = wording("en")
    forced = readings | {"a": replace(readings["a"], refused=True, positive=True)}
    assert reading_sentences.agreement_lines(forced, track_record, words) == ("", words("compare.refused"))


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
