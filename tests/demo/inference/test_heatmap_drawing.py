"""One heatmap for every surface: colours by value × opacity, lines where levels are crossed, nothing outside."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo.inference.heatmap_drawing import CONTOURS, LAYER_SIDE, draw_heatmap, legend_layers, over_film, strongest_place
from train.radiograph import PrepareSpec, centre_window

SQUASH = PrepareSpec(image_size=224, resize="squash")
SHAPE = (LAYER_SIDE, LAYER_SIDE)


def spec(resize="squash", centre_crop=1.0):
    return PrepareSpec(image_size=224, resize=resize, centre_crop=centre_crop)


@pytest.fixture
def ramp():
    """0 at the left edge, 1 at the right."""
    return np.tile(np.linspace(0, 1, 8, dtype=np.float32), (8, 1))


@pytest.mark.parametrize("opacity", [0.0, 0.25, 0.6, 1.0])
def test_alpha_is_value_times_opacity_but_where_a_line_is(ramp, opacity):
    layers = draw_heatmap(ramp, SHAPE, SQUASH)
    overlay = layers.overlay(opacity)
    value = over_film(ramp, SHAPE, "squash")
    beside = layers.lines[..., 3] == 0
    assert np.abs(overlay[..., 3][beside] - 255 * value[beside] * opacity).max() <= 1
    assert beside.mean() > 0.9
    on = layers.lines[..., 3] == 255
    assert np.array_equal(overlay[on], layers.lines[on])


def test_an_overlay_over_a_film_is_the_picture_with_both(ramp):
    film = np.random.default_rng(0).integers(0, 256, SHAPE, dtype=np.uint8)
    layers = draw_heatmap(ramp, SHAPE, SQUASH)
    overlay = layers.overlay(0.4).astype(float)
    share = overlay[..., 3:] / 255
    blended = film[..., None] * (1 - share) + overlay[..., :3] * share
    # Half a step of alpha and one of colour.
    assert np.abs(layers.over(film, 0.4) - blended).max() <= 2.5


@pytest.mark.parametrize("opacity", [-0.1, 1.1, float("nan")])
def test_an_opacity_that_is_none_is_named(ramp, opacity):
    with pytest.raises(ValueError, match="opacity must be within"):
        draw_heatmap(ramp, (10, 10), SQUASH).overlay(opacity)


@pytest.mark.parametrize("contour", CONTOURS)
def test_a_line_in_black_and_white_is_where_its_level_is_crossed(ramp, contour):
    lines = draw_heatmap(ramp, SHAPE, SQUASH).lines
    crossing = int(np.argmax(over_film(ramp, SHAPE, "squash")[0] >= contour.level))
    middle = lines[40:-40, crossing]
    assert (middle[..., 3] == 255).all()  # unbroken, whatever film lies below
    assert (np.ptp(lines[..., :3], axis=2) == 0).all()
    white = (middle[..., 0] == 255).mean()
    assert white == 1 if contour.gap == 0 else 0.4 < white < 0.8
    for side in (-1, 1):
        edge = lines[40:-40, crossing + side * (contour.black // 2)]
        assert (edge[..., 3] > 150).all()
        assert (edge[..., 0] < 100).all()
        beyond = crossing + side * round(contour.black)
        assert lines[40:-40, beyond, 3].max() == 0


def test_the_levels_are_a_quarter_and_a_half_and_told_apart_without_colour():
    quarter, half = CONTOURS
    assert (quarter.level, half.level) == (0.25, 0.5)
    assert quarter.gap > 0
    assert half.gap == 0
    assert half.black > quarter.black


@pytest.mark.parametrize("shape", [(1, 1), (7, 500), (1500, 900)])
def test_a_heatmap_without_evidence_draws_nothing(shape):
    layers = draw_heatmap(np.zeros((4, 4), np.float32), shape, SQUASH)
    assert layers.colours[..., 3].max() == 0
    assert layers.lines.max() == 0
    assert layers.overlay(1.0)[..., 3].max() == 0
    film = np.random.default_rng(0).integers(0, 256, layers.lines.shape[:2], dtype=np.uint8)
    assert np.array_equal(layers.over(film, 1.0), np.dstack([film] * 3))


def test_below_a_quarter_there_is_colour_and_no_line():
    layers = draw_heatmap(np.full((4, 4), 0.24, np.float32), (300, 200), SQUASH)
    assert layers.lines.max() == 0
    assert layers.colours[..., 3].min() == round(0.24 * 255)


@pytest.mark.parametrize(("resize", "centre_crop"), [("crop", 1.0), ("squash", 0.6), ("crop", 0.7), ("letterbox", 0.5)])
@pytest.mark.parametrize("shape", [(600, 300), (200, 700)])
def test_nothing_lies_outside_of_what_the_network_saw(resize, centre_crop, shape):
    layers = draw_heatmap(np.ones((5, 5), np.float32), shape, spec(resize, centre_crop))
    seen = over_film(np.ones((1, 1), np.float32), layers.lines.shape[:2], resize, centre_crop) > 0
    assert 0 < seen.mean() < 1
    overlay = layers.overlay(1.0)
    assert overlay[~seen][:, 3].max() == 0
    assert overlay[seen][:, 3].min() == 255


@pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (5000, 1), (9, 7), (3000, 2000)])
def test_layers_are_of_a_size_and_of_the_films_aspect(shape):
    layers = draw_heatmap(np.eye(7, dtype=np.float32), shape, SQUASH)
    assert max(layers.lines.shape) == LAYER_SIDE
    assert layers.lines.shape == layers.colours.shape
    assert layers.lines.shape[:2] == tuple(max(1, round(side * LAYER_SIDE / max(shape))) for side in shape)


def test_a_line_at_the_films_edge_is_closed():
    heatmap = np.zeros((4, 4), np.float32)
    heatmap[2:, 1:3] = 1
    lines = draw_heatmap(heatmap, SHAPE, SQUASH).lines
    assert (lines[-1, 330:430, 3] == 255).all()


def test_the_legend_runs_from_0_to_1_with_both_lines_at_their_levels():
    legend = legend_layers(401, 30)
    assert np.abs(legend.colours[0, :, 3] - np.linspace(0, 255, 401)).max() <= 1
    for contour in CONTOURS:
        place = round(contour.level * 400)
        assert (legend.lines[:, place, 3] == 255).all()
        assert legend.lines[:, place, 0].max() == 255
        assert (legend.lines[:, place, 0].min() < 40) == (contour.gap > 0)
    assert (legend.lines[..., 3] > 0).mean() < 0.1


@pytest.mark.parametrize(("heatmap", "strongest"), [([[0.1, 0.7]], 0.7), ([[0.0]], 0.0), ([[np.nan, 0.2]], 0.2)])
def test_the_strongest_place(heatmap, strongest):
    assert strongest_place(np.array(heatmap, np.float32)) == pytest.approx(strongest)


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
