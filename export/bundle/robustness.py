"""How a network fares on the same films after harmless changes: a bundle's stress.json, or its card's summary of it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from export.bundle.bundle import STRESS, Bundle
from export.bundle.metric import Metric, as_metric
from train.metrics.scores import SCORED_SPLITS

AS_IT_IS = "as_it_is"  # the change that is none
FIGURES = ("accuracy", "auroc", "probability_shift", "decisions_changed")


class RobustnessError(ValueError):
    """A stress.json that cannot be read, or is of another network or split."""


@dataclass(frozen=True)
class Corruption:
    """One change of the films.

    Attributes:
        name: as `train.evaluation.robustness` has it, such as "jpeg_30".
        what: what was done, in English; "" where that is not told.
        figures: those of FIGURES that are known; `probability_shift` is the mean change of a film's probability.
    """

    name: str
    what: str
    figures: Mapping[str, Metric]


@dataclass(frozen=True)
class Robustness:
    """One network's table of changes.

    Attributes:
        changes: by split, in their order, those with an accuracy; empty for a split that was not measured.
        operating_point: at which films were called; "" where that is not told.
        intervals: how the intervals were made, in English; "" where that is not told.
    """

    changes: Mapping[str, tuple[Corruption, ...]]
    operating_point: str = ""
    intervals: str = field(default="", repr=False)


def read_robustness(bundle: Bundle) -> Robustness | None:
    """Read a bundle's stress.json; None where it has none.

    Raises:
        StressError: it is damaged, or of another network or split.
    """
    if bundle.stress is None:
        return None
    try:
        found = json.loads(bundle.stress.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise RobustnessError(f"{STRESS} cannot be read") from error
    keys = ("network", "split_fingerprint")
    if not isinstance(found, dict) or any(found.get(key) != getattr(bundle.card, key) for key in keys):
        raise RobustnessError(f"{STRESS} is of another network or split")
    stress = as_robustness(found)
    if stress is None:
        raise RobustnessError(f"{STRESS} holds no change that was measured")
    return stress


def as_robustness(found: Any) -> Robustness | None:  # noqa: ANN401  # JSON
    """What a stress.json, or a card's summary in its form, holds; None where that is nothing."""
    if not isinstance(found, Mapping):
        return None
    changes = {}
    for split in SCORED_SPLITS:
        part = found.get(split)
        listed = part.get("changes") if isinstance(part, Mapping) else None
        read = tuple(map(_change, listed, listed.values())) if isinstance(listed, Mapping) else ()
        changes[split] = tuple(change for change in read if "accuracy" in change.figures)
    if not any(changes.values()):
        return None
    return Robustness(changes, _text(found.get("operating_point")), _text(found.get("intervals")))


def all_corruptions(by_network: Mapping[str, Robustness], split: str) -> list[Corruption]:
    """The changes of all networks on a split, each once, in the first network's order."""
    found: dict[str, Corruption] = {}
    for stress in by_network.values():
        for change in stress.changes[split]:
            found.setdefault(change.name, change)
    return list(found.values())


def _change(name: str, entry: Any) -> Corruption:  # noqa: ANN401  # JSON
    if not isinstance(entry, Mapping):
        return Corruption(name, "", {})
    found = {figure: as_metric(entry.get(figure)) for figure in FIGURES}
    return Corruption(name, _text(entry.get("what")), {key: value for key, value in found.items() if value is not None})


def _text(value: Any) -> str:  # noqa: ANN401  # JSON
    return value if isinstance(value, str) else ""
