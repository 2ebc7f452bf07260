"""How a network fares on the same films after harmless changes: stress.json of a run or bundle, or its card's summary.

`train.evaluation.robustness` writes it; here it is read.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from export.bundle.bundle import STRESS, Bundle
from export.bundle.metric import (
    AsObject,
    Count,
    MeasuredShare,
    Number,
    Record,
    Share,
    Text,
    as_far_as,
    as_metric,
    json_object,
)
from train.metrics.scores import SCORED_SPLITS

FORMAT = 1  # a card's summary, and a table from before, does not say it
AS_IT_IS = "as_it_is"  # the change that is none


class RobustnessError(ValueError):
    """A stress.json that cannot be read, or is of another network or split."""


class Corruption(Record):
    """One change of the films; `probability_shift` is the mean change of a film's probability.

    `name` is as `train.data.corruptions` has it, such as "jpeg_30"; `what` says in English what was done.
    """

    name: str
    what: Text = ""
    accuracy: MeasuredShare
    balanced_accuracy: Share = None
    sensitivity: Share = None
    specificity: Share = None
    auroc: Share = None
    probability_shift: Share = None
    decisions_changed: Share = None


def _measured(changes: Any) -> list[dict[str, Any]]:  # noqa: ANN401  # JSON
    """Name → change, as a list of those with an accuracy."""
    listed = changes.items() if isinstance(changes, Mapping) else ()
    return [
        {**entry, "name": name}
        for name, entry in listed
        if isinstance(entry, Mapping) and as_metric(entry.get("accuracy")) is not None
    ]


def _all_measured(changes: Any) -> bool:  # noqa: ANN401  # JSON
    return isinstance(changes, Mapping) and len(_measured(changes)) == len(changes)


class CorruptedFilms(Record):
    """The films of one split: how many, of how many patients, and each change of them in the table's order."""

    films: Count = None
    patients: Count = None
    changes: Annotated[
        tuple[Corruption, ...], as_far_as(_measured, _all_measured, "changes, each with its accuracy")
    ] = ()


class Robustness(Record):
    """One network's table of changes; a split that was not measured has none.

    Attributes:
        weights: checksum of the network's file, "" in a table from before it was kept.
        operating_point, threshold: at which films were predicted; the threshold on the uncalibrated probability.
        intervals: how they were made, in English.
    """

    network: Text = ""
    split_fingerprint: Text = ""
    weights: Text = ""
    operating_point: Text = ""
    threshold: Number = None
    intervals: Text = ""
    validation: Annotated[CorruptedFilms, AsObject] = CorruptedFilms()
    test: Annotated[CorruptedFilms, AsObject] = CorruptedFilms()
    external: Annotated[CorruptedFilms, AsObject] = CorruptedFilms()

    def of(self, split: str) -> CorruptedFilms:
        """The films of "validation" or "test"."""
        return {"validation": self.validation, "test": self.test}[split]


def read_robustness(bundle: Bundle) -> Robustness | None:
    """Read a bundle's stress.json; None where it has none.

    Raises:
        RobustnessError: it is damaged, of another format, or of another network or split.
    """
    if STRESS not in bundle.card.checksums:
        return None
    try:
        found = json_object(bundle.contents[STRESS])
    except ValueError as error:
        raise RobustnessError(f"{STRESS} cannot be read") from error
    if found.get("format", FORMAT) != FORMAT:
        raise RobustnessError(f"{STRESS} is not of format {FORMAT}")
    table = Robustness.model_validate(found)
    if (table.network, table.split_fingerprint) != (bundle.card.network, bundle.card.split_fingerprint):
        raise RobustnessError(f"{STRESS} is of another network or split")
    if not _holds_any(table):
        raise RobustnessError(f"{STRESS} holds no change that was measured")
    return table


def as_robustness(found: Any) -> Robustness | None:  # noqa: ANN401  # JSON
    """What a stress.json, or a card's summary in its form, holds; None where that is nothing."""
    table = Robustness.model_validate(found if isinstance(found, Mapping) else {})
    return table if _holds_any(table) else None


def all_corruptions(by_network: Mapping[str, Robustness], split: str) -> list[Corruption]:
    """The changes of all networks on a split, each once, in the first network's order."""
    found: dict[str, Corruption] = {}
    for table in by_network.values():
        for change in table.of(split).changes:
            found.setdefault(change.name, change)
    return list(found.values())


def _holds_any(table: Robustness) -> bool:
    return any(table.of(split).changes for split in SCORED_SPLITS)
