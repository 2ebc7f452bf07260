"""A thinned curve must look like the whole one."""

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from train.metrics.operating_points import precision_recall_curve, roc_curve
from train.metrics.thin_curve import thin_curve

COORDINATES = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=2, max_size=60)
unhurried = settings(deadline=None)


def deviation(x: np.ndarray, y: np.ndarray, kept: np.ndarray) -> float:
    """Greatest distance of a left-out point from the segment drawn in its stead."""
    points = np.column_stack([x, y])
    worst = 0.0
    for start, end in pairwise(kept):
        a, b = points[start], points[end]
        for point in points[start + 1 : end]:
            length = (b - a) @ (b - a)
            t = np.clip((point - a) @ (b - a) / length, 0, 1) if length > 0 else 0.0
            worst = max(worst, float(np.linalg.norm(point - a - t * (b - a))))
    return worst


def films(n: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(7)
    labels = rng.integers(0, 2, n)
    return labels, rng.normal(1.5 * labels, 1)


@unhurried
@given(COORDINATES, st.sampled_from([1e-4, 0.01, 0.2]))
def test_within_the_limit_no_point_is_farther_from_the_line_than_the_tolerance(points, tolerance):
    x, y = map(np.array, zip(*points, strict=True))
    kept = thin_curve(x, y, limit=400, tolerance=tolerance)
    assert kept[0] == 0
    assert kept[-1] == len(points) - 1
    assert np.all(np.diff(kept) > 0)
    assert deviation(x, y, kept) <= tolerance + 1e-12


@unhurried
@given(COORDINATES, st.integers(2, 10))
def test_never_more_points_than_the_limit(points, limit):
    x, y = zip(*points, strict=True)
    assert len(thin_curve(x, y, limit=limit, tolerance=0)) <= limit


def test_curves_of_thousands_of_films_do_not_move_visibly():
    labels, scores = films(6000)
    roc, pr = roc_curve(labels, scores), precision_recall_curve(labels, scores)
    for x, y in ((roc.false_positive_rate, roc.sensitivity), (pr.recall, pr.precision)):
        kept = thin_curve(x, y)
        assert len(kept) <= 400
        assert deviation(x, y, kept) < 0.002  # a third of a pixel in a picture of 150 pixels


def test_a_straight_line_needs_two_points():
    x = np.linspace(0, 1, 1000)
    assert thin_curve(x, 0.3 * x + 0.2).tolist() == [0, 999]


def test_a_corner_is_kept():
    assert thin_curve([0, 0, 0, 0.5, 1], [0, 0.5, 1, 1, 1]).tolist() == [0, 2, 4]


def test_a_loop_back_to_the_start_is_kept():
    assert thin_curve([0, 1, 0], [0, 0, 0]).tolist() == [0, 1, 2]


def test_curves_too_short_to_thin():
    assert thin_curve([], []).tolist() == []
    assert thin_curve([0.5], [0.5]).tolist() == [0]
