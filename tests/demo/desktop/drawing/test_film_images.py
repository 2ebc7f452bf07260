"""A film for the screen: smaller copies, the grey window, a heatmap that lies where the page's lies."""

import base64
import io
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

pytest.importorskip(
    "PySide6.QtGui", reason="needs PySide6 (extra desktop) and the system libraries of Qt", exc_type=ImportError
)

from PySide6.QtGui import QImage

from demo.desktop.drawing.film_images import film_layer, grey_picture, half_copies
from demo.desktop.drawing.window_level import GreyWindow
from demo.inference.heatmap_drawing import draw_heatmap
from demo.inference.heatmap_pictures import layer_uris
from train.radiograph import PrepareSpec


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
    spec = PrepareSpec(image_size=224, resize=resize, centre_crop=centre_crop)
    layer = film_layer("A", heatmap, shape, spec)
    on_page = layer_uris(draw_heatmap(heatmap, shape, spec))
    for picture, uri in zip((layer.colours, layer.lines), on_page, strict=True):
        png = np.frombuffer(base64.b64decode(uri.split(",")[1]), np.uint8)
        assert picture.format() == QImage.Format.Format_RGBA8888
        decoded = Image.open(io.BytesIO(png.tobytes())).convert("RGBA")
        assert np.array_equal(pixels_of(picture), np.asarray(decoded))
