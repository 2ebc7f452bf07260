import itertools
import json
import math
from dataclasses import replace
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from demo.inference import classifier, compare
from demo.inference.classifier import load_classifier
from demo.inference.compare import compare_film
from demo.predict.results import json_line
from export.bundle import find_bundles
from train.common.errors import UsageError
from train.radiograph import read_with_warnings


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
    keys = ["probability", "threshold", "operating_point", "positive", "refused", "novelty"]
    keys += ["novelty_limit", "milliseconds"]
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
    assert found["readings"]["a"]["novelty_limit"] == 0.1
    assert found["agree"] is None


def test_a_novelty_that_is_no_number_is_null_in_json_and_refused(tmp_path, tiny_bundle, write_film):
    tiny_bundle(tmp_path, "a", {"novelty": True}, novelty_limit=0.1)
    (bundle,) = find_bundles(tmp_path).values()
    seen = []
    path = write_film(tmp_path / "film.png", 255)
    compare_film(path, {"a": load_classifier(bundle, "cpu", 1)}, on_case=lambda _path, case: seen.append(case))
    (reading,) = seen[0].readings
    for novelty in (math.nan, math.inf):
        strange = replace(seen[0], readings=(replace(reading, novelty=novelty, refused=True),))
        found = json.loads(json_line(strange.as_comparison(path)))["readings"]["a"]
        assert (found["novelty"], found["refused"]) == (None, True)


def test_a_forced_verdict_is_given_but_agrees_with_nobody(tmp_path, tiny_bundle, write_film):
    tiny_bundle(tmp_path, "a", {"novelty": True}, novelty_limit=0.1)
    tiny_bundle(tmp_path, "b")
    both = {network: load_classifier(bundle, "cpu", 1) for network, bundle in find_bundles(tmp_path).items()}
    seen = []
    path = write_film(tmp_path / "film.png", 255)
    found = compare_film(path, both, force=True, on_case=lambda name, case: seen.append((name, case.film.max())))
    assert (found["readings"]["a"]["refused"], found["readings"]["a"]["positive"]) == (True, True)
    assert found["readings"]["b"]["positive"] is True
    assert found["agree"] is None
    assert seen == [(str(path), 255)]


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


def test_an_unforeseen_error_is_kept_short_and_quotes_nothing(tmp_path, classifiers):
    def explode(source):
        raise RuntimeError("Doe^Jane 1970")

    error = compare_film(tmp_path / "film.dcm", classifiers, read_film=explode)["error"]
    assert "RuntimeError" in error
    assert "Doe" not in error


def test_wrong_use_is_no_fault_of_the_film(tmp_path, classifiers):
    with pytest.raises(UsageError):
        compare_film(tmp_path / "film.png", classifiers, "best")


@pytest.mark.parametrize(("size_of_b", "prepared"), [(8, 1), (16, 2)])
def test_a_film_is_decoded_once_and_prepared_once_for_networks_that_want_it_alike(
    tmp_path, tiny_bundle, write_film, monkeypatch, size_of_b, prepared
):
    tiny_bundle(tmp_path, "a")
    tiny_bundle(tmp_path, "b", {"shape": ("N", size_of_b, size_of_b, 1)}, prepare={"image_size": size_of_b})
    both = {network: load_classifier(bundle, "cpu", 1) for network, bundle in find_bundles(tmp_path).items()}
    calls = []

    def counted(name, function):
        return lambda *arguments: calls.append(name) or function(*arguments)

    decode = counted("decode", read_with_warnings)
    monkeypatch.setattr(classifier, "prepare", counted("prepare", classifier.prepare))
    found = compare_film(write_film(tmp_path / "film.png", 200), both, read_film=decode)
    assert list(found["readings"]) == ["a", "b"]
    assert (calls.count("decode"), calls.count("prepare")) == (1, prepared)


def test_milliseconds_are_preparing_and_running_for_each_network(tmp_path, classifiers, write_film, monkeypatch):
    clock = itertools.count()  # a second passes from each look at it to the next
    monkeypatch.setattr(compare, "time", SimpleNamespace(perf_counter=lambda: next(clock)))
    monkeypatch.setattr(classifier, "time", SimpleNamespace(perf_counter=lambda: next(clock)))
    found = compare_film(write_film(tmp_path / "film.png"), classifiers)
    assert [reading["milliseconds"] for reading in found["readings"].values()] == [2000, 2000]


def test_bytes_are_read_under_the_name_given(tmp_path, classifiers, write_film):
    data = write_film(tmp_path / "film.png", 255).read_bytes()
    found = compare_film("-", classifiers, data=data)
    assert (found["path"], found["error"]) == ("-", None)
    assert found["readings"]["b"]["positive"] is True
    assert compare_film("-", classifiers, data=b"")["error"]


def test_what_is_unusual_about_a_film_is_told(tmp_path, classifiers, write_film):
    told = []
    path = tmp_path / "pages.tif"
    assert cv2.imwritemulti(str(path), [np.full((9, 9), 200, np.uint8)] * 3)
    assert compare_film(path, classifiers, on_warning=told.append)["error"] is None
    assert len(told) == 1
    assert "3" in told[0]
    compare_film(write_film(tmp_path / "film.png"), classifiers, on_warning=told.append)
    assert len(told) == 1
