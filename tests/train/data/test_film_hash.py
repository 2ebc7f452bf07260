"""Films that occur twice are found whatever a copy went through; films of different patients are not."""

import cv2
import numpy as np
import pytest

from train.data.cohort import index_cohort
from train.data.film_hash import LIMIT, closest_apart, film_hashes, first_of_group, repeats
from train.data.prepared_films import prepare_films
from train.radiograph import PrepareSpec


def jpeg(film):
    return cv2.imdecode(cv2.imencode(".jpg", film, [cv2.IMWRITE_JPEG_QUALITY, 50])[1], cv2.IMREAD_GRAYSCALE)


def smaller_and_back(film):
    side = len(film)
    small = cv2.resize(film, (side * 5 // 8, side * 5 // 8), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (side, side), interpolation=cv2.INTER_CUBIC)


def re_exposed(film):
    return np.clip(film * 0.9 + 10, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def films(phantom_root):
    rows = index_cohort(phantom_root).films[:60]
    return prepare_films(phantom_root, rows, PrepareSpec(224)).images


@pytest.mark.parametrize("copy", [np.copy, jpeg, smaller_and_back, re_exposed])
def test_a_copy_is_found_and_the_first_is_kept(films, copy):
    marked = repeats(film_hashes(np.stack([*films[:20], *(copy(film) for film in films[:20])])))
    assert not marked[:20].any()
    assert marked[20:].all()


def test_other_films_are_no_copies(films):
    assert not repeats(film_hashes(films)).any()


def test_of_a_group_one_film_is_kept():
    bits = np.zeros((5, 256), dtype=bool)
    bits[1, : LIMIT + 1] = True  # too far from the first
    bits[2, : LIMIT // 2] = True  # near to both: they are one group through it
    bits[3] = True
    bits[4] = True
    assert repeats(bits).tolist() == [False, True, True, False, True]
    assert repeats(bits[:2]).tolist() == [False, False]
    assert repeats(bits[:0]).size == 0


def test_groups_and_what_lies_between_them():
    bits = np.zeros((4, 256), dtype=bool)
    bits[1, :100] = bits[3, : 100 - LIMIT] = True
    first = first_of_group(bits)
    assert first.tolist() == [0, 1, 0, 1]
    assert closest_apart(bits, first) == 100 - LIMIT
    assert closest_apart(bits[[0, 2]], first_of_group(bits[[0, 2]])) is None
    assert closest_apart(bits[:0], first[:0]) is None


def test_blocks_make_no_difference(monkeypatch):
    rng = np.random.default_rng(0)
    bits = rng.random((40, 256)) < 0.5
    bits[[30, 35]] = bits[[2, 9]]
    expected = np.isin(np.arange(40), [30, 35])
    assert np.array_equal(repeats(bits), expected)
    closest = closest_apart(bits, first_of_group(bits))
    monkeypatch.setattr("train.data.film_hash._BLOCK", 7)
    assert np.array_equal(repeats(bits), expected)
    assert closest_apart(bits, first_of_group(bits)) == closest > LIMIT


@pytest.mark.real_data
def test_real_films_of_different_patients_are_told_apart(data_root):
    rows = [film for film in index_cohort(data_root).films if film.split != "test"][::9]
    hashes = film_hashes(prepare_films(data_root, rows, PrepareSpec(224)).images)
    signs = np.where(hashes, 1.0, -1.0)
    distance = (256 - signs @ signs.T) / 2
    patients = np.array([film.patient for film in rows])
    others = distance[(patients[:, None] != patients[None, :])]
    assert others.min() > 1.5 * LIMIT
