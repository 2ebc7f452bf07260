import base64

import cv2
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from demo.inference.images import jpeg_uri, shrunk


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
