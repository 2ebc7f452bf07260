import json

import pytest

from demo import compare
from demo.classifier import load_classifier
from demo.compare import compare_film
from export.bundle import find_bundles
from train.errors import UsageError


@pytest.fixture
def classifiers(models):
    return {network: load_classifier(bundle, "cpu", 1) for network, bundle in find_bundles(models).items()}


def test_the_object_of_the_design(tmp_path, classifiers, write_film):
    path = write_film(tmp_path / "film.png", 200)
    found = compare_film(path, classifiers)
    assert list(found) == ["path", "readings", "agree", "error"]
    assert found["path"] == str(path)
    assert found["error"] is None
    assert list(found["readings"]) == ["a", "b"]
    keys = ["probability", "threshold", "operating_point", "positive", "refused", "novelty", "milliseconds"]
    for reading in found["readings"].values():
        assert list(reading) == keys
        assert reading["operating_point"] == "youden"
        assert (reading["refused"], reading["novelty"]) == (False, None)
    assert json.loads(json.dumps(found, allow_nan=False)) == found


@pytest.mark.parametrize(
    ("grey", "verdicts", "agree"), [(0, (False, False), True), (200, (True, False), False), (255, (True, True), True)]
)
def test_whether_they_agree(tmp_path, classifiers, write_film, grey, verdicts, agree):
    found = compare_film(write_film(tmp_path / "film.png", grey), classifiers)
    assert tuple(reading["positive"] for reading in found["readings"].values()) == verdicts
    assert found["agree"] is agree


def test_one_network_alone_agrees_with_nobody(tmp_path, classifiers, write_film):
    found = compare_film(write_film(tmp_path / "film.png"), {"b": classifiers["b"]})
    assert list(found["readings"]) == ["b"]
    assert found["agree"] is None


def test_a_refused_film_leaves_agreement_open(tmp_path, tiny_bundle, write_film):
    tiny_bundle(tmp_path, "a", {"novelty": True}, novelty_limit=0.1)
    tiny_bundle(tmp_path, "b")
    both = {network: load_classifier(bundle, "cpu", 1) for network, bundle in find_bundles(tmp_path).items()}
    found = compare_film(write_film(tmp_path / "film.png", 255), both)
    assert found["readings"]["a"]["refused"] is True
    assert found["readings"]["a"]["positive"] is None
    assert found["readings"]["a"]["novelty"] == 1.0
    assert found["agree"] is None


def test_numbers_have_no_more_digits_than_the_graph_gave(tmp_path, classifiers, write_film):
    reading = compare_film(write_film(tmp_path / "film.png", 33), classifiers)["readings"]["a"]
    assert len(str(reading["probability"])) <= 13


@pytest.mark.parametrize("data", [b"", b"plain text", b"\xff\xd8\xff\xe0 no more"])
def test_a_film_that_cannot_be_read_is_an_error_in_the_object(tmp_path, classifiers, data):
    path = tmp_path / "film.jpg"
    path.write_bytes(data)
    found = compare_film(path, classifiers)
    assert (found["readings"], found["agree"]) == ({}, None)
    assert found["error"]
    assert "\n" not in found["error"]


def test_an_unforeseen_error_is_kept_short_and_quotes_nothing(tmp_path, classifiers, monkeypatch):
    def explode(source):
        raise RuntimeError("Doe^Jane 1970")

    monkeypatch.setattr(compare, "read_radiograph", explode)
    error = compare_film(tmp_path / "film.dcm", classifiers)["error"]
    assert "RuntimeError" in error
    assert "Doe" not in error


def test_wrong_use_is_no_fault_of_the_film(tmp_path, classifiers):
    with pytest.raises(UsageError):
        compare_film(tmp_path / "film.png", classifiers, "best")
