"""The range of values that a deep film's greys span: from its darkest to its brightest tissue.

A dead pixel, a burned-in mark or a border that was never exposed may lie far from the rest. Scaled by such a value, a
film of 12 bits is left with some ten greys.
"""

import numpy as np

from train.radiograph.greys.pixel_values import count_values

LEAST_LEVELS = 32  # a film of fewer greys shows nothing of a lung

_RARE = 0.001  # share of the pixels beyond each end of the core
_GAP = 0.25  # of the core's width: rare values beyond an empty gap of that size are no tissue
_FENCE = 1.0  # of the core's width: nor are rare values farther from the core than that
_SAMPLE = 1_000  # values that stand for the core of a film whose values are too many to be counted


def robust_range(values: np.ndarray, counts: np.ndarray) -> tuple[float, float]:
    """Lowest and highest value of a film, leaving out what is rare and far from the rest.

    The core lies between the 0.1th and the 99.9th percentile. Left out are values beyond it that an empty gap of a
    quarter of its width sets apart, or that lie farther away than its whole width; and a single value, of however many
    pixels, that is farther from the next one than that is from the core's other end (the unused area around an image).
    In 2,981 public films no gap is wider than 0.22 of the core and no value farther from it than 0.66, so that
    ordinary films keep their full range.

    Args:
        values: float64 [N], ascending and distinct.
        counts: [N], how many pixels have each, at least 1.
    """
    if counts.sum() * _RARE < 1:  # in so small a picture no pixel is rare
        return float(values[0]), float(values[-1])
    with np.errstate(over="ignore", invalid="ignore"):  # the range of doubles may itself be no double
        return _robust_range(values, counts)


def _robust_range(values: np.ndarray, counts: np.ndarray) -> tuple[float, float]:
    first, last = _used_area(values, counts)
    low, high = _core(counts[first:last])
    low, high = first + low, first + high
    width = values[high] - values[low]
    upward = values[high:last] - values[high]
    downward = values[low] - values[first : low + 1][::-1]
    first, last = low - _reach(downward, width), high + _reach(upward, width) + 1
    if last - first < LEAST_LEVELS:
        first, last = 0, len(values)
    return float(values[first]), float(values[last - 1])


def robust_range_of(film: np.ndarray) -> tuple[float, float]:
    """`robust_range` of a film of any real type.

    Args:
        film: [H, W], finite.
    """
    if film.dtype.kind in "iu" and film.itemsize <= 2:
        least = int(np.iinfo(film.dtype).min)
        counts = count_values(film, least, 1 << 8 * film.itemsize)
        values = np.flatnonzero(counts)
        return robust_range(values.astype(np.float64) + least, counts[values])
    lowest, highest = film.min(), film.max()
    inner = film[(film != lowest) & (film != highest)]
    if inner.size == 0:
        return float(lowest), float(highest)
    # Only the values beyond the core matter one by one: they are sorted, the core is not.
    rare = int(inner.size * _RARE)
    inner.partition((rare, inner.size - 1 - rare))
    core = inner[rare + 1 : inner.size - 1 - rare]
    step = max(core.size // _SAMPLE, 1)
    ends = np.concatenate([inner[: rare + 1], inner[inner.size - 1 - rare :]])
    values, places = np.unique(np.concatenate([ends, core[::step]]), return_inverse=True)
    weights = np.repeat([1, step], [len(ends), len(core[::step])])
    counts = np.bincount(places, weights)
    values = np.concatenate([[lowest], values, [highest]]).astype(np.float64)
    edges = [np.count_nonzero(film == lowest), np.count_nonzero(film == highest)]
    return robust_range(values, np.concatenate([edges[:1], counts, edges[1:]]))


def _used_area(values: np.ndarray, counts: np.ndarray) -> tuple[int, int]:
    """First place of the values, and one past the last, that are not those of an unused area around the image."""
    first, last = 0, len(values)
    for _ in range(2):  # a film may have one at either end, of which the other hides the first
        if last - first <= LEAST_LEVELS:
            break
        low, high = _core(counts[first:last])
        lowest, highest = values[first + low], values[first + high]
        drop_first = values[first + 1] - values[first] > highest - values[first + 1]
        drop_last = values[last - 1] - values[last - 2] > values[last - 2] - lowest
        first, last = first + int(drop_first), last - int(drop_last)
    return first, last


def _core(counts: np.ndarray) -> tuple[int, int]:
    """Places of the first and the last value of the core."""
    below = np.cumsum(counts)
    rare = below[-1] * _RARE
    low = int(np.searchsorted(below, rare, "right"))
    high = int(np.searchsorted(below, below[-1] - rare, "left"))
    return min(low, high), high


def _reach(distances: np.ndarray, width: float) -> int:
    """How many steps outward from the core the film goes on; `distances` ascend from 0."""
    if width <= 0:
        return len(distances) - 1
    far = (np.diff(distances) > _GAP * width) | (distances[1:] > _FENCE * width)
    return int(np.argmax(far)) if far.any() else len(far)
