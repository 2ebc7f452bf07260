"""What `data audit` found about the films: audit.json, or the card's summary of it. `train.audit.audit` writes it."""

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from export.bundle.metric import (
    AsObject,
    Count,
    ObjectsByName,
    Record,
    Share,
    Text,
    Texts,
    as_count,
    as_far_as,
    as_number,
    is_object,
)

FORMAT = 1


def count_of(value: object) -> int | None:
    """A count: a whole number from 0 on, or the `total` of an object; else None."""
    return as_count(value.get("total") if isinstance(value, Mapping) else value)


def _delta(value: Any) -> float | None:  # noqa: ANN401  # JSON
    number = as_number(value)
    return number if number is not None and -1 <= number <= 1 else None


def _object(value: Any, plain_count: str = "") -> Any:  # noqa: ANN401  # JSON
    """An object; where it may be a plain count, as short audits have it, that as the object's only entry."""
    if plain_count and as_count(value) is not None:
        return {plain_count: value}
    return value if is_object(value) else None


def _object_or_count(name: str) -> BeforeValidator:
    read = partial(_object, plain_count=name)
    return as_far_as(read, lambda value: read(value) is not None, "an object or a count")


Total = Annotated[int | None, as_far_as(count_of, lambda value: count_of(value) is not None, "a count")]
#: Cliff's delta.
Delta = Annotated[float | None, as_far_as(_delta, lambda value: _delta(value) is not None, "a number in -1..1")]


class Duplicates(Record):
    """Groups of films that are one film, and how many of them lie across splits, classes and patients."""

    total: Count = None  # where nothing else is known
    groups: Count = None
    films: Count = None
    across_splits: Count = None
    across_classes: Count = None
    across_patients: Count = None


class PatientsAcrossSplits(Record):
    """Patients with films in several splits; `films`: split → how many are theirs."""

    patients: Count = None
    films: Annotated[dict[str, Count], AsObject] = Field(default_factory=dict)


class TestBaseline(Record):
    """The AUROC of the metadata on test films."""

    __test__ = False  # no test of pytest's

    auroc: Share = None


class Baseline(Record):
    """How well the columns of metadata alone tell the class; `reason`: why that was not measured."""

    columns: Texts = ()
    constant_columns: Texts = ()
    auroc: Share = None
    reason: Text = ""
    test: Annotated[TestBaseline, AsObject] = TestBaseline()


class Spread(Record):
    """How far a quantity of other splits' films is from training films': split → class → Cliff's delta."""

    against_train: Annotated[dict[str, Annotated[dict[str, Delta], AsObject]], AsObject] = Field(default_factory=dict)


class AuditFindings(Record):
    """An audit's figures; None where it does not say."""

    films: Total = None
    patients: Total = None
    split_fingerprint: Text = ""
    exact_duplicates: Annotated[Duplicates | None, _object_or_count("total")] = None
    near_duplicates: Annotated[Duplicates | None, _object_or_count("total")] = None
    patients_across_splits: Annotated[PatientsAcrossSplits | None, _object_or_count("patients")] = None
    metadata_baseline: Annotated[Baseline | None, as_far_as(_object, is_object, "an object")] = None
    size: Annotated[dict[str, Spread], ObjectsByName] = Field(default_factory=dict)
    exposure: Annotated[dict[str, Spread], ObjectsByName] = Field(default_factory=dict)


def as_findings(audit: Mapping[str, Any] | None) -> AuditFindings | None:
    """A card's `audit` as far as it can be read; None where its films were not audited."""
    return None if audit is None else AuditFindings.model_validate(audit)
