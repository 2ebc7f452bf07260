from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from train.common.errors import UsageError
from train.radiograph import PrepareSpec, prepare

quick = settings(max_examples=60, deadline=None)


def shades(height=120, width=90, seed=0):
    """A smooth random grey picture that fills 0..255."""
    noise = np.random.default_rng(seed).standard_normal((height, width)).astype(np.float32)
    return cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 4), None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)


specs = st.builds(
    PrepareSpec,
    image_size=st.integers(8, 64),
    resize=st.sampled_from(["squash", "letterbox", "crop"]),
    contrast=st.sampled_from(["none", "stretch", "clahe", "equalise"]),
    centre_crop=st.just(1) | st.floats(0.01, 1),
)


class TestPrepare:
    @given(arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=80)), specs)
    @settings(max_examples=200, deadline=None)
    def test_any_film_becomes_a_square(self, film, spec):
        before = film.copy()
        square = prepare(film, spec)
        assert square.shape == (spec.image_size, spec.image_size)
        assert square.dtype == np.uint8
        assert square.flags.c_contiguous
        assert not np.shares_memory(square, film)
        np.testing.assert_array_equal(film, before)
        np.testing.assert_array_equal(square, prepare(film, spec))

    @given(st.integers(1, 80), st.integers(1, 80), st.integers(0, 255), st.sampled_from(["squash", "crop"]))
    @quick
    def test_flat_film_stays_flat(self, height, width, grey, resize):
        square = prepare(np.full((height, width), grey, np.uint8), PrepareSpec(32, resize, "stretch"))
        np.testing.assert_array_equal(square, grey)

    def test_film_of_the_right_size_is_untouched(self):
        film = shades(32, 32)
        for resize in ("squash", "letterbox", "crop"):
            np.testing.assert_array_equal(prepare(film, PrepareSpec(32, resize)), film)

    def test_shrinking_averages(self):
        film = np.random.default_rng(0).integers(0, 256, (48, 80), np.uint8)
        expected = film.reshape(16, 3, 16, 5).mean(axis=(1, 3))
        assert np.abs(prepare(film, PrepareSpec(16)) - expected).max() <= 0.51

    def test_enlarging_is_cubic(self):
        film = shades(20, 20)
        expected = cv2.resize(film, (50, 50), interpolation=cv2.INTER_CUBIC)
        np.testing.assert_array_equal(prepare(film, PrepareSpec(50)), expected)

    def test_wide_and_low_film_is_averaged_one_way_and_interpolated_the_other(self):
        film = np.random.default_rng(0).integers(0, 256, (10, 160), np.uint8)
        narrow = np.rint(film.reshape(10, 40, 4).mean(axis=2)).astype(np.uint8)
        expected = cv2.resize(narrow, (40, 40), interpolation=cv2.INTER_CUBIC)
        assert np.abs(prepare(film, PrepareSpec(40)).astype(int) - expected).max() <= 2

    def test_letterbox_keeps_the_aspect_between_black_bars(self):
        square = prepare(np.full((50, 100), 200, np.uint8), PrepareSpec(40, "letterbox"))
        np.testing.assert_array_equal(square[10:30], 200)
        np.testing.assert_array_equal(square[:10], 0)
        np.testing.assert_array_equal(square[30:], 0)

    @pytest.mark.parametrize("contrast", ["stretch", "clahe", "equalise"])
    def test_contrast_leaves_the_bars_alone(self, contrast):
        film = shades(60, 30) // 2 + 100
        square = prepare(film, PrepareSpec(60, "letterbox", contrast))
        np.testing.assert_array_equal(square[:, 15:45], prepare_content(film, contrast))
        assert square[:, :15].max() == square[:, 45:].max() == 0

    def test_crop_takes_the_centre(self):
        film = np.zeros((30, 90), np.uint8)
        film[:, 30:60] = shades(30, 30)
        np.testing.assert_array_equal(prepare(film, PrepareSpec(30, "crop")), shades(30, 30))
        np.testing.assert_array_equal(prepare(film.T.copy(), PrepareSpec(30, "crop")), shades(30, 30).T)

    @given(specs, st.integers(1, 40), st.integers(1, 40))
    @quick
    def test_a_centre_crop_is_all_that_is_seen_of_a_film(self, spec, height, width):
        inner = shades(height, width)
        film = np.pad(inner, [(side // 2, side - side // 2) for side in inner.shape], constant_values=255)
        expected = prepare(inner, replace(spec, centre_crop=1))
        np.testing.assert_array_equal(prepare(film, replace(spec, centre_crop=0.5)), expected)

    def test_stretch_maps_the_1st_to_99th_percentile_to_the_full_range(self):
        film = shades(64, 64) // 3 + 90
        square = prepare(film, PrepareSpec(64, "squash", "stretch"))
        low, high = np.percentile(film, (1, 99))
        expected = np.clip((film - low) * 255 / (high - low), 0, 255)
        assert np.abs(square - expected).max() <= 0.5 + 1e-9
        assert (square.min(), square.max()) == (0, 255)

    def test_clahe_is_opencvs(self):
        film = shades(64, 64) // 3 + 90
        expected = cv2.createCLAHE(clipLimit=2.0, tileGridSize=(8, 8)).apply(film)
        np.testing.assert_array_equal(prepare(film, PrepareSpec(64, "squash", "clahe")), expected)
        assert not np.array_equal(expected, film)

    def test_equalise_forgets_the_exposure(self):
        film = shades(64, 64) // 3 + 90
        darker = film // 2 * 2 - 80  # even greys only: another exposure of the even greys of the same film
        square = prepare(film // 2 * 2, PrepareSpec(64, "squash", "equalise"))
        np.testing.assert_array_equal(prepare(darker, PrepareSpec(64, "squash", "equalise")), square)
        assert (square.min(), square.max()) == (0, 255)

    @pytest.mark.parametrize(
        "film", [np.zeros((4, 4), np.float32), np.zeros((4, 4, 3), np.uint8), np.zeros((0, 4), np.uint8)]
    )
    def test_what_is_no_film_is_a_bug_of_the_caller(self, film):
        with pytest.raises(ValueError, match=r"uint8 \[H, W\]"):
            prepare(film, PrepareSpec())

    @pytest.mark.parametrize(
        "values",
        [
            {"image_size": 0},
            {"image_size": 10_000},
            {"image_size": 2.5},
            {"resize": "stretch"},
            {"contrast": "more"},
            {"centre_crop": 0},
            {"centre_crop": 1.1},
            {"centre_crop": float("nan")},
            {"centre_crop": True},
        ],
    )
    def test_spec_is_validated(self, values):
        with pytest.raises(UsageError, match="Received"):
            PrepareSpec(**values)


def prepare_content(film, contrast):
    if contrast == "clahe":
        return cv2.createCLAHE(clipLimit=2.0, tileGridSize=(8, 8)).apply(film)
    if contrast == "equalise":
        return cv2.equalizeHist(film)
    low, high = np.percentile(film, (1, 99))
    return np.rint(np.clip((film - low) * (255 / (high - low)), 0, 255)).astype(np.uint8)
