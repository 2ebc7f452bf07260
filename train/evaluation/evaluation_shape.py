"""What of evaluation.json must be there, so that a damaged file is one line and no traceback far from its reader."""

from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from train.runs.settings import OperatingSettings


class _Part(BaseModel):
    # Evaluations of every version are read: what else they hold is left alone.
    model_config = ConfigDict(extra="allow", allow_inf_nan=False)


class _Figure(_Part):
    value: float | None


class _AtPoint(_Part):
    threshold: float
    accuracy: _Figure
    balanced_accuracy: _Figure
    f1: _Figure
    sensitivity: _Figure
    specificity: _Figure


class _Metrics(_Part):
    n: int
    log_loss: float
    brier: float
    auroc: _Figure
    average_precision: _Figure
    operating_points: dict[str, _AtPoint]


class _Subset(_Part):
    films_left_out: int | None = None
    repeats: list[str] | None = None
    metrics: _Metrics | None = None


class _Split(_Part):
    metrics: _Metrics
    cohorts: dict[str, _Subset] | None = None


class _External(_Split):
    cohort_fingerprint: str
    films_checksum: str = ""


class _Evaluation(_Part):
    network: str
    split_fingerprint: str
    default_operating_point: str
    thresholds: dict[str, float]
    operating: OperatingSettings | None = None
    validation: _Split
    test: _Split | None
    shifted: _Split | None = None
    external: _External | None = None
    shortcut: dict[str, dict[str, Any]] | None = None


def what_is_wrong(evaluation: dict[str, Any]) -> str:
    """The first thing that an evaluation lacks or has of another kind than it should, in a few words; or nothing."""
    try:
        whole = _Evaluation.model_validate(evaluation)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg'].lower()}"
    default = whole.default_operating_point
    for name, part in (("validation", whole.validation), ("test", whole.test), ("external", whole.external)):
        if default not in whole.thresholds or (part is not None and default not in part.metrics.operating_points):
            return f"{name} has no figures at the default operating point {default}"
    return ""
