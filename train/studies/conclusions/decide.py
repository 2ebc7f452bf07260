"""The report's conclusions against measured rows: at each scale, as the report counts and as we do."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError, field_validator

from train.common.errors import UsageError
from train.runs.settings_file import read_settings
from train.studies.conclusions.rules import Accuracies, RuleEntry, matching
from train.studies.record import (
    COUNTINGS,
    Conclusion,
    Counting,
    Decided,
    Split,
    Study,
    Training,
    by_scale,
    split_of,
)

FILE = Path(__file__).with_name("conclusions.yaml")

#: Row ("STUDY/KEY") → stage → seed → accuracy.
Measured = Mapping[str, Mapping[str, Mapping[int, float]]]


class ConclusionEntry(BaseModel):
    """A conclusion as it stands in the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: str
    section: str
    network: Literal["a", "b"]
    stage: str
    text: str
    rule: RuleEntry

    @field_validator("rule")
    @classmethod
    def _is_one(cls, entry: RuleEntry) -> RuleEntry:
        _ = entry.rule
        return entry


@cache
def conclusion_entries() -> tuple[ConclusionEntry, ...]:
    """Return the conclusions of the file, in its order.

    Raises:
        UsageError: the file is wrong.
    """
    try:
        return TypeAdapter(tuple[ConclusionEntry, ...]).validate_python(read_settings(FILE).get("conclusions"))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise UsageError(f"{FILE}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def decide_conclusions(studies: Sequence[Study], trainings: Iterable[Training]) -> tuple[Conclusion, ...]:
    """Hold every conclusion against the trainings of each scale."""
    scales = by_scale(trainings)
    rows = [f"{study.name}/{row.key}" for study in studies for row in study.rows]
    return tuple(
        Conclusion(
            key=entry.key,
            section=entry.section,
            network=entry.network,
            stage=entry.stage,
            rows=tuple(dict.fromkeys(row for _, row in needed_rows(entry, rows))),
            text=entry.text,
            rule=entry.rule.rule.words,
            decided=tuple(
                _decided(entry, rows, scale, of_scale, counting)
                for scale, of_scale in scales.items()
                for counting in COUNTINGS
            ),
        )
        for entry in conclusion_entries()
    )


def needed_rows(entry: ConclusionEntry, rows: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Return each (stage, row) that a conclusion looks at.

    Raises:
        UsageError: it names a row that no study has.
    """
    found: list[tuple[str, str]] = []
    for stage, pattern in entry.rule.rule.needs(entry.stage):
        named = matching((pattern,), rows)
        if not named:
            raise UsageError(f"{FILE}: {entry.key}: no study has a row {pattern}")
        found += [(stage, row) for row in named]
    return tuple(dict.fromkeys(found))


def _decided(
    entry: ConclusionEntry, rows: Sequence[str], scale: str, trainings: tuple[Training, ...], counting: Counting
) -> Decided:
    split = split_of(trainings)
    needed = needed_rows(entry, rows)
    measured = _measured(trainings, split, counting)
    by_seed = [set(measured.get(row, {}).get(stage, {})) for stage, row in needed]
    seeds = sorted(set.intersection(*by_seed))
    base = {"scale": scale, "split": split, "counting": counting}
    if not seeds:
        return Decided.model_validate({**base, "outcome": "not_measured", "why": "", "seeds": 0, "holds_in": 0})
    prevalence = _prevalence(trainings, split)
    rule = entry.rule.rule

    def asked(of_seeds: Sequence[int]) -> tuple[bool, str]:
        stages: dict[str, dict[str, float]] = {}
        for stage, row in needed:
            values = measured[row][stage]
            stages.setdefault(stage, {})[row] = sum(values[seed] for seed in of_seeds) / len(of_seeds)
        return rule.decide(Accuracies(stages, prevalence), entry.stage)

    holds, why = asked(seeds)
    return Decided.model_validate(
        {
            **base,
            "outcome": "reproduced" if holds else "not_reproduced",
            "why": why,
            "seeds": len(seeds),
            "holds_in": sum(asked([seed])[0] for seed in seeds),
        }
    )


def _measured(trainings: Iterable[Training], split: Split, counting: Counting) -> Measured:
    found: dict[str, dict[str, dict[int, float]]] = {}
    for training in trainings:
        for stage, accuracy in _accuracies(training, split, counting):
            for study, key in training.rows:
                found.setdefault(f"{study}/{key}", {}).setdefault(stage, {})[training.seed] = accuracy
    return found


def _accuracies(training: Training, split: Split, counting: Counting) -> Iterator[tuple[str, float]]:
    for stage, figures in training.stages.items():
        of_split = figures.of(split)
        value = of_split.at(counting).accuracy.value if of_split else None
        if value is not None:
            yield stage, value


def _prevalence(trainings: Iterable[Training], split: Split) -> float:
    figures = (stage.of(split) for training in trainings for stage in training.stages.values())
    return next(found.prevalence for found in figures if found is not None)
