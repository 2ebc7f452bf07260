from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo.evaluation.track_record import read_track_record
from export.bundle import default_models_folder, find_bundles
from export.bundle.scores import read_bundle_scores

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
def test_a_pair_of_verdicts_is_looked_up_among_validation_films(bundles_of, verdicts, films, pneumonia):
    record = read_track_record(bundles_of(A, B)).pair(HALF, verdicts)
    assert (record.films, record.pneumonia, record.of_films) == (films, pneumonia, 4)


def test_a_network_is_judged_on_each_split_at_the_threshold(bundles_of):
    track_record = read_track_record(bundles_of(A, B))
    counts = track_record.counts("a", "validation", 0.5)
    assert (counts.sensitivity, counts.specificity) == (0.5, 0.5)
    assert track_record.counts("a", "test", 0.5).tp == 1
    assert track_record.counts("b", "test", 0.5).fn == 1


def test_films_of_another_split_are_not_compared(bundles_of):
    assert read_track_record(bundles_of(A, B, split_fingerprint="1" * 64)).pair(HALF, {"a": True, "b": True}) is None
    assert read_track_record(bundles_of(A, B[1:])).pair(HALF, {"a": True, "b": True}) is None


def test_scores_that_cannot_be_read_count_as_not_there(models, tiny_bundle, tmp_path):
    tiny_bundle(tmp_path, "a", scores=b"\xff\xfe")
    track_record = read_track_record(find_bundles(tmp_path))
    assert track_record.counts("a", "validation", 0.5) is None
    assert track_record.pair(HALF, {"a": True, "b": True}) is None
    assert read_track_record({}).pair(HALF, {}) is None


@given(st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_the_four_pairs_cover_every_validation_film_once(a, b):
    track_record = shipped_evidence()
    records = [track_record.pair({"a": a, "b": b}, {"a": x, "b": y}) for x in (True, False) for y in (True, False)]
    assert sum(record.films for record in records) == records[0].of_films
    labels = track_record.scores["a"]["validation"].labels
    assert sum(record.pneumonia for record in records) == labels.sum()


@cache  # read once for all examples, for which hypothesis does not make fixtures anew
def shipped_evidence():
    return read_track_record(find_bundles(default_models_folder()))
