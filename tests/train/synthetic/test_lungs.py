"""The lungs are found on films whose lungs are known, wherever a film shows them."""

import cv2
import numpy as np
import pytest

from train.common.errors import PneumoscopeError
from train.radiograph import PrepareSpec, prepare
from train.radiograph.preparing import centre_window
from train.synthetic import phantom as phantom_film
from train.synthetic.lungs import fit_lungs, lungs_as_prepared, lungs_of

SIDE = 128


def phantom(number, label=0):
    anatomy, film = (np.random.default_rng([number, part]) for part in range(2))
    return phantom_film.draw_phantom(anatomy, film, label, False, SIDE)


@pytest.fixture(scope="module")
def template():
    return fit_lungs(np.stack([phantom(number) for number in range(40)]))


def drawn_lungs(number):
    """The mean lungs of a phantom before pose, bool [SIDE, SIDE]: outlines that the drawing itself uses."""
    anatomy = phantom_film._draw_anatomy(np.random.default_rng([number, 0]))
    outlines = [phantom_film._lung_outline(anatomy, sign) for sign in (-1, 1)]
    return np.maximum(*(phantom_film._soft_polygon(outline, SIDE, blur=0.005) for outline in outlines)) > 0.5


def overlap(one, other):
    return np.logical_and(one, other).sum() / np.logical_or(one, other).sum()


def test_the_lungs_of_other_phantoms_are_found_ill_ones_too(template):
    for number in range(100, 108):
        for label in (0, 1):
            lungs = lungs_of(phantom(number, label), template)
            assert (lungs.dtype, lungs.shape) == (bool, (SIDE, SIDE))
            # A film's pose differs from the drawing by a few per cent; the heart and the dome belong to the field.
            assert overlap(lungs, drawn_lungs(number)) > 0.6
            assert np.logical_and(lungs, drawn_lungs(number)).sum() > 0.8 * drawn_lungs(number).sum()


def test_they_follow_the_film(template):
    film = phantom(200)
    matrix = np.float32([[1, 0, 7], [0, 1, -5]])
    moved = cv2.warpAffine(film, matrix, (SIDE, SIDE), borderMode=cv2.BORDER_REPLICATE)
    before = cv2.warpAffine(lungs_of(film, template).astype(np.uint8), matrix, (SIDE, SIDE)) > 0
    assert overlap(lungs_of(moved, template), before) > 0.85


def test_a_film_of_another_size_has_the_same_lungs(template):
    film = phantom(201)
    small = cv2.resize(film, (64, 64), interpolation=cv2.INTER_AREA)
    enlarged = cv2.resize(lungs_of(small, template).astype(np.uint8), (SIDE, SIDE)) > 0
    assert overlap(enlarged, lungs_of(film, template)) > 0.85


def test_the_lungs_of_a_films_centre_are_the_films_own(template):
    share = 0.7
    for number in (202, 203):
        film = phantom(number)
        spec = PrepareSpec(SIDE, contrast="equalise", centre_crop=share)
        part = lungs_of(film, template)[centre_window(film.shape, share)]
        expected = cv2.resize(part.astype(np.float32), (SIDE, SIDE)) >= 0.5
        assert overlap(lungs_as_prepared(film, template, spec), expected) > 0.97
        assert overlap(lungs_of(prepare(film, spec), template), expected) < 0.9  # sought on the centre


def test_the_lungs_of_an_oblong_film_stand_where_the_film_does(template):
    film = cv2.resize(phantom(204), (SIDE, SIDE // 2), interpolation=cv2.INTER_AREA)
    lungs = lungs_as_prepared(film, template, PrepareSpec(SIDE, resize="letterbox"))
    assert not lungs[: SIDE // 4].any()
    assert not lungs[-SIDE // 4 :].any()
    whole = lungs_as_prepared(film, template, PrepareSpec(SIDE))
    assert overlap(cv2.resize(lungs[SIDE // 4 : -SIDE // 4].astype(np.float32), (SIDE, SIDE)) >= 0.5, whole) > 0.95


def test_a_film_that_shows_nothing_has_some_lungs_and_does_not_fail(template):
    assert lungs_of(np.zeros((SIDE, SIDE), np.uint8), template).mean() > 0.1


@pytest.mark.parametrize(
    ("films", "words"),
    [
        (np.zeros((3, 64, 64), np.uint8), "3 healthy training films: expected at least 8"),
        (np.zeros((20, 64, 64), np.uint8), "no lungs are told"),
        (np.random.default_rng(0).integers(0, 256, (20, 64, 64)).astype(np.uint8), "no lungs are told"),
    ],
)
def test_films_without_lungs_are_refused(films, words):
    with pytest.raises(PneumoscopeError, match=words):
        fit_lungs(films)
