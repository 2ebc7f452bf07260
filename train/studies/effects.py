"""Which effects hold: trainings with the same seed in pairs, a change of the settings on one side of each pair.

All rows are trained and validated on the same patients and read the same test films, so that a pair differs by the
change and by chance in its training alone. The chance is told by the spread of the differences over seeds (paired t
test); with fewer than three seeds nothing is claimed. Of the many effects of a study some would look real by luck:
Holm's procedure (Scand J Stat 1979;6:65) keeps the risk of any false one at 5 % within each family.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from train.studies.record import Effect, Figures, Row, Split, Study, Training, by_scale, split_of

#: Fewer differences have a spread that says nothing: of two, Student's t asks for 12.7 times their standard error.
FEWEST_SEEDS = 3
SIGNIFICANT = 0.05
#: The study whose rows are what all others vary.
REFERENCE = "reference-runs"
FIGURES: Mapping[str, Callable[[Figures], float | None]] = {
    "accuracy_at_half": lambda figures: figures.half.accuracy.value,
    "accuracy": lambda figures: figures.chosen.accuracy.value,
    "auroc": lambda figures: figures.auroc.value,
}
HOW = (
    "Trainings with the same seed in pairs: the mean difference over seeds with its 95 % interval (paired t test; the "
    "spread is taken for one film at least). An effect holds where p, corrected by Holm over all effects of the study "
    "of one kind (its rows, or a grid's levels) at one stage on one figure, is below 0.05; below three seeds nothing "
    "is claimed. The spread is that of training again on the same films: other patients would add theirs."
)

_Values = Mapping[int, float]  # by seed


@dataclass(frozen=True)
class _Pairs:
    """Two sides of one change, by seed."""

    level: str
    against: str
    changed: _Values
    unchanged: _Values
    cells: int = 1
    of_cells: int = 1

    @property
    def seeds(self) -> tuple[int, ...]:
        return tuple(sorted(self.changed.keys() & self.unchanged.keys()))


def find_effects(studies: Sequence[Study], trainings: Iterable[Training]) -> tuple[Effect, ...]:
    """Return the effects of all rows and levels that were measured, by scale, study, stage and figure."""
    found: list[Effect] = []
    for scale, of_scale in by_scale(trainings).items():
        split = split_of(of_scale)
        for study in studies:
            for stage in dict.fromkeys(stage for row in study.rows for stage in row.stages):
                for name, read in FIGURES.items():
                    table = _Table(of_scale, stage, split, read)
                    where = {"study": study.name, "scale": scale, "stage": stage, "split": split, "figure": name}
                    found += _family("row", list(_rows_in_pairs(study, studies, table)), table, where)
                    found += _family("level", list(_levels_in_pairs(study, studies, table)), table, where)
    return tuple(found)


def holm(p_values: Sequence[float]) -> list[float]:
    """Correct p values for their number, in their order (Holm 1979): each is at least what it was, at most 1."""
    corrected, largest = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda index: p_values[index])):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        corrected[index] = largest
    return corrected


def paired_t(differences: Sequence[float], least_spread: float) -> tuple[float, float, float]:
    """Return the two-sided p of a mean difference, and the ends of its 95 % interval.

    Args:
        differences: of pairs, at least two.
        least_spread: their standard deviation counts as this at least: figures that are counted in films cannot be
            told more exactly than by one.
    """
    from scipy.stats import t

    mean, freedom = float(np.mean(differences)), len(differences) - 1
    error = max(float(np.std(differences, ddof=1)), least_spread) / math.sqrt(len(differences))
    reach = float(t.ppf(0.975, freedom)) * error
    return float(2 * t.sf(abs(mean) / error, freedom)), mean - reach, mean + reach


@dataclass(frozen=True)
class _Table:
    """One figure of one stage on one split, of the trainings at one scale."""

    trainings: tuple[Training, ...]
    stage: str
    split: Split
    read: Callable[[Figures], float | None]

    def of_row(self, study: str, key: str) -> _Values:
        """By seed, where it is known."""
        found = {}
        for training in self.trainings:
            if (study, key) in training.rows and (figures := self._figures(training)) is not None:
                value = self.read(figures)
                if value is not None:
                    found[training.seed] = value
        return found

    def is_same(self, *pairs: tuple[tuple[str, str], tuple[str, str]]) -> bool:
        """Whether the rows of each pair are one training, as a row with the reference's own settings is."""
        return all(self._runs(one) == self._runs(other) for one, other in pairs)

    def _runs(self, row: tuple[str, str]) -> set[str]:
        return {training.run for training in self.trainings if row in training.rows}

    @property
    def one_film(self) -> float:
        """What a film more or less makes of a share of them."""
        films = [figures.films for training in self.trainings if (figures := self._figures(training)) is not None]
        return 1 / max(films)

    def _figures(self, training: Training) -> Figures | None:
        stage = training.stages.get(self.stage)
        return stage.of(self.split) if stage else None


def _rows_in_pairs(study: Study, studies: Sequence[Study], table: _Table) -> Iterator[_Pairs]:
    if study.name == REFERENCE:
        return
    for row in study.rows:
        reference = _reference(row, studies)
        if reference is None or table.is_same(((study.name, row.key), (REFERENCE, reference.key))):
            continue
        changed, unchanged = table.of_row(study.name, row.key), table.of_row(REFERENCE, reference.key)
        yield _Pairs(row.key, f"{REFERENCE} {reference.key}", changed, unchanged)


def _levels_in_pairs(study: Study, studies: Sequence[Study], table: _Table) -> Iterator[_Pairs]:
    """Each level of each setting of a grid against the reference's level, as the mean over the other settings."""
    if not _is_grid(study):
        return
    reference = _reference(study.rows[0], studies)
    for setting in study.varies:
        levels = list(dict.fromkeys(row.settings[setting] for row in study.rows))
        base = reference.settings[setting] if reference else levels[0]
        if base not in levels:  # B's reference trains for 20 epochs, which its grid does not
            base = levels[len(levels) // 2]
        for level in levels:
            if level != base:
                yield _level_in_pairs(study, setting, level, base, table)


def _level_in_pairs(study: Study, setting: str, level: object, base: object, table: _Table) -> _Pairs:
    def cells_of(value: object) -> dict[tuple[object, ...], tuple[str, str]]:
        others = [name for name in study.varies if name != setting]
        rows = (row for row in study.rows if row.settings[setting] == value)
        return {tuple(row.settings[name] for name in others): (study.name, row.key) for row in rows}

    rows, base_rows = cells_of(level), cells_of(base)
    # With fewer epochs than either level asks for, both are one training.
    cells = [cell for cell in rows if not table.is_same((rows[cell], base_rows[cell]))]
    changed = {cell: table.of_row(*rows[cell]) for cell in cells}
    unchanged = {cell: table.of_row(*base_rows[cell]) for cell in cells}
    both = {cell: seeds for cell in cells if (seeds := changed[cell].keys() & unchanged[cell].keys())}
    seeds = set.intersection(*map(set, both.values())) if both else set()

    def mean(side: Mapping[tuple[object, ...], _Values], seed: int) -> float:
        return float(np.mean([side[cell][seed] for cell in both]))

    return _Pairs(
        f"{setting} {level}",
        f"{setting} {base}",
        {seed: mean(changed, seed) for seed in seeds},
        {seed: mean(unchanged, seed) for seed in seeds},
        len(both),
        len(rows),
    )


def _family(kind: str, pairs: Sequence[_Pairs], table: _Table, where: Mapping[str, str]) -> Iterator[Effect]:
    measured = [pair for pair in pairs if pair.seeds]
    tested = [pair for pair in measured if len(pair.seeds) >= FEWEST_SEEDS and pair.cells == pair.of_cells]
    tests = {id(pair): paired_t(_differences(pair), table.one_film) for pair in tested}
    # Those that are still to be tested count: what is claimed now has to hold when they are there.
    to_come = [1.0] * (len(pairs) - len(tested))
    corrected = dict(zip(tests, holm([*(p for p, _, _ in tests.values()), *to_come]), strict=False))
    for pair in measured:
        p, low, high = tests.get(id(pair), (None, None, None))
        p_holm = corrected.get(id(pair))
        if p_holm is not None:
            verdict = "holds" if p_holm < SIGNIFICANT else "not_shown"
        else:
            verdict = "few_seeds" if len(pair.seeds) < FEWEST_SEEDS else "incomplete"
        yield Effect.model_validate(
            {
                **where,
                "kind": kind,
                "level": pair.level,
                "against": pair.against,
                "seeds": pair.seeds,
                "cells": pair.cells,
                "of_cells": pair.of_cells,
                "difference": float(np.mean(_differences(pair))),
                "low": low,
                "high": high,
                "p": p,
                "p_holm": p_holm,
                "family": len(pairs),
                "verdict": verdict,
            }
        )


def _differences(pair: _Pairs) -> list[float]:
    return [pair.changed[seed] - pair.unchanged[seed] for seed in pair.seeds]


def _reference(row: Row, studies: Sequence[Study]) -> Row | None:
    """The reference run of a row's network."""
    rows = (other for study in studies if study.name == REFERENCE for other in study.rows)
    return next((other for other in rows if other.network == row.network), None)


def _is_grid(study: Study) -> bool:
    """Whether a study has every combination of several settings, once."""
    if len(study.varies) < 2:
        return False
    combinations = math.prod(len({row.settings.get(name) for row in study.rows}) for name in study.varies)
    return combinations == len(study.rows) and all(name in row.settings for row in study.rows for name in study.varies)
