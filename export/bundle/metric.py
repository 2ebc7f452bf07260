"""A metric with its interval, as evaluations write it in JSON: {"value", "low", "high"}.

Evaluations and cards are open: what a later version writes otherwise, or a damaged file holds, is read as None.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict


@dataclass(frozen=True)
class Metric:
    """A figure and its 95 % interval; `low` and `high` are None where the bundle has none."""

    value: float
    low: float | None = None
    high: float | None = None

    def __str__(self) -> str:
        """The figure before its interval, "0.949 [0.929–0.964]", as every surface writes it."""
        return f"{self.value:.3f}{self.interval()}"

    def interval(self, digits: int = 3, scale: float = 1) -> str:
        """The interval after a space, " [0.929–0.964]", times `scale`; "" where there is none."""
        if self.low is None or self.high is None:
            return ""
        return f" [{scale * self.low:.{digits}f}–{scale * self.high:.{digits}f}]"


def as_metric(entry: Any, lowest: float = 0.0) -> Metric | None:  # noqa: ANN401  # JSON
    """Read a figure between `lowest` and 1; None for anything else. Half an interval is none."""
    if isinstance(entry, Metric):
        return entry
    if not isinstance(entry, Mapping):
        return None
    value, low, high = (_within(entry.get(key), lowest) for key in ("value", "low", "high"))
    if value is None:
        return None
    return Metric(value) if low is None or high is None else Metric(value, low, high)


def _within(value: Any, lowest: float) -> float | None:  # noqa: ANN401  # JSON
    number = as_number(value)
    return value if number is not None and lowest <= number <= 1 else None


def as_number(value: Any) -> float | None:  # noqa: ANN401  # JSON
    """A finite number as it is; None for anything else."""
    usable = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return value if usable else None


def _as_count(value: Any) -> int | None:  # noqa: ANN401  # JSON
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _or(kind: type, default: object, value: Any) -> Any:  # noqa: ANN401  # JSON
    return value if isinstance(value, kind) else default


def _objects(value: Any) -> dict[str, Any]:  # noqa: ANN401  # JSON
    found = value if isinstance(value, Mapping) else {}
    return {name: entry for name, entry in found.items() if isinstance(entry, Mapping)}


#: A figure from 0 to 1, and a difference of two, from -1 to 1.
Share = Annotated[Metric | None, BeforeValidator(as_metric)]
Difference = Annotated[Metric | None, BeforeValidator(partial(as_metric, lowest=-1.0))]
Number = Annotated[float | None, BeforeValidator(as_number)]
Count = Annotated[int | None, BeforeValidator(_as_count)]
Text = Annotated[str, BeforeValidator(partial(_or, str, ""))]
#: Before a record, or a mapping of metrics: what is no JSON object is an empty one.
AsObject = BeforeValidator(partial(_or, Mapping, {}))
#: Before a mapping of records: entries that are no JSON object are not there.
ObjectsByName = BeforeValidator(_objects)


class Record(BaseModel):
    """A part of a JSON file, read as far as it goes."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


def number(metrics: Mapping[str, Any] | None, *path: str) -> float | None:
    """The finite number at a path of a card's metrics, such as ("auroc", "value"); None where there is none."""
    found: Any = metrics
    for key in path:
        found = found.get(key) if isinstance(found, Mapping) else None
    finite = as_number(found)
    return None if finite is None else float(finite)


def with_interval(metrics: Mapping[str, Any] | None, *path: str) -> str:
    """The metric at a path of a card's metrics with its interval; "" where there is none."""
    value, low, high = (number(metrics, *path, part) for part in ("value", "low", "high"))
    if value is None:
        return ""
    return str(Metric(value) if low is None or high is None else Metric(value, low, high))


def interval_kind(metrics: Mapping[str, Any] | None) -> Literal["patients", "films", "none"]:
    """What the intervals of a card's metrics are of: patients resampled, films taken as independent, or there are none.

    Beside an interval over patients stands the one that takes films as independent.
    """
    if number(metrics, "auroc", "low") is None:
        return "none"
    return "films" if number(metrics, "auroc", "independent_low") is None else "patients"
