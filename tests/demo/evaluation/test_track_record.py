from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo.evaluation.track_record import read_track_record
from export.bundle import default_models_folder, find_bundles
from export.bundle.comparison import read_comparison
from export.bundle.metric import Metric
from export.bundle.scores import read_bundle_scores
from train.metrics.intervals import wilson_interval

HEADER = "film,patient,split,label,logit\n"


def scores_csv(rows):
    return (HEADER + "".join(f"f{i}.png,p{i},{split},{label},{logit}\n" for i, (split, label, logit) in rows)).encode()


@pytest.fixture(scope="module")
def bundles_of(tmp_path_factory, tiny_bundle):
    """Two bundles with these (split, label, logit) rows each."""

    def write(a, b, **changes):
        folder = tmp_path_factory.mktemp("models")
        tiny_bundle(folder, "a", scores=scores_csv(enumerate(a)))
        tiny_bundle(folder, "b", scores=scores_csv(enumerate(b)), **changes)
        return find_bundles(folder)

    return write


# Temperature 2: logits of ±4 are probabilities of 0.88 and 0.12.
ILL, WELL = 4.0, -4.0
TRUTH = [("validation", 1), ("validation", 1), ("validation", 0), ("validation", 0), ("test", 1)]
A = [(*film, logit) for film, logit in zip(TRUTH, (ILL, WELL, ILL, WELL, ILL), strict=True)]
B = [(*film, logit) for film, logit in zip(TRUTH, (ILL, ILL, WELL, WELL, WELL), strict=True)]
HALF = {"a": 0.5, "b": 0.5}


def test_stored_scores_are_on_the_scale_of_the_thresholds(bundles_of):
    scored = read_bundle_scores(bundles_of(A, B)["a"])["validation"]
    assert scored.labels.tolist() == [1, 1, 0, 0]
    assert scored.probabilities == pytest.approx([0.8808, 0.1192, 0.8808, 0.1192], abs=1e-4)


@pytest.mark.parametrize(
    ("verdicts", "films", "pneumonia"),
    [
        ({"a": True, "b": True}, 1, 1),
        ({"a": False, "b": True}, 1, 1),
        ({"a": True, "b": False}, 1, 0),
        ({"a": False, "b": False}, 1, 0),
    ],
)
def test_a_pair_of_verdicts_is_looked_up_among_films_of_test_and_of_validation(bundles_of, verdicts, films, pneumonia):
    test, record = read_track_record(bundles_of(A, B)).pairs(HALF, verdicts)
    assert (record.split, record.films, record.pneumonia, record.of_films) == ("validation", films, pneumonia, 4)
    split_so = int(verdicts == {"a": True, "b": False})  # the one test film
    assert (test.split, test.films, test.pneumonia, test.of_films) == ("test", split_so, split_so, 1)


def test_without_test_films_validation_alone_is_quoted(bundles_of):
    validation = slice(0, 4)
    track_record = read_track_record(bundles_of(A[validation], B[validation]))
    assert [record.split for record in track_record.pairs(HALF, {"a": True, "b": True})] == ["validation"]
    assert [record.split for record in track_record.rates("a", 0.5)] == ["validation"]
    assert [found.split for found in track_record.alike("a", 0.9)] == ["validation"]


def test_a_network_is_judged_on_each_split_at_the_threshold(bundles_of):
    track_record = read_track_record(bundles_of(A, B))
    counts = track_record.counts("a", "validation", 0.5)
    assert (counts.sensitivity, counts.specificity) == (0.5, 0.5)
    assert track_record.counts("a", "test", 0.5).tp == 1
    assert track_record.counts("b", "test", 0.5).fn == 1


def test_films_of_another_split_are_not_compared(bundles_of):
    both = {"a": True, "b": True}
    assert read_track_record(bundles_of(A, B, split_fingerprint="1" * 64)).pairs(HALF, both) == ()
    only_test = read_track_record(bundles_of(A, [A[0], *B[2:]])).pairs(HALF, both)
    assert [record.split for record in only_test] == []


def test_scores_that_cannot_be_read_count_as_not_there(models, tiny_bundle, tmp_path):
    tiny_bundle(tmp_path, "a", scores=b"\xff\xfe")
    track_record = read_track_record(find_bundles(tmp_path))
    assert track_record.counts("a", "validation", 0.5) is None
    assert track_record.rates("a", 0.5) == track_record.alike("a", 0.5) == ()
    assert track_record.pairs(HALF, {"a": True, "b": True}) == ()
    assert read_track_record({}).pairs(HALF, {}) == ()


@given(st.floats(0.01, 0.99), st.floats(0.01, 0.99), st.sampled_from([0, 1]))
def test_the_four_pairs_cover_every_film_once(a, b, place):
    track_record = shipped_evidence()
    pairs = [(x, y) for x in (True, False) for y in (True, False)]
    records = [track_record.pairs({"a": a, "b": b}, {"a": x, "b": y})[place] for x, y in pairs]
    assert {record.split for record in records} == {("test", "validation")[place]}
    assert sum(record.films for record in records) == records[0].of_films
    labels = track_record.scores["a"][records[0].split].labels
    assert sum(record.pneumonia for record in records) == labels.sum()


def test_the_shipped_networks_are_quoted_on_test_as_their_comparison_counts_it():
    track_record, bundles = shipped_evidence(), find_bundles(default_models_folder())
    thresholds = {name: bundle.card.operating_points["youden"].threshold for name, bundle in bundles.items()}
    counted = read_comparison(bundles).test.operating_points["youden"].agreement
    both, split = (track_record.pairs(thresholds, {"a": True, "b": b})[0] for b in (True, False))
    assert (both.split, both.films, split.films) == ("test", counted.both_positive, counted.only_first_positive)


def test_rates_have_the_cards_intervals_over_patients_where_it_has_them():
    card = find_bundles(default_models_folder())["a"].card
    test, validation = shipped_evidence().rates("a", card.operating_points["f1"].threshold)
    assert (test.split, validation.split) == ("test", "validation")
    measured = card.operating_points["f1"].model_extra["test"]["specificity"]
    assert test.specificity == Metric(measured["value"], measured["low"], measured["high"])
    alarms = test.false_alarms
    assert (alarms.value, alarms.low, alarms.high) == pytest.approx(
        (1 - measured["value"], 1 - measured["high"], 1 - measured["low"])
    )
    assert alarms.value == pytest.approx(test.counts.fp / 234)
    elsewhere = shipped_evidence().rates("a", 0.123)[0]
    wilson = wilson_interval(elsewhere.counts.tp, 390)
    assert elsewhere.sensitivity == Metric(wilson.value, wilson.low, wilson.high)


@cache  # read once for all examples, for which hypothesis does not make fixtures anew
def shipped_evidence():
    return read_track_record(find_bundles(default_models_folder()))
