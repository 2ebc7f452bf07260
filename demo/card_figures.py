"""A card's measured figures as text. Its metrics are open: what a later version writes otherwise is left out."""

import math
from collections.abc import Mapping
from typing import Any


def number(measured: Mapping[str, Any] | None, *path: str) -> float | None:
    """The finite number at a path of a card's metrics, such as ("auroc", "value"); None where there is none."""
    found: Any = measured
    for key in path:
        found = found.get(key) if isinstance(found, Mapping) else None
    usable = isinstance(found, int | float) and not isinstance(found, bool) and math.isfinite(found)
    return float(found) if usable else None


def with_interval(measured: Mapping[str, Any] | None, *path: str) -> str:
    """A figure and its interval, "0.949 [0.929–0.964]"; without the interval where there is none; "" for no figure."""
    value, low, high = (number(measured, *path, part) for part in ("value", "low", "high"))
    if value is None:
        return ""
    return f"{value:.3f}" if low is None or high is None else f"{value:.3f} [{low:.3f}–{high:.3f}]"
