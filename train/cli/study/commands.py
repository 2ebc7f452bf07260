"""The commands `study …`: the report's studies, listed and shown."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from train.cli.study.report_command import report_command
from train.cli.study.run_command import run_command, status_command
from train.common.console import AsJson, Command, Debug, print_json, print_table, say, say_next

if TYPE_CHECKING:
    from train.studies.definition import Reported, Row, Study
    from train.studies.study_file import ReportedTable

app = typer.Typer(
    no_args_is_help=True, help="The report's 107 settings as named trainings: list them, show what each sets."
)

StudyName = Annotated[str, typer.Argument(metavar="NAME", help="Of `pneumoscope study list`.")]


@app.command("list", cls=Command)
def list_command(as_json: AsJson = False, debug: Debug = False) -> None:
    """List the studies: what varies, how many rows, where the report has them."""
    from train.studies.definition import reported_only, studies

    listed = studies()
    counted = sum(len(study.rows) for study in listed if study.counted)
    if as_json:
        tables = [{"name": name, "title": table.title} for name, table in reported_only().items()]
        print_json({"studies": [_as_dict(study) for study in listed], "rows": counted, "reported_only": tables})
        return
    rows: list[Sequence[object]] = [
        (study.name, study.section, study.network, len(study.rows), ", ".join(study.varies) or None, study.title)
        for study in listed
    ]
    rows += [
        (name, table.section, None, len(table.rows), "reported figures only", table.title)
        for name, table in reported_only().items()
    ]
    print_table("Studies", ("study", "section", "network", "rows", "what varies", "title"), rows)
    say(
        f"{counted} rows of {sum(study.counted for study in listed)} studies; reference-runs are not counted among them"
    )
    say_next(f"pneumoscope study show {listed[0].name}")


@app.command("show", cls=Command)
def show_command(name: StudyName, as_json: AsJson = False, debug: Debug = False) -> None:
    """Show the rows of a study: the settings in which they differ, and what the report measured."""
    from train.studies.definition import find_study, reported_only

    if table := reported_only().get(name):
        _show_table(name, table, as_json=as_json)
        return
    study = find_study(name)
    if as_json:
        print_json(_as_dict(study))
        return
    _print_study(study)
    say_next(f"pneumoscope study run {name} --dry-run")


def _as_dict(study: "Study") -> dict[str, Any]:
    return asdict(study) | {"rows": [_row_as_dict(row) for row in study.rows]}


def _row_as_dict(row: "Row") -> dict[str, Any]:
    return asdict(row) | {"same_training": [f"{study}/{key}" for study, key in _twins(row)]}


def _twins(row: "Row") -> tuple[tuple[str, str], ...]:
    """The rows of any study that are the same training as a row, which is not among them."""
    from train.studies.definition import rows_of_training

    return tuple(ref for ref, other in rows_of_training(row) if other is not row)


def _print_study(study: "Study") -> None:
    set_by_rows = tuple(dict.fromkeys(key for row in study.rows for key in row.changes))
    shown = study.varies or set_by_rows
    stages = tuple(dict.fromkeys(stage for row in study.rows for stage in row.reported))
    of_both = "," in study.network
    columns = ["row", *(["network"] if of_both else []), *shown, *map(_heading, stages), "the same training as"]
    rows = [
        [
            row.key,
            *([row.network] if of_both else []),
            *(row.changes.get(key) for key in shown),
            *(_figures(row.reported.get(stage)) for stage in stages),
            ", ".join(f"{name} {key}" for name, key in _twins(row)) or None,
        ]
        for row in study.rows
    ]
    print_table(f"{study.name}: {study.title}", columns, rows)
    if fixed := [f"{key} {study.rows[0].changes[key]}" for key in set_by_rows if key not in shown]:
        say(f"fixed for all rows: {', '.join(fixed)}")
    if stages:
        say(f"reported ({study.section}): accuracy at 0.5, loss, the highest F1 and its threshold, on the test films")
    for note in study.notes:
        say(f"note: {note}")
    for row in study.rows:
        for note in row.notes:
            say(f"note on {row.key}: {note}")


def _heading(stage: str) -> str:
    return "reported" if stage == "train" else f"reported, {stage}"


def _figures(reported: "Reported | None") -> str | None:
    if reported is None:
        return None
    said = []
    if reported.accuracy is not None:
        said.append(f"{reported.accuracy:.4f}")
    if reported.loss is not None:
        said.append(f"loss {reported.loss:g}")
    if reported.f1 is not None:
        said.append(f"F1 {reported.f1:.4f}" + (f" at {reported.threshold:g}" if reported.threshold is not None else ""))
    return ", ".join(said) or None


def _show_table(name: str, table: "ReportedTable", *, as_json: bool) -> None:
    if as_json:
        print_json({"name": name, **table.model_dump()})
        return
    print_table(table.title, [column.replace("_", " ") for column in table.columns], table.rows)
    for note in table.notes:
        say(f"note: {note}")


app.command("run", cls=Command)(run_command)
app.command("status", cls=Command)(status_command)
app.command("report", cls=Command)(report_command)
