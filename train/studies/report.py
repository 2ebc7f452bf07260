"""All that `study report` says, as one record: definitions, measured trainings, effects, conclusions, costs."""

import datetime
from collections.abc import Iterable, Sequence
from statistics import median

from train.runs.run_folder import commit_of_checkout
from train.studies import definition
from train.studies.conclusions.decide import decide_conclusions
from train.studies.effects import find_effects
from train.studies.record import (
    Cost,
    Reported,
    ReportedTable,
    Row,
    StudiesRecord,
    Study,
    Training,
    grouped,
)


def make_record(measured: Sequence[Training], before: StudiesRecord | None = None) -> StudiesRecord:
    """Return the record of measured trainings and of those that an earlier record has besides.

    Args:
        measured: of this storage; they take the place of earlier ones of the same row, seed and scale.
        before: the earlier record, perhaps with trainings of another machine.
    """
    studies = recorded_studies()
    rows = _settings_by_row(studies).keys()
    kept = _kept(before, measured, studies) if before else []
    trainings = tuple(
        sorted(
            # A row that has left the studies takes its trainings along.
            (training for training in (*kept, *measured) if rows & set(training.rows)),
            key=lambda training: (training.scale, training.rows, training.seed),
        )
    )
    return StudiesRecord(
        date=datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d"),
        commit=commit_of_checkout(),
        studies=studies,
        tables=_tables(),
        trainings=trainings,
        effects=find_effects(studies, trainings),
        conclusions=decide_conclusions(studies, trainings),
        costs=costs_of(trainings),
    )


def _kept(before: StudiesRecord, measured: Iterable[Training], studies: Iterable[Study]) -> list[Training]:
    """Return the trainings of an earlier record that are still of rows as they are now, and not measured again.

    A run's name alone does not say so: with an edited row or another default the row's training has another name.
    """
    now, then = _settings_by_row(studies), _settings_by_row(before.studies)
    again = {(training.scale, training.seed, row) for training in measured for row in training.rows}
    kept = []
    for training in before.trainings:
        rows = tuple(
            row
            for row in training.rows
            if row in now and now[row] == then.get(row) and (training.scale, training.seed, row) not in again
        )
        if rows:
            kept.append(training.model_copy(update={"rows": rows}))
    return kept


def _settings_by_row(studies: Iterable[Study]) -> dict[tuple[str, str], object]:
    return {(study.name, row.key): row.settings for study in studies for row in study.rows}


def recorded_studies() -> tuple[Study, ...]:
    """Return the studies as the record holds them."""
    return tuple(
        Study.model_validate(
            {
                "name": study.name,
                "title": study.title,
                "section": study.section,
                "network": study.network,
                "varies": study.varies,
                "counted": study.counted,
                "rows": tuple(_row(row) for row in study.rows),
                "notes": study.notes,
            }
        )
        for study in definition.studies()
    )


def costs_of(trainings: Iterable[Training]) -> tuple[Cost, ...]:
    """Return what the trainings of each network, scale and device took."""
    timed = [training for training in trainings if training.seconds is not None]
    costs = []
    for of_kind in grouped(timed, lambda one: f"{one.network}\n{one.scale}\n{one.device}").values():
        seconds = [training.seconds for training in of_kind if training.seconds is not None]
        first = of_kind[0]
        costs.append(
            Cost(
                network=first.network,
                scale=first.scale,
                device=first.device,
                trainings=len(seconds),
                median=float(median(seconds)),
                low=min(seconds),
                high=max(seconds),
            )
        )
    return tuple(sorted(costs, key=lambda cost: (cost.network, cost.scale, cost.device)))


def _row(row: definition.Row) -> Row:
    reported = {
        stage: Reported(
            accuracy=found.accuracy,
            loss=found.loss,
            f1=found.f1,
            threshold=found.threshold,
        )
        for stage, found in row.reported.items()
    }
    values = {"key": row.key, "network": row.network, "settings": dict(row.changes), "notes": row.notes}
    return Row.model_validate({**values, "reported": reported})


def _tables() -> tuple[ReportedTable, ...]:
    return tuple(
        ReportedTable(
            name=name,
            title=table.title,
            section=table.section,
            columns=tuple(table.columns),
            rows=tuple(map(tuple, table.rows)),
            notes=tuple(table.notes),
        )
        for name, table in definition.reported_only().items()
    )
