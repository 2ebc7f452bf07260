"""What is counted for Prometheus: readings by network and outcome, films, answers, the queue, memory."""

import pytest

pytest.importorskip("prometheus_client", reason="prometheus-client is not installed here")

import numpy as np
from prometheus_client.parser import text_string_to_metric_families

from demo.inference.classifier import ReadingError
from demo.inference.compare import compare_film, read_case
from demo.inference.networks import load_models
from demo.page.monitoring.answers import Answer
from demo.page.monitoring.metrics import Metrics


def figures(metrics, waiting=0, running=0):
    """Sample → value, as Prometheus reads the page; a sample is its name and its labels' values in their order."""
    families = text_string_to_metric_families(metrics.page(waiting, running).decode())
    return {(sample.name, *sample.labels.values()): sample.value for family in families for sample in family.samples}


def test_readings_are_counted_and_stay_as_they_are(models, write_film, tmp_path):
    metrics = Metrics()
    plain = load_models(models)
    counted = metrics.count_films(plain)
    film = write_film(tmp_path / "film.png", grey=200)
    reading = compare_film(film, counted.classifiers, read_film=counted.read_film)
    expected = compare_film(film, plain.classifiers)
    for network in ("a", "b"):
        assert reading["readings"][network] | {"milliseconds": 0} == expected["readings"][network] | {"milliseconds": 0}
    compare_film(tmp_path / "absent.png", counted.classifiers, read_film=counted.read_film)
    found = figures(metrics)
    assert found["pneumoscope_readings_total", "a", "positive"] == 1  # a calls bright films ill
    assert found["pneumoscope_readings_total", "b", "negative"] == 1  # b very bright ones alone
    assert found["pneumoscope_reading_seconds_count", "a"] == 1
    assert found["pneumoscope_films_total", "read"] == 1
    assert found["pneumoscope_films_total", "unreadable"] == 1


def test_a_reading_that_fails_is_counted(tmp_path, tiny_bundle):
    tiny_bundle(tmp_path, "a", {"bias": float("nan")})
    metrics = Metrics()
    counted = metrics.count_films(load_models(tmp_path))
    with pytest.raises(ReadingError):
        read_case("film", counted.classifiers, read_film=lambda _: (np.zeros((9, 9), np.uint8), ()))
    assert figures(metrics)["pneumoscope_readings_total", "a", "failed"] == 1


def test_answers_refusals_the_queue_and_memory():
    metrics = Metrics()
    for status in (200, 200, 404, 503, 500):
        metrics.count_answer(Answer("GET", "/", status, 1, 0.1))
    found = figures(metrics, waiting=3, running=2)
    assert found["pneumoscope_answers_total", "GET", "/", "200"] == 2
    refused = {key[1]: value for key, value in found.items() if key[0] == "pneumoscope_refused_requests_total"}
    assert refused == {"404": 1, "503": 1}
    assert (found["pneumoscope_queue_waiting",], found["pneumoscope_queue_running",]) == (3, 2)
    assert found["process_resident_memory_bytes",] > 1e6
