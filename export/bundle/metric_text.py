"""A card's measured figures as text. Its metrics are open: what a later version writes otherwise is left out."""

import math
from collections.abc import Mapping
from typing import Any, Literal


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


def interval_kind(measured: Mapping[str, Any] | None) -> Literal["patients", "films", "none"]:
    """What the intervals of a card's metrics are of: patients resampled, films taken as independent, or there are none.

    Beside an interval over patients stands the one that takes films as independent.
    """
    if number(measured, "auroc", "low") is None:
        return "none"
    return "films" if number(measured, "auroc", "independent_low") is None else "patients"
