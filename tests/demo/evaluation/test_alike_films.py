"""What a probability was worth: the films nearest to it, counted."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo.evaluation.alike_films import DOTS, FEWEST, AlikeFilms, alike_films
from export.bundle.scores import BundleScores

FILMS = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=200)


def scores_of(films):
    probabilities, labels = zip(*films, strict=True)
    names = tuple(f"{place}.png" for place in range(len(films)))
    return BundleScores(names, np.array(labels, dtype=np.int64), np.array(probabilities, dtype=np.float64))


@given(FILMS, st.floats(0, 1))
def test_the_bin_is_the_narrowest_that_holds_twenty(films, probability):
    found = alike_films(scores_of(films), "test", probability)
    distances = sorted(abs(given - probability) for given, _ in films)
    reach = distances[min(FEWEST, len(films)) - 1]
    inside = [film for film in films if abs(film[0] - probability) <= reach]
    assert found.films == len(inside) >= min(FEWEST, len(films))
    # Any narrower bin holds fewer.
    assert sum(distance < reach for distance in distances) < FEWEST
    assert found.pneumonia == sum(is_ill for _, is_ill in inside)
    assert (found.lowest, found.highest) == (min(inside)[0], max(inside)[0])
    assert max(abs(found.lowest - probability), abs(found.highest - probability)) == reach


@given(st.integers(1, 2000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_dots_are_the_share_and_never_claim_all_or_none_falsely(counts):
    pneumonia, films = counts
    found = AlikeFilms("test", films, pneumonia, 0.1, 0.2)
    assert 0 <= found.dots <= DOTS
    assert (found.dots == DOTS) == (pneumonia == films)
    assert (found.dots == 0) == (pneumonia == 0)
    assert abs(found.dots - DOTS * pneumonia / films) <= 1
    assert found.share.low <= found.share.value <= found.share.high


def test_with_twenty_films_each_dot_is_one():
    films = [(0.5 + place / 1000, place % 4 == 0) for place in range(60)]
    found = alike_films(scores_of(films), "test", 0.5)
    assert (found.films, found.pneumonia, found.dots) == (20, 5, 5)
    assert (found.lowest, found.highest) == (0.5, pytest.approx(0.519))


def test_without_films_there_is_nothing_to_count():
    nothing = BundleScores((), np.zeros(0, np.int64), np.zeros(0))
    assert alike_films(nothing, "test", 0.5) is None
