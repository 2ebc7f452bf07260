"""A film for the screen: smaller copies, the grey window, a heatmap that lies where the page's lies."""

import base64
from itertools import pairwise

import cv2
import numpy as np
import pytest

pytest.importorskip(
    "PySide6.QtGui", reason="needs PySide6 (extra desktop) and the system libraries of Qt", exc_type=ImportError
)

from demo.desktop.drawing.film_images import grey_picture, half_copies, heatmap_picture
from demo.desktop.drawing.window_level import GreyWindow
from demo.inference.images import heatmap_uri


def pixels_of(picture):
    height, width = picture.height(), picture.width()
    return (
        np.frombuffer(picture.constBits(), np.uint8).reshape(height, picture.bytesPerLine() // 4, 4)[:, :width].copy()
    )


def test_a_film_is_drawn_as_it_is_until_its_window_is_changed():
    assert GreyWindow().shown() == list(range(256))
    film = np.arange(256, dtype=np.uint8).reshape(8, 32)
    drawn = pixels_of(grey_picture(film, GreyWindow()))
    assert all(np.array_equal(drawn[..., channel], film) for channel in range(3))


@pytest.mark.parametrize(
    ("window", "black", "white"),
    [(GreyWindow(100, 20), 90, 110), (GreyWindow(0, 1), None, 1), (GreyWindow(255, 2), 254, None)],
)
def test_a_window_shows_the_greys_inside_it_and_cuts_the_others(window, black, white):
    shown = np.array(window.shown())
    assert black is None or (shown[: black + 1] == 0).all()
    assert white is None or (shown[white:] == 255).all()
    assert (np.diff(shown.astype(int)) >= 0).all()


def test_a_window_stays_within_bounds():
    assert GreyWindow().moved(1000, 1000) == GreyWindow(255, 510)
    assert GreyWindow().moved(-1000, -1000) == GreyWindow(0, 1)


@pytest.mark.parametrize("shape", [(1, 1), (224, 224), (2900, 2000), (9000, 3)])
def test_copies_halve_until_they_are_small(shape):
    film = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    copies = half_copies(film)
    assert np.array_equal(copies[0], film)
    assert max(copies[-1].shape) < 2048
    for larger, smaller in pairwise(copies):
        assert smaller.shape == tuple(max(1, side // 2) for side in larger.shape)


@pytest.mark.parametrize("resize", ["squash", "letterbox", "crop"])
@pytest.mark.parametrize("shape", [(40, 30), (30, 90)])
@pytest.mark.parametrize("centre_crop", [1, 0.7])
def test_a_heatmap_is_the_pages_own(resize, shape, centre_crop):
    heatmap = np.random.default_rng(1).random((7, 7), dtype=np.float32)
    on_page = base64.b64decode(heatmap_uri(heatmap, shape, resize, centre_crop).split(",")[1])
    expected = cv2.imdecode(np.frombuffer(on_page, np.uint8), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(pixels_of(heatmap_picture(heatmap, shape, resize, centre_crop)), expected)
