"""Curves with few points: what a picture or a JSON file needs of a curve of thousands."""

import heapq

import numpy as np
from numpy.typing import ArrayLike, NDArray


def thin_curve(x: ArrayLike, y: ArrayLike, limit: int = 400, tolerance: float = 1e-4) -> NDArray[np.int64]:
    """Choose the points of a curve that draw it: points within `tolerance` of the drawn line are left out.

    Splits the worst-drawn stretch first (Douglas & Peucker, Cartographica 1973;10:112) until the line is
    within the tolerance everywhere or `limit` points are kept.

    Args:
        x, y: coordinates of the curve's points in drawing order, shape [N], on comparable scales (here 0..1).
        limit: most points kept, at least 2.
        tolerance: distance, in the units of x and y.

    Returns:
        Rising indices of the kept points; the first and the last point are always among them.
    """
    points = np.column_stack([np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)])
    last = len(points) - 1
    if last < 1:
        return np.arange(len(points))
    kept = [0, last]
    stretches = [_worst_point(points, 0, last)]  # a heap: the worst-drawn stretch comes first
    while len(kept) < limit and -stretches[0][0] > tolerance:
        _, start, middle, end = stretches[0]
        kept.append(middle)
        heapq.heapreplace(stretches, _worst_point(points, start, middle))
        heapq.heappush(stretches, _worst_point(points, middle, end))
    return np.array(sorted(kept), dtype=np.int64)


def _worst_point(points: NDArray[np.float64], start: int, end: int) -> tuple[float, int, int, int]:
    """The point between two indices that lies farthest from the segment joining the two.

    Returns minus its distance (so that a heap finds the largest), the start, its own index and the end.
    """
    inner = points[start + 1 : end] - points[start]
    if not len(inner):
        return 0.0, start, start, end
    chord = points[end] - points[start]
    length = float(chord @ chord)
    along = np.clip(inner @ chord / length, 0, 1) if length else np.zeros(len(inner))
    distances = np.linalg.norm(inner - along[:, None] * chord, axis=1)
    worst = int(np.argmax(distances))
    return -float(distances[worst]), start, start + 1 + worst, end
