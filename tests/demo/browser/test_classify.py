"""The browser reads films as `predict` does: probability, threshold, refusal, heatmap, agreement."""

import json

import cv2
import numpy as np
import pytest

from demo.inference.compare import read_case, unreliable_beside
from demo.inference.networks import load_models
from export.bundle import default_models_folder

from .film_files import difference

pytestmark = pytest.mark.slow

NEAR = 1e-5  # of a probability and of a heatmap's value
NEAR_NOVELTY = 0.02  # a distance in 2,048 dimensions; the limit is about 1


@pytest.fixture(scope="module")
def both(film_page):
    """The page with the shipped networks."""
    assert film_page.load("a", "b") == {"cards": ["a", "b"], "faults": {}}
    return film_page


@pytest.fixture(scope="module")
def classifiers():
    return load_models().classifiers


def differing(page, classifiers, paths):
    """Which films the browser reads otherwise than Python, or refuses in other words, and how."""
    faults = {}
    for path in paths:
        answer = page.read(path.read_bytes())
        if answer["error"] is not None:
            fault = difference(path.read_bytes(), answer)
            faults |= {path.name: fault} if fault else {}
            continue
        case = read_case(path, classifiers)
        expected = case.as_comparison(path)
        if answer["agree"] != expected["agree"] or not np.array_equal(answer["pixels"], case.film):
            faults[path.name] = "film or agreement"
        for reading, known in zip(answer["readings"], case.readings, strict=True):
            same = all(
                reading[ours] == getattr(known, theirs)
                for ours, theirs in (
                    ("network", "network"),
                    ("positive", "positive"),
                    ("refused", "refused"),
                    ("threshold", "threshold"),
                    ("operatingPoint", "operating_point"),
                    ("noveltyLimit", "novelty_limit"),
                )
            )
            heatmap = np.reshape(reading["heatmap"]["values"], (reading["heatmap"]["height"], -1))
            far = max(abs(reading["probability"] - known.probability), np.abs(heatmap - known.heatmap).max())
            if not same or far > NEAR or abs(reading["novelty"] - known.novelty) > NEAR_NOVELTY:
                faults[path.name] = (reading, known)
    return faults


def examples():
    return sorted((default_models_folder().parent / "examples").glob("*.png"))


def test_the_examples_are_read_as_predict_reads_them(both, classifiers):
    assert len(examples()) == 8
    assert differing(both, classifiers, examples()) == {}


@pytest.mark.real_data
def test_films_as_published_are_read_as_predict_reads_them(both, classifiers, data_root):
    films = sorted((data_root / "native").glob("*/*.jpeg"))
    assert len(films) == 40
    assert differing(both, classifiers, films) == {}


@pytest.mark.real_data
def test_dicom_films_are_read_as_predict_reads_them(both, classifiers, data_root):
    films = sorted((data_root / "dicom").glob("*.dcm"))
    assert differing(both, classifiers, films) == {}


def test_a_picture_that_is_no_film_is_refused_by_whom_python_says(both, classifiers, tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (300, 300), np.uint8)
    film = tmp_path / "noise.png"
    film.write_bytes(cv2.imencode(".png", noise)[1].tobytes())
    case = read_case(film, classifiers)
    answer = both.read(film.read_bytes())
    assert any(reading.refused for reading in case.readings)
    assert [reading["refused"] for reading in answer["readings"]] == [reading.refused for reading in case.readings]
    assert answer["agree"] is None
    assert answer["unreliable"] == unreliable_beside({reading.network: reading.refused for reading in case.readings})


def test_a_film_at_another_operating_point_and_both_averaged(both, classifiers):
    film = examples()[0]
    reading = both.read(film.read_bytes())["readings"]
    cards = {name: json.loads((default_models_folder() / name / "card.json").read_text()) for name in ("a", "b")}
    script = """async ([readings, cards]) => {
        const { decide } = await import("./classify.js");
        const { averagedReading } = await import("./compare.js");
        const decided = readings.map((reading) => decide(reading, cards[reading.network], "specificity_95"));
        return [decided, averagedReading(decided, { specificity_95: 0.5 })];
    }"""
    decided, averaged = both.page.evaluate(script, [reading, cards])
    case = read_case(film, classifiers, "specificity_95")
    assert [one["threshold"] for one in decided] == [one.threshold for one in case.readings]
    assert [one["positive"] for one in decided] == [one.positive for one in case.readings]
    shares = [1 / (1 + np.exp(-one.logit)) for one in case.readings]
    assert averaged["probability"] == pytest.approx(np.mean(shares), abs=NEAR)
    assert averaged["threshold"] == 0.5
