"""A figure with its interval, as evaluations write it in JSON: {"value", "low", "high"}."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Metric:
    """A figure and its 95 % interval; `low` and `high` are None where the bundle has none."""

    value: float
    low: float | None = None
    high: float | None = None


def measured(entry: Any, lowest: float = 0.0) -> Metric | None:  # noqa: ANN401  # JSON
    """Read a figure between `lowest` and 1; None for anything else. Half an interval is none."""
    if not isinstance(entry, Mapping):
        return None
    value, low, high = (_number(entry.get(key), lowest) for key in ("value", "low", "high"))
    if value is None:
        return None
    return Metric(value) if low is None or high is None else Metric(value, low, high)


def _number(value: Any, lowest: float) -> float | None:  # noqa: ANN401  # JSON
    usable = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return value if usable and lowest <= value <= 1 else None
