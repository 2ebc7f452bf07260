"""What the report's pages say, as plain text in tables; Markdown and HTML only lay it out."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from train.common.console import NOT_A_MEDICAL_DEVICE
from train.studies.effects import HOW as HOW_EFFECTS
from train.studies.record import (
    Conclusion,
    Decided,
    Figures,
    Interval,
    OverSeeds,
    Row,
    StudiesRecord,
    Study,
    Training,
    figures_of,
    over_seeds,
)

DASH = "–"
FULL = "full"
#: A cell: its figure, and what stands small below it.
Cell = tuple[str, ...]
STAGE_WORDS = {"train": "trained", "head": "head trained", "fine_tune": "fine-tuned"}
COLUMNS = (
    *("row", "stage"),
    *("reported accuracy", "accuracy at 0.5", "reported loss", "loss", "reported max F1", "max F1"),
    *("accuracy at the threshold from validation", "AUROC", "validation accuracy", "seeds"),
)


@dataclass(frozen=True)
class Table:
    """A titled table; `note` stands below it."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""


@dataclass(frozen=True)
class Part:
    """A heading with what stands under it."""

    title: str
    paragraphs: tuple[str, ...]
    tables: tuple[Table, ...]


def report_parts(record: StudiesRecord) -> tuple[Part, ...]:
    """Return all parts of the report, in their order."""
    return (_about(record), _conclusions(record), *_studies(record), _effects(record), _costs(record), _others(record))


def _about(record: StudiesRecord) -> Part:
    measured = {row for training in record.trainings for row in training.rows}
    counted = [(study.name, row.key) for study in record.studies if study.counted for row in study.rows]
    full = {row for training in record.trainings if training.scale == FULL for row in training.rows}
    seeds = len({training.seed for training in record.trainings})
    return Part(
        "The report's studies, measured again",
        (
            f"{NOT_A_MEDICAL_DEVICE}",
            f"Of the report's {len(counted)} rows {len(full.intersection(counted))} are measured at full size and "
            f"{len(measured.intersection(counted))} at any size: {len(record.trainings)} trainings of up to {seeds} "
            f"seeds. Written on {record.date} by code at {record.commit or 'an unknown commit'}.",
            "Reported figures are of the report's 624 test films. A dash stands for what was not measured, or what "
            "the report does not give. Runs on smaller films, fewer films or fewer epochs are reduced: they stand in "
            "tables of their own, and nothing is compared across sizes.",
            "Measured: the mean over seeds; in brackets the 95 % interval over patients (the mean of the seeds' "
            "limits: all seeds err on much the same films); then the smallest and largest seed. As the report counts, "
            "accuracy is at 0.5 and the maximum F1 is taken on the very films it is reported on. As we do, the "
            "threshold is chosen on the validation films (Youden's index), before the test films are read.",
        ),
        (),
    )


def _conclusions(record: StudiesRecord) -> Part:
    scales = record.scales or (FULL,)
    tables = tuple(
        Table(
            f"At {_scale_words(scale)}",
            ("section", "conclusion", "as the report counts", "as we do", "rule, and the figures that decide"),
            tuple(_conclusion(conclusion, scale) for conclusion in record.conclusions),
        )
        for scale in scales
    )
    return Part(
        "Conclusions",
        (
            "The report's text is not at hand here, only its figures: each sentence is ours and says what those "
            "figures support; its rule holds for the reported figures themselves. A conclusion is reproduced where its "
            "rule holds for the means over all seeds that have every row it names; beside it stands in how many seeds "
            "it holds by itself. One seed says nothing of chance.",
        ),
        tables,
    )


def _conclusion(conclusion: Conclusion, scale: str) -> tuple[Cell, ...]:
    by_counting = {one.counting: one for one in conclusion.decided if one.scale == scale}
    half, chosen = by_counting.get("half"), by_counting.get("chosen")
    why = (half.why,) if half and half.why else ()
    return (
        (conclusion.section,),
        (conclusion.text,),
        _outcome(half),
        _outcome(chosen),
        (conclusion.rule, *why),
    )


def _outcome(decided: Decided | None) -> Cell:
    if decided is None or decided.outcome == "not_measured":
        return ("not measured",)
    return decided.outcome.replace("_", " "), f"in {decided.holds_in} of {decided.seeds} seeds, {decided.split} films"


def _studies(record: StudiesRecord) -> Iterator[Part]:
    for study in record.studies:
        trainings = [training for training in record.trainings if any(name == study.name for name, _ in training.rows)]
        scales = [scale for scale in record.scales if any(training.scale == scale for training in trainings)]
        tables = tuple(_study_table(record, study, scale) for scale in scales or (FULL,))
        varied = f"Varied: {', '.join(study.varies)}. " if study.varies else ""
        notes = [*study.notes, *(f"row {row.key}: {note}" for row in study.rows for note in row.notes)]
        told = (f"{varied}Report, {study.section}.", *(f"Note: {note}." for note in notes))
        yield Part(f"{study.name}: {study.title}", told, tables)


def _study_table(record: StudiesRecord, study: Study, scale: str) -> Table:
    rows = [
        cells
        for row in study.rows
        for stage in row.stages
        for cells in [_row(row, stage, record.of_row(study.name, row.key, scale))]
    ]
    return Table(f"{study.name}, {_scale_words(scale)}", COLUMNS, tuple(rows))


def _row(row: Row, stage: str, trainings: Sequence[Training]) -> tuple[Cell, ...]:
    reported = row.reported_of(stage)
    test, validation = figures_of(trainings, stage, "test"), figures_of(trainings, stage, "validation")
    diverged = sum(training.diverged for training in trainings)
    trained = [training for training in trainings if stage in training.stages or training.diverged]
    return (
        (row.key,),
        (STAGE_WORDS.get(stage, stage),),
        (percent(reported.accuracy),),
        _shares(test, lambda figures: figures.half.accuracy),
        (_number(reported.loss),),
        _loss(test),
        _at(reported.f1, reported.threshold),
        _best(test),
        _shares(test, lambda figures: figures.chosen.accuracy),
        _areas(test),
        _shares(validation, lambda figures: figures.half.accuracy),
        (str(len(trained)) if trained else DASH, *((f"{diverged} diverged",) if diverged else ())),
    )


def _effects(record: StudiesRecord) -> Part:
    tables = []
    for scale in record.scales:
        found = [effect for effect in record.effects if effect.scale == scale]
        holding = [effect for effect in found if effect.verdict == "holds"]
        counts = {verdict: sum(effect.verdict == verdict for effect in found) for verdict in _VERDICTS}
        told = ", ".join(f"{count} {_VERDICTS[verdict]}" for verdict, count in counts.items())
        rows = tuple(
            (
                (effect.study,),
                (effect.level, f"against {effect.against}"),
                (STAGE_WORDS.get(effect.stage, effect.stage),),
                (_FIGURES[effect.figure], f"{effect.split} films"),
                (
                    f"{_signed(effect.difference)} points",
                    f"[{_signed(effect.low or 0)} to {_signed(effect.high or 0)}], {len(effect.seeds)} seeds",
                ),
                (_p(effect.p_holm), f"of {effect.family} effects"),
            )
            for effect in holding
        )
        note = f"{len(found)} effects: {told}. All of them stand in studies.json."
        columns = ("study", "change", "stage", "figure", "difference", "p, corrected")
        tables.append(Table(f"Effects that hold at {_scale_words(scale)}", columns, rows, note))
    return Part("Effects", (HOW_EFFECTS,), tuple(tables))


_FIGURES = {"accuracy_at_half": "accuracy at 0.5", "accuracy": "accuracy at the threshold", "auroc": "AUROC"}
_VERDICTS = {
    "holds": "hold",
    "not_shown": "not shown",
    "few_seeds": "with not enough seeds",
    "incomplete": "of a level whose grid is incomplete",
}


def _costs(record: StudiesRecord) -> Part:
    rows = tuple(
        (
            (cost.network.upper(),),
            (_scale_words(cost.scale),),
            (f"{cost.median:.0f} s", f"{cost.low:.0f} to {cost.high:.0f} s"),
            (str(cost.trainings),),
            (cost.device,),
        )
        for cost in record.costs
    )
    table = Table("What a training takes", ("network", "size", "median", "trainings", "machine"), rows)
    return Part("Cost of a row", ("Seconds of training alone, by network, size and machine.",), (table,))


def _others(record: StudiesRecord) -> Part:
    tables = tuple(
        Table(
            table.title,
            tuple(column.replace("_", " ") for column in table.columns),
            tuple(tuple((str(cell),) for cell in row) for row in table.rows),
            " ".join(f"{note[:1].upper()}{note[1:]}." for note in table.notes),
        )
        for table in record.tables
    )
    return Part("Reported only", ("What the report takes from elsewhere; nothing of it is trained here.",), tables)


def percent(share: float | None) -> str:
    """A share as "92.9 %"; a dash for None."""
    return DASH if share is None else f"{100 * share:.1f} %"


def _scale_words(scale: str) -> str:
    return "full size" if scale == FULL else f"reduced size ({scale})"


def _shares(figures: Sequence[Figures], read: Callable[[Figures], Interval]) -> Cell:
    found = over_seeds(read(each) for each in figures)
    if found is None:
        return (DASH,)
    return percent(found.mean), *_around(found, 100, ".1f")


def _areas(figures: Sequence[Figures]) -> Cell:
    found = over_seeds(each.auroc for each in figures)
    return (DASH,) if found is None else (f"{found.mean:.3f}", *_around(found, 1, ".3f"))


def _around(found: OverSeeds, scale: float, digits: str) -> Iterator[str]:
    """The interval over patients, and the range over seeds where there are several."""
    if found.interval_low is not None and found.interval_high is not None:
        yield f"[{scale * found.interval_low:{digits}}–{scale * found.interval_high:{digits}}]"
    if found.seeds > 1:
        yield f"seeds {scale * found.low:{digits}} to {scale * found.high:{digits}}"


def _loss(figures: Sequence[Figures]) -> Cell:
    found = over_seeds(each.loss for each in figures)
    return (DASH,) if found is None else (f"{found.mean:.3f}", *_around(found, 1, ".3f"))


def _best(figures: Sequence[Figures]) -> Cell:
    found = over_seeds(each.f1_maximum for each in figures)
    if found is None:
        return (DASH,)
    at = over_seeds(each.f1_maximum_at for each in figures)
    return percent(found.mean), *((f"at {at.mean:.2f}",) if at else ()), *_around(found, 100, ".1f")


def _at(share: float | None, threshold: float | None) -> Cell:
    return percent(share), *((f"at {threshold:g}",) if share is not None and threshold is not None else ())


def _number(value: float | None) -> str:
    return DASH if value is None else f"{value:.3f}"


def _signed(difference: float) -> str:
    return f"{100 * difference:+.1f}".replace("-", "−")


def _p(value: float | None) -> str:
    if value is None:
        return DASH
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"
