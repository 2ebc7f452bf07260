"""A handful of pixels changes no film; an ordinary film keeps its full range."""

import imagecodecs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from train.radiograph import FilmWarning, read_radiograph, read_with_warnings
from train.radiograph.greys.grey_range import robust_range, robust_range_of


def tissue(dtype=np.uint16, shape=(200, 150), seed=0):
    """A film of 12 bits with all greys, darker and brighter ones rarer."""
    values = np.random.default_rng(seed).normal(2000, 450, shape)
    return np.clip(values, 200, 3800).astype(dtype)


def png(film):
    return imagecodecs.png_encode(film)


def tiff(film):
    return imagecodecs.tiff_encode(film)


DEEP = [np.uint16, np.int16, np.uint32, np.int32, np.float32, np.float64]


class TestRobustRange:
    @given(
        values=st.lists(st.integers(0, 4000), min_size=40, max_size=400, unique=True),
        seed=st.integers(0, 100),
        dtype=st.sampled_from(DEEP),
    )
    @settings(max_examples=100, deadline=None)
    def test_counting_and_sorting_agree(self, values, seed, dtype):
        film = np.random.default_rng(seed).choice(np.array(values, np.int16), 3000).reshape(60, 50)
        exact = robust_range(*(part.astype(np.float64) for part in np.unique(film, return_counts=True)))
        assert robust_range_of(film.astype(dtype)) == exact

    @pytest.mark.parametrize("dtype", DEEP)
    def test_an_ordinary_film_keeps_its_range(self, dtype):
        film = tissue(dtype)
        assert robust_range_of(film) == (film.min(), film.max())

    @pytest.mark.parametrize("dtype", DEEP)
    @pytest.mark.parametrize("count", [1, 5, 25])
    def test_pixels_far_from_the_rest_do_not_count(self, dtype, count):
        film = tissue(dtype)
        least, most = (
            (-32768, 32767) if dtype == np.int16 else (0, 65535) if dtype == np.uint16 else (-30_000, 2_000_000)
        )
        expected = robust_range_of(film)
        film.ravel()[:: film.size // count][:count] = np.linspace(most - 500, most, count).astype(dtype)
        if dtype not in (np.uint16, np.uint32):
            film[-1, -count:] = least
        assert robust_range_of(film) == pytest.approx(expected, abs=400)

    @pytest.mark.parametrize("dtype", DEEP)
    def test_unused_area_around_offset_data(self, dtype):
        film = tissue(np.int32) + (20_000 if dtype == np.int16 else 40_000)
        low, high = film[30:].min(), film[30:].max()
        film[:30] = 0
        assert robust_range_of(film.astype(dtype)) == (low, high)

    def test_few_greys_are_all_kept(self):
        film = np.zeros((100, 100), np.uint16)
        film[0, :20] = 60_000
        assert robust_range_of(film) == (0, 60_000)
        film[1:40] = 1_000
        assert robust_range_of(film) == (0, 60_000)

    def test_one_grey(self):
        for dtype in DEEP:
            assert robust_range_of(np.full((50, 50), 7, dtype)) == (7, 7)


class TestFilms:
    @pytest.mark.parametrize("place", [(0, 0), (100, 70)])
    @pytest.mark.parametrize("encode", [png, tiff])
    def test_one_hot_pixel(self, encode, place):
        right = read_radiograph(encode(tissue()))
        film = tissue()
        film[place] = 65535
        with pytest.warns(FilmWarning, match="far from the rest"):
            hot = read_radiograph(encode(film))
        hot[place] = right[place]
        np.testing.assert_array_equal(hot, right)

    @pytest.mark.parametrize("dtype", [np.uint32, np.float32, np.float64, np.int16])
    def test_one_hot_pixel_of_other_samples(self, dtype):
        right = read_radiograph(tiff(tissue(dtype)))
        film = tissue(dtype)
        film[3, 3] = 32_000
        hot, notes = read_with_warnings(tiff(film))
        assert len(notes) == 1
        hot[3, 3] = right[3, 3]
        np.testing.assert_array_equal(hot, right)

    @pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
    def test_one_hot_pixel_of_a_dicom_film_without_a_window(self, dicom, photometric):
        right = read_radiograph(dicom(tissue(), PhotometricInterpretation=photometric))
        film = tissue()
        film[3, 3] = 65535
        hot, notes = read_with_warnings(dicom(film, PhotometricInterpretation=photometric))
        assert len(notes) == 1
        hot[3, 3] = right[3, 3]
        np.testing.assert_array_equal(hot, right)
