"""Heatmaps as files: exactly what was drawn, whoever shows it."""

import base64
import io

import cv2
import numpy as np
import pytest
from PIL import Image

from demo.inference.heatmap_drawing import draw_heatmap
from demo.inference.heatmap_pictures import (
    captioned_picture,
    heatmap_picture,
    layer_uris,
    legend_pixels,
    legend_svg,
    overlay_uri,
)
from train.radiograph import PrepareSpec

SPEC = PrepareSpec(image_size=224, resize="crop", centre_crop=0.9)


@pytest.fixture
def heatmap():
    return np.random.default_rng(3).random((7, 7)).astype(np.float32)


def pixels(uri):
    kind, data = uri.split(";base64,")
    assert kind == "data:image/png"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGBA"))


def jpeg(picture):
    return cv2.imdecode(np.frombuffer(picture.jpeg, np.uint8), cv2.IMREAD_COLOR)[..., ::-1].astype(int)


def test_the_pages_layers_are_what_was_drawn_and_small(heatmap):
    drawn = draw_heatmap(heatmap, (900, 700), SPEC)
    uris = layer_uris(drawn)
    assert np.array_equal(pixels(uris[0]), drawn.colours)
    assert np.array_equal(pixels(uris[1]), drawn.lines)
    assert sum(map(len, uris)) < 250_000


@pytest.mark.parametrize("opacity", [0.0, 0.6, 1.0])
def test_a_programs_overlay_is_both_layers(heatmap, opacity):
    drawn = draw_heatmap(heatmap, (900, 700), SPEC)
    assert np.array_equal(pixels(overlay_uri(heatmap, (900, 700), SPEC, opacity)), drawn.overlay(opacity))


def test_the_picture_on_paper_is_the_film_below_what_was_drawn(heatmap):
    film = np.tile(np.linspace(0, 255, 700, dtype=np.uint8), (900, 1))
    picture = jpeg(heatmap_picture(film, heatmap, SPEC))
    expected = draw_heatmap(heatmap, film.shape, SPEC).over(film)
    assert picture.shape == expected.shape
    assert np.abs(picture - expected).mean() < 3


@pytest.mark.parametrize("shape", [(900, 700), (8, 8), (5000, 1), (1, 5000)])
def test_the_caption_lies_below_the_same_picture(heatmap, shape):
    film = np.full(shape, 90, np.uint8)
    plain = jpeg(heatmap_picture(film, heatmap, SPEC))
    words = "Network A. Evidence for pneumonia, share of full scale"
    whole = jpeg(captioned_picture(film, heatmap, SPEC, [words]))
    height, width = plain.shape[:2]
    assert whole.shape[1] == max(width, 400)
    assert whole.shape[0] > height + 40
    if min(shape) > 8:
        assert np.abs(whole[:height, :width] - plain).mean() < 2
    assert (whole[-5:] > 240).all()  # a white margin
    assert whole[height + 8 :].min() < 60  # and something on it
    twice = jpeg(captioned_picture(film, heatmap, SPEC, [words, words]))
    assert twice.shape[0] > whole.shape[0]


def test_the_legend_has_the_scale_in_its_colours():
    found = legend_pixels(401, 20, 1.0)
    assert found.shape == (20, 401, 3)
    assert tuple(found[0, 0]) == (128, 128, 128)
    assert found[0, -1].astype(int).sum() > 600  # the brightest colour there is
    svg = legend_svg()
    for text in (">0<", ">¼<", ">½<", ">1<", 'opacity="0.6"'):
        assert text in svg
    assert "script" not in svg
