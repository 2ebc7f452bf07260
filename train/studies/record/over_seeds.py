"""Trainings of the record summed up: figures over seeds, the split and the size at which they are compared."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping

from train.studies.record.shape import Entry, Figures, Interval, Split, Training


class OverSeeds(Entry):
    """A figure of a row over its seeds.

    mean: over seeds; low, high: the smallest and largest seed.
    interval_low, interval_high: the means of the seeds' limits of the 95 % interval over patients. All seeds look at
        the same films and err on much the same ones, so that a mean over seeds is hardly more certain than one seed.
    """

    seeds: int
    mean: float
    low: float
    high: float
    interval_low: float | None = None
    interval_high: float | None = None


def over_seeds(figures: Iterable[Interval | float | None]) -> OverSeeds | None:
    """Sum up a figure over seeds; None where no seed has it."""
    known = [figure for figure in figures if figure is not None]
    values = [figure.value if isinstance(figure, Interval) else figure for figure in known]
    found = [value for value in values if value is not None]
    if not found:
        return None
    lows = [figure.low for figure in known if isinstance(figure, Interval) and figure.low is not None]
    highs = [figure.high for figure in known if isinstance(figure, Interval) and figure.high is not None]
    limits = len(lows) == len(highs) == len(found)
    return OverSeeds(
        seeds=len(found),
        mean=_mean(found),
        low=min(found),
        high=max(found),
        interval_low=_mean(lows) if limits else None,
        interval_high=_mean(highs) if limits else None,
    )


def figures_of(trainings: Iterable[Training], stage: str, split: Split) -> tuple[Figures, ...]:
    """The figures that trainings have of a stage and a split, in their order."""
    found = (training.stages[stage].of(split) for training in trainings if stage in training.stages)
    return tuple(figures for figures in found if figures is not None)


def split_of(trainings: Iterable[Training]) -> Split:
    """What trainings are compared on: the test films where any of them read these, and only those that did; else
    validation.
    """
    tested = any(stage.test is not None for training in trainings for stage in training.stages.values())
    return "test" if tested else "validation"


def by_scale(trainings: Iterable[Training]) -> Mapping[str, tuple[Training, ...]]:
    """Trainings by their scale: those of two scales are never compared."""
    return grouped(trainings, lambda training: training.scale)


def grouped(trainings: Iterable[Training], key: Callable[[Training], str]) -> Mapping[str, tuple[Training, ...]]:
    """Trainings by a text that tells them apart."""
    found: dict[str, list[Training]] = defaultdict(list)
    for training in trainings:
        found[key(training)].append(training)
    return {name: tuple(rows) for name, rows in found.items()}


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
