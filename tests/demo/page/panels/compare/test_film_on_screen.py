import gc

import cv2
import numpy as np
import pytest

from demo.inference.images import SIDE_ON_SCREEN
from demo.page.panels.compare import film_on_screen as module
from demo.page.panels.compare.film_on_screen import detail_of, film_on_screen

LARGE = np.tile(np.arange(2000, dtype=np.uint8), (1700, 1))
SOURCE = cv2.imencode(".png", np.zeros((4, 4), np.uint8))[1].tobytes()


@pytest.fixture(autouse=True)
def nothing_kept():
    module._kept.clear()


def test_a_large_film_waits_at_its_full_size():
    film = film_on_screen("ward.dcm", LARGE, SOURCE)
    assert (film.name, film.width, film.height, film.bits) == ("ward.dcm", 2000, 1700, 8)
    jpeg = detail_of(film, film.token)
    assert cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_UNCHANGED).shape == LARGE.shape


def test_a_film_no_larger_than_the_screen_has_no_more_to_show():
    film = film_on_screen("", np.zeros((SIDE_ON_SCREEN, 9), np.uint8), SOURCE)
    assert film.detail is None
    assert detail_of(film, film.token) is None


@pytest.mark.parametrize("token", [None, "", 1, "0123456789abcdef", {"token": 1}])
def test_only_who_names_the_film_gets_its_detail(token):
    assert detail_of(film_on_screen("", LARGE, SOURCE), token) is None
    assert detail_of(None, token) is None


def test_two_openings_of_a_film_are_two():
    assert film_on_screen("", LARGE, SOURCE).token != film_on_screen("", LARGE, SOURCE).token


def test_memory_is_bounded_and_the_oldest_give_way(monkeypatch):
    first = film_on_screen("", LARGE, SOURCE)
    size = len(first.detail.jpeg)
    monkeypatch.setattr(module, "MOST_DETAIL_BYTES", 2.5 * size)
    second, third = film_on_screen("", LARGE, SOURCE), film_on_screen("", LARGE, SOURCE)
    assert first.detail.jpeg is None
    assert detail_of(first, first.token) is None
    assert detail_of(second, second.token)
    assert detail_of(third, third.token)


def test_a_film_that_is_gone_takes_its_detail_along(monkeypatch):
    kept = film_on_screen("", LARGE, SOURCE)
    monkeypatch.setattr(module, "MOST_DETAIL_BYTES", 2.5 * len(kept.detail.jpeg))
    for _ in range(5):
        film_on_screen("", LARGE, SOURCE)
        gc.collect()
    assert detail_of(kept, kept.token)
