"""Size and exposure are measured as they are; effects say how far they tell groups apart."""

import cv2
import numpy as np
import pytest

from train.audit.measurements import EXPOSURE, QUANTITIES, Traits, cliffs_delta, describe, measure_film
from train.data.cohort import Film


def test_a_film_is_measured(tmp_path):
    film = np.full((40, 60), 100, np.uint8)
    film[:10], film[10:14] = 0, 255
    path = tmp_path / "film.png"
    path.write_bytes(cv2.imencode(".png", film)[1].tobytes())
    traits = measure_film(path)
    assert traits.quantities == {
        "width": 60,
        "height": 40,
        "aspect": 1.5,
        "bytes": path.stat().st_size,
        "mean": pytest.approx(film.mean()),
        "percentile_1": 0,
        "percentile_50": 100,
        "percentile_99": 255,
        "black_share": 0.25,
        "white_share": 0.1,
    }
    assert list(traits.quantities) == list(QUANTITIES)
    assert traits.signs.shape == (256,)
    assert len(traits.digest) == 64


def test_what_cannot_be_read_has_a_reason(tmp_path):
    (tmp_path / "empty.png").write_bytes(b"")
    assert "empty" in measure_film(tmp_path / "empty.png")
    assert "cannot be opened" in measure_film(tmp_path / "nowhere.png")


def test_cliffs_delta():
    assert cliffs_delta(np.array([3, 4]), np.array([1, 2])) == 1
    assert cliffs_delta(np.array([1, 2]), np.array([3, 4])) == -1
    assert cliffs_delta(np.array([1, 1]), np.array([1])) == 0
    assert cliffs_delta(np.array([1, 3]), np.array([2, 0])) == 0.5
    assert cliffs_delta(np.array([]), np.array([1])) is None


def test_groups_and_effects():
    levels = {("train", 0): (10, 20, 30), ("train", 1): (40, 50), ("validation", 1): (45,), ("test", 0): (1, 2)}
    films, traits = [], []
    for (split, label), means in levels.items():
        for mean in means:
            films.append(Film(f"{split}{label}{mean}", "p", label, split, "unknown"))
            traits.append(Traits("", np.zeros(256, bool), dict.fromkeys(EXPOSURE, mean)))
    found = describe(films, traits, ("mean",))["mean"]
    assert found["groups"]["train"]["normal"] == {
        "films": 3,
        "mean": 20,
        "percentile_5": 11,
        "median": 20,
        "percentile_95": 29,
    }
    assert list(found["groups"]) == ["train", "validation", "test"]
    assert set(found["groups"]["test"]) == {"normal"}
    assert found["pneumonia_against_normal"] == {"train": 1, "validation": None, "test": None}
    assert found["against_train"] == {
        "validation": {"normal": None, "pneumonia": 0},
        "test": {"normal": -1, "pneumonia": None},
    }
    assert describe([], [], ("mean",))["mean"] == {"groups": {}, "pneumonia_against_normal": {}, "against_train": {}}
