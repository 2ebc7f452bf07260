"""A metric with its interval, as evaluations write it in JSON: {"value", "low", "high"}, and the records that hold it.

Evaluations and cards are open: what a later version writes otherwise, or a damaged file holds, is read as None. Before
a file goes into a bundle it is read with WHOLE, and the same is an error.
"""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, ValidationInfo


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


def as_count(value: Any) -> int | None:  # noqa: ANN401  # JSON
    """A whole number from 0 on as it is; None for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _or(kind: type, default: object, value: Any) -> Any:  # noqa: ANN401  # JSON
    return value if isinstance(value, kind) else default


def _objects(value: Any) -> dict[str, Any]:  # noqa: ANN401  # JSON
    found = value if isinstance(value, Mapping) else {}
    return {name: entry for name, entry in found.items() if isinstance(entry, Mapping)}


def _texts(value: Any) -> tuple[str, ...]:  # noqa: ANN401  # JSON
    return tuple(map(str, value)) if isinstance(value, list | tuple) else ()


def _is_metric(value: Any, lowest: float) -> bool:  # noqa: ANN401  # JSON
    """Whether each part that is there is a figure within its bounds; NaN is written as None."""
    return isinstance(value, Metric) or (
        isinstance(value, Mapping)
        and all(value.get(key) is None or _within(value[key], lowest) is not None for key in ("value", "low", "high"))
    )


def as_far_as(read: Callable[[Any], Any], is_whole: Callable[[Any], bool], expected: str) -> BeforeValidator:
    """Make the validator of a record's entry.

    Args:
        read: makes something of whatever is there.
        is_whole: whether all of it was read; what is not there, or None, always is.
        expected: in words, for the error of a record that is read with WHOLE.
    """

    def validate(value: Any, info: ValidationInfo) -> Any:  # noqa: ANN401  # JSON
        if info.context == WHOLE and value is not None and not is_whole(value):
            raise ValueError(f"expected {expected}")
        return read(value)

    return BeforeValidator(validate)


#: Context of `model_validate` that refuses what otherwise is read as None: a run's own file is whole or an error.
WHOLE = "whole"


def _metric(lowest: float) -> BeforeValidator:
    return as_far_as(
        partial(as_metric, lowest=lowest), partial(_is_metric, lowest=lowest), f"value, low, high in {lowest:g}..1"
    )


def is_object(value: Any) -> bool:  # noqa: ANN401  # JSON
    """Whether it is a JSON object."""
    return isinstance(value, Mapping)


def _are_objects(value: Any) -> bool:  # noqa: ANN401  # JSON
    return is_object(value) and all(entry is None or is_object(entry) for entry in value.values())


#: A figure from 0 to 1, the same where it must be there, and a difference of two, from -1 to 1.
Share = Annotated[Metric | None, _metric(0.0)]
MeasuredShare = Annotated[Metric, _metric(0.0)]
Difference = Annotated[Metric | None, _metric(-1.0)]
Number = Annotated[float | None, as_far_as(as_number, lambda value: as_number(value) is not None, "a number")]
Count = Annotated[int | None, as_far_as(as_count, lambda value: as_count(value) is not None, "a count")]
Text = Annotated[str, as_far_as(partial(_or, str, ""), lambda value: isinstance(value, str), "a text")]
Texts = Annotated[tuple[str, ...], as_far_as(_texts, lambda value: isinstance(value, list | tuple), "a list")]
#: Before a record, or a mapping of metrics: what is no JSON object is an empty one.
AsObject = as_far_as(partial(_or, Mapping, {}), is_object, "an object")
#: Before a mapping of records: entries that are no JSON object are not there.
ObjectsByName = as_far_as(_objects, _are_objects, "an object of objects")


class Record(BaseModel):
    """A part of a JSON file, read as far as it goes."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    @classmethod
    def whole(cls, found: Mapping[str, Any]) -> Self:
        """Read a JSON object of which nothing that the record knows may be damaged.

        Raises:
            ValueError: one line: where, and what was expected there.
        """
        try:
            return cls.model_validate(found, context=WHOLE)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            raise ValueError(f"{place}: {first['msg'].removeprefix('Value error, ')}") from None


def json_object(data: bytes) -> dict[str, Any]:
    """Read a file's bytes as one JSON object.

    Raises:
        ValueError: they are none.
    """
    try:
        found = json.loads(data)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(found, dict):
        raise ValueError("no JSON object")
    return found


def interval_kind(metrics: Mapping[str, Any] | None) -> Literal["patients", "films", "none"]:
    """What the intervals of a card's metrics are of: patients resampled, films taken as independent, or there are none.

    Beside an interval over patients stands the one that takes films as independent.
    """
    auroc = (metrics or {}).get("auroc")
    low, independent = (
        as_number(auroc.get(key)) if isinstance(auroc, Mapping) else None for key in ("low", "independent_low")
    )
    if low is None:
        return "none"
    return "films" if independent is None else "patients"
