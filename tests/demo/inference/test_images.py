import base64

import cv2
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from demo.inference.images import heatmap_uri, jpeg_uri, over_film, shrunk
from train.radiograph import centre_window


def decoded(uri):
    kind, data = uri.split(";base64,")
    return kind, cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_UNCHANGED)


@given(st.integers(1, 3000), st.integers(1, 3000), st.integers(1, 1600))
def test_a_film_fits_and_keeps_its_aspect(height, width, side):
    small = shrunk(np.zeros((height, width), np.uint8), side)
    assert max(small.shape) == min(max(height, width), side)
    scale = min(1, side / max(height, width))
    for before, after in zip((height, width), small.shape, strict=True):
        assert after == max(1, round(before * scale))


def test_a_small_film_is_left_as_it_is():
    film = np.arange(12, dtype=np.uint8).reshape(3, 4)
    assert shrunk(film) is film


def test_a_film_becomes_a_jpeg_of_its_own_pixels():
    film = np.tile(np.arange(0, 256, 2, dtype=np.uint8), (64, 1))
    kind, picture = decoded(jpeg_uri(film))
    assert kind == "data:image/jpeg"
    assert np.abs(picture.astype(int) - film).mean() < 2


def test_a_heatmap_is_clear_where_there_is_nothing_and_opaque_where_there_is_all():
    heatmap = np.zeros((7, 7), np.float32)
    heatmap[:, 4:] = 1
    kind, picture = decoded(heatmap_uri(heatmap, (512, 256), "squash"))
    assert kind == "data:image/png"
    assert picture.shape == (256, 128, 4)
    assert picture[:, :36, 3].max() == 0
    assert picture[:, -36:, 3].min() == 255


def test_a_heatmap_covers_only_what_the_network_saw():
    _, picture = decoded(heatmap_uri(np.ones((7, 7), np.float32), (256, 128), "crop"))
    assert picture[64:192, :, 3].min() == 255
    assert picture[:64, :, 3].max() == picture[192:, :, 3].max() == 0


@given(st.integers(4, 60), st.integers(4, 60), st.floats(0.1, 1), st.sampled_from(["squash", "letterbox", "crop"]))
def test_a_heatmap_lies_over_the_centre_that_was_kept(height, width, share, resize):
    large = over_film(np.ones((7, 7), np.float32), (height, width), resize, share)
    rows, columns = centre_window((height, width), share)
    inside = over_film(np.ones((7, 7), np.float32), large[rows, columns].shape, resize)
    assert np.array_equal(large[rows, columns], inside)
    assert large.sum() == inside.sum()


@given(st.integers(1, 8), st.integers(1, 8), st.integers(0, 2**32 - 1), st.sampled_from([(224, 224), (90, 40), (5, 3)]))
def test_an_enlarged_heatmap_lies_between_its_cells(rows, columns, seed, shape):
    heatmap = np.random.default_rng(seed).random((rows, columns)).astype(np.float32)
    large = over_film(heatmap, shape, "squash")
    assert large.shape == shape
    assert heatmap.min() - 1e-6 <= large.min()
    assert large.max() <= heatmap.max() + 1e-6


def test_an_enlarged_heatmap_keeps_each_cell_in_its_place_up_to_the_edges():
    heatmap = np.random.default_rng(0).random((4, 4)).astype(np.float32)
    large = over_film(heatmap, (400, 200), "squash")
    assert np.abs(large[49:400:100, 24:200:50] - heatmap).max() < 0.01
    assert np.abs(large[:50, :25] - heatmap[0, 0]).max() < 1e-6
    assert np.abs(large[-50:, -25:] - heatmap[-1, -1]).max() < 1e-6
    steps = np.abs(np.diff(large, axis=0)).max()
    assert steps < 0.02  # no border between the cells is seen
