"""The kinds of rules: each looks at the accuracies of named rows and says whether a conclusion holds, and by what."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

#: A network that calls all films alike is right on one class; its accuracy is that class's share, up to so much.
ALIKE = 0.005
#: Of a difference in points: 92 % less 90 % is 2 points, whatever the last bit says.
ROUNDING = 1e-9

Patterns = Annotated[tuple[str, ...], Field(min_length=1)]


@dataclass(frozen=True)
class Accuracies:
    """What a rule looks at.

    stages: stage → row ("STUDY/KEY") → accuracy, 0..1.
    prevalence: share of the films with pneumonia.
    """

    stages: Mapping[str, Mapping[str, float]]
    prevalence: float

    def of(self, stage: str, patterns: Sequence[str]) -> dict[str, float]:
        """The accuracies of the rows that patterns name, in the order of these."""
        known = self.stages.get(stage, {})
        return {row: known[row] for row in matching(patterns, known)}


def matching(patterns: Sequence[str], rows: Sequence[str] | Mapping[str, object]) -> list[str]:
    """The rows that patterns name, each once."""
    return list(dict.fromkeys(row for pattern in patterns for row in rows if fnmatchcase(row, pattern)))


class _Rule(BaseModel, ABC):
    model_config = ConfigDict(extra="forbid", frozen=True)

    @abstractmethod
    def needs(self, stage: str) -> Iterator[tuple[str, str]]:
        """Each (stage, pattern) whose rows must be measured."""

    @abstractmethod
    def decide(self, accuracies: Accuracies, stage: str) -> tuple[bool, str]:
        """Whether it holds, and the figures that decide, in words. All that is needed is measured."""

    @property
    @abstractmethod
    def words(self) -> str:
        """The rule in words."""


class Above(_Rule):
    """Every row of `higher` has a higher accuracy than every row of `lower`."""

    higher: Patterns
    lower: Patterns

    def needs(self, stage: str) -> Iterator[tuple[str, str]]:  # noqa: D102
        yield from ((stage, pattern) for pattern in (*self.higher, *self.lower))

    def decide(self, accuracies: Accuracies, stage: str) -> tuple[bool, str]:  # noqa: D102
        higher, lower = accuracies.of(stage, self.higher), accuracies.of(stage, self.lower)
        least, most = min(higher, key=higher.__getitem__), max(lower, key=lower.__getitem__)
        return higher[least] > lower[most], f"{_told(least, higher)} against {_told(most, lower)}"

    @property
    def words(self) -> str:  # noqa: D102
        return f"each of {_listed(self.higher)} above each of {_listed(self.lower)}"


class EachAbove(_Rule):
    """`Above` for every one of several groups."""

    groups: Annotated[tuple[Above, ...], Field(min_length=1)]

    def needs(self, stage: str) -> Iterator[tuple[str, str]]:  # noqa: D102
        for group in self.groups:
            yield from group.needs(stage)

    def decide(self, accuracies: Accuracies, stage: str) -> tuple[bool, str]:  # noqa: D102
        decided = [group.decide(accuracies, stage) for group in self.groups]
        return all(holds for holds, _ in decided), "; ".join(why for _, why in decided)

    @property
    def words(self) -> str:  # noqa: D102
        return "; ".join(group.words for group in self.groups)


class MeanAbove(_Rule):
    """In every group the mean accuracy over `higher` is above the mean over `lower`."""

    groups: Annotated[tuple[Above, ...], Field(min_length=1)]

    def needs(self, stage: str) -> Iterator[tuple[str, str]]:  # noqa: D102
        for group in self.groups:
            yield from group.needs(stage)

    def decide(self, accuracies: Accuracies, stage: str) -> tuple[bool, str]:  # noqa: D102
        means = {patterns: _mean(accuracies.of(stage, patterns)) for group in self.groups for patterns in _sides(group)}
        holds = all(means[group.higher] > means[group.lower] for group in self.groups)
        return holds, "; ".join(f"{_listed(patterns)} {_percent(mean)}" for patterns, mean in means.items())

    @property
    def words(self) -> str:  # noqa: D102
        return "; ".join(
            f"the mean of {_listed(group.higher)} above that of {_listed(group.lower)}" for group in self.groups
        )


class Spread(_Rule):
    """The highest and the lowest accuracy of `rows` are at most so many percentage points apart."""

    rows: Patterns
    points: float

    def needs(self, stage: str) -> Iterator[tuple[str, str]]:  # noqa: D102
        yield from ((stage, pattern) for pattern in self.rows)

    def decide(self, accuracies: Accuracies, stage: str) -> tuple[bool, str]:  # noqa: D102
        found = accuracies.of(stage, self.rows)
        least, most = min(found, key=found.__getitem__), max(found, key=found.__getitem__)
        apart = 100 * (found[most] - found[least])
        return apart <= self.points + ROUNDING, f"{apart:.1f} points from {_told(least, found)} to {_told(most, found)}"

    @property
    def words(self) -> str:  # noqa: D102
        return f"{_listed(self.rows)} within {self.points:g} points"


class _Alike(_Rule):
    rows: Patterns

    def needs(self, stage: str) -> Iterator[tuple[str, str]]:
        yield from ((stage, pattern) for pattern in self.rows)

    def _alike(self, accuracies: Accuracies, stage: str) -> tuple[list[str], dict[str, float]]:
        found = accuracies.of(stage, self.rows)
        shares = (accuracies.prevalence, 1 - accuracies.prevalence)
        return [row for row, value in found.items() if min(abs(value - share) for share in shares) <= ALIKE], found


class AllAlike(_Alike):
    """Each of `rows` calls all films alike: its accuracy is the share of a class."""

    def decide(self, accuracies: Accuracies, stage: str) -> tuple[bool, str]:  # noqa: D102
        alike, found = self._alike(accuracies, stage)
        learnt = "; ".join(_told(row, found) for row in found if row not in alike)
        but = f"; not {learnt}" if learnt else ""
        return len(alike) == len(found), f"{len(alike)} of {len(found)} do{but}"

    @property
    def words(self) -> str:  # noqa: D102
        return f"the accuracy of each of {_listed(self.rows)} is the share of one class"


class NoneAlike(_Alike):
    """None of `rows` does."""

    def decide(self, accuracies: Accuracies, stage: str) -> tuple[bool, str]:  # noqa: D102
        alike, found = self._alike(accuracies, stage)
        named = f": {', '.join(alike)}" if alike else ""
        return not alike, f"{len(alike)} of {len(found)} do{named}"

    @property
    def words(self) -> str:  # noqa: D102
        return f"the accuracy of none of {_listed(self.rows)} is the share of one class"


class LaterStage(_Rule):
    """Each of `rows` has a higher accuracy after the conclusion's stage than after the one `before`."""

    rows: Patterns
    before: str

    def needs(self, stage: str) -> Iterator[tuple[str, str]]:  # noqa: D102
        yield from ((one, pattern) for pattern in self.rows for one in (self.before, stage))

    def decide(self, accuracies: Accuracies, stage: str) -> tuple[bool, str]:  # noqa: D102
        earlier, later = accuracies.of(self.before, self.rows), accuracies.of(stage, self.rows)
        higher = [row for row in later if later[row] > earlier[row]]
        pairs = ", ".join(f"{row} {_percent(earlier[row])} → {_percent(later[row])}" for row in later)
        return len(higher) == len(later), f"{len(higher)} of {len(later)} do: {pairs}"

    @property
    def words(self) -> str:  # noqa: D102
        return f"each of {_listed(self.rows)} above itself after {self.before}"


class NotAboveBest(_Rule):
    """No accuracy of `rows` is above the highest of `of`."""

    rows: Patterns
    of: Patterns

    def needs(self, stage: str) -> Iterator[tuple[str, str]]:  # noqa: D102
        yield from ((stage, pattern) for pattern in (*self.rows, *self.of))

    def decide(self, accuracies: Accuracies, stage: str) -> tuple[bool, str]:  # noqa: D102
        found, single = accuracies.of(stage, self.rows), accuracies.of(stage, self.of)
        most, best = max(found, key=found.__getitem__), max(single, key=single.__getitem__)
        return found[most] <= single[best], f"{_told(most, found)} against {_told(best, single)}"

    @property
    def words(self) -> str:  # noqa: D102
        return f"{_listed(self.rows)} not above the best of {_listed(self.of)}"


class RuleEntry(BaseModel):
    """One rule as it stands in the file, by its kind."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    above: Above | None = None
    each_above: tuple[Above, ...] | None = None
    mean_above: tuple[Above, ...] | None = None
    spread: Spread | None = None
    all_alike: AllAlike | None = None
    none_alike: NoneAlike | None = None
    later_stage: LaterStage | None = None
    not_above_best: NotAboveBest | None = None

    @property
    def rule(self) -> _Rule:
        """The one that is given; ValueError where not exactly one is."""
        given = [
            self.above,
            EachAbove(groups=self.each_above) if self.each_above else None,
            MeanAbove(groups=self.mean_above) if self.mean_above else None,
            *(self.spread, self.all_alike, self.none_alike, self.later_stage, self.not_above_best),
        ]
        rules: list[_Rule] = [rule for rule in given if rule is not None]
        if len(rules) != 1:
            raise ValueError("expected one rule")
        return rules[0]


def _sides(group: Above) -> tuple[Patterns, Patterns]:
    return group.higher, group.lower


def _told(row: str, accuracies: Mapping[str, float]) -> str:
    return f"{row} {_percent(accuracies[row])}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _mean(accuracies: Mapping[str, float]) -> float:
    return sum(accuracies.values()) / len(accuracies)


def _listed(patterns: Sequence[str]) -> str:
    return ", ".join(patterns)
