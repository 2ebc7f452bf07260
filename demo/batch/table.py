"""A batch as a person looks at it: sorted, filtered, counted."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from demo.inference.compare import Comparison

Sort = Literal["order", "a", "b", "difference", "novelty"]
SORTS: tuple[Sort, ...] = get_args(Sort)


@dataclass(frozen=True)
class Row:
    """A film of a batch with its number, 0 for the first: what a row is known by however rows are sorted."""

    number: int
    comparison: Comparison

    @property
    def difference(self) -> float | None:
        """|p_A − p_B|, 0..1; None unless both networks evaluated the film."""
        if self.comparison["agree"] is None:
            return None
        a, b = (reading["probability"] for reading in self.comparison["readings"].values())
        return abs(a - b)

    @property
    def refused(self) -> tuple[str, ...]:
        """The networks that refuse the film."""
        return tuple(name for name, reading in self.comparison["readings"].items() if reading["refused"])

    @property
    def strangeness(self) -> float | None:
        """The largest novelty as a share of its network's limit, above 1 for a refused film; None if not measured."""
        shares = []
        for reading in self.comparison["readings"].values():
            novelty, limit = reading["novelty"], reading["novelty_limit"]
            if novelty is not None and limit is not None:
                shares.append(novelty / limit)
            elif reading["refused"]:  # what could not be computed is stranger than any number
                shares.append(math.inf)
        return max(shares, default=None)


@dataclass(frozen=True)
class Tally:
    """A batch counted.

    Attributes:
        read: films that could be read.
        unread: films that could not.
        positive: by network, how many it calls pneumonia.
        refused: by network, how many it does not evaluate.
        refused_by_any: films that at least one network does not evaluate.
        agree: films on which both networks give the same verdict.
        differ: films on which they do not.
    """

    read: int
    unread: int
    positive: dict[str, int]
    refused: dict[str, int]
    refused_by_any: int
    agree: int
    differ: int


def arranged(
    comparisons: Sequence[Comparison], sort: Sort = "order", descending: bool = False, only_differing: bool = False
) -> list[Row]:
    """The rows to show, in their order: by number, by a network's probability, by the difference of both or by novelty.

    Films without the number that is sorted by come last, whichever way, as do those a network refuses when its
    probability is sorted by: it means nothing there. Equal ones keep the films' order.
    """
    rows = [Row(number, comparison) for number, comparison in enumerate(comparisons)]
    if only_differing:
        rows = [row for row in rows if row.comparison["agree"] is False]
    known = [(value, row) for row in rows if (value := _value(row, sort)) is not None]
    known.sort(key=lambda pair: -pair[0] if descending else pair[0])
    return [row for _, row in known] + [row for row in rows if _value(row, sort) is None]


def tally(comparisons: Iterable[Comparison], networks: Iterable[str]) -> Tally:
    """Count a batch."""
    listed = list(comparisons)
    read = [comparison for comparison in listed if comparison["error"] is None]
    verdicts = {name: [comparison["readings"][name]["positive"] for comparison in read] for name in networks}
    agree = [comparison["agree"] for comparison in read]
    return Tally(
        read=len(read),
        unread=len(listed) - len(read),
        positive={name: given.count(True) for name, given in verdicts.items()},
        refused={name: given.count(None) for name, given in verdicts.items()},
        refused_by_any=sum(None in given for given in zip(*verdicts.values(), strict=True)),
        agree=agree.count(True),
        differ=agree.count(False),
    )


def _value(row: Row, sort: Sort) -> float | None:
    if sort == "order":
        return row.number
    if sort == "difference":
        return row.difference
    if sort == "novelty":
        return row.strangeness
    reading = row.comparison["readings"].get(sort)
    return None if reading is None or reading["refused"] else reading["probability"]
