"""Films counted and looked up piece by piece are those counted and looked up at once, in little memory."""

import tracemalloc

import numpy as np
import pytest

from train.radiograph.greys.greyscale import to_8_bits
from train.radiograph.greys.pixel_values import count_values, look_up


@pytest.mark.parametrize("dtype", [np.uint16, np.int16, np.uint8, np.int8])
@pytest.mark.parametrize("shape", [(1, 1), (1_500, 900), (3_000_000, 1), (1, 3_000_000)])
def test_in_pieces_as_at_once(dtype, shape):
    bounds = np.iinfo(dtype)
    film = np.random.default_rng(0).integers(bounds.min, bounds.max, shape, dtype, endpoint=True)
    number = 1 << bounds.bits
    places = film.astype(np.int64) - bounds.min
    np.testing.assert_array_equal(count_values(film, bounds.min, number), np.bincount(places.ravel(), minlength=number))
    for turned in (film, film.T):
        if bounds.min == 0:
            table = np.arange(number)[::-1].astype(np.uint8)
            np.testing.assert_array_equal(look_up(table, turned), table[turned])


def test_a_deep_film_takes_little_more_than_its_greys():
    film = np.random.default_rng(0).integers(0, 4096, (3_000, 4_000), np.uint16)
    tracemalloc.start()
    try:
        to_8_bits(film)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 3 * film.size  # it was eight times that
