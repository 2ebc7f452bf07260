"""The command `study report`: measure finished trainings, also on the test films, and write what follows from them."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from train.cli.options import DataRoot, required_data_root
from train.cli.study.run_command import Storage
from train.common.console import (
    NOT_A_MEDICAL_DEVICE,
    AsJson,
    Debug,
    print_json,
    print_table,
    say,
    say_next,
    say_warning,
)
from train.common.errors import PneumoscopeError

if TYPE_CHECKING:
    from train.studies.measure import FinishedTraining
    from train.studies.record import StudiesRecord, Training

Output = Annotated[
    Path,
    typer.Option(metavar="DIR", help="Folder of studies.json, README.md and index.html; what it holds is added to."),
]
NoTest = Annotated[bool, typer.Option("--no-test", help="Leave the test films unread: figures of validation alone.")]


def report_command(
    data: DataRoot = None,
    storage: Storage = None,
    output: Output = Path("assets/studies"),
    no_test: NoTest = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Write the studies' report: measured beside reported, effects, the report's conclusions.

    The test films are read here, with every finished training that has not read them yet, at the thresholds frozen on
    validation; each reading is logged. What an earlier report in the folder measured on another machine is kept.
    """
    from train.studies.record import STUDIES, read_record
    from train.studies.report import make_record
    from train.studies.report_pages import report_page, write_report
    from train.studies.running.storage import default_storage, finished

    before = read_record(output / STUDIES) if (output / STUDIES).is_file() else None
    report_page("README.md", make_record((), before))  # what it is written with is there, before hours are spent
    record = make_record(_measured(finished(storage or default_storage()), data, test=not no_test), before)
    files = write_report(output, record)
    if as_json:
        print_json(record.model_dump(mode="json"))
    else:
        _print_record(record)
    say(NOT_A_MEDICAL_DEVICE)
    say(f"written: {', '.join(map(str, files))}")
    say_next("pneumoscope demo")


def _measured(found: Sequence["FinishedTraining"], data: Path | None, *, test: bool) -> list["Training"]:
    """Measure the trainings whose folders are whole; of the others is said what they lack."""
    from train.studies.measure import FilmsOfStudies, lacks, measure

    whole: list[tuple[FinishedTraining, bool]] = []
    for done in found:
        try:
            whole.append((done, bool(lacks(done, test=test))))
        except PneumoscopeError as error:
            say_warning(f"left out: {error}")
    films, unread = None, [done for done, is_unread in whole if is_unread]
    if unread:
        from train.fitting.devices.device import backend_in_prose, choose_device

        films = FilmsOfStudies(required_data_root(data))
        say(f"starting {backend_in_prose()} …")
        choose_device("auto")
        say(f"reading {'test' if test else 'validation'} films with the networks of {len(unread)} trainings …")
    measured = []
    for done, is_unread in whole:
        if is_unread:
            study, row = done.rows[0]
            say(f"{unread.index(done) + 1} of {len(unread)}: {study} {row}, seed {done.seed}")
        measured.append(measure(done, films, test=test))
    return measured


def _print_record(record: "StudiesRecord") -> None:
    from train.studies.report_content import percent

    rows = [
        (
            conclusion.section,
            conclusion.text,
            decided.scale,
            "report's" if decided.counting == "half" else "ours",
            decided.outcome.replace("_", " "),
            f"{decided.holds_in} of {decided.seeds}",
        )
        for conclusion in record.conclusions
        for decided in conclusion.decided
        if decided.outcome != "not_measured"
    ]
    columns = ("section", "conclusion", "size", "counting", "outcome", "holds in seeds")
    print_table("Conclusions that were measured", columns, rows)
    effects = Counter(effect.verdict for effect in record.effects)
    say(
        "effects: "
        + (", ".join(f"{count} {verdict.replace('_', ' ')}" for verdict, count in effects.items()) or "none measured")
    )
    measured = {row for training in record.trainings for row in training.rows}
    counted = [(study.name, row.key) for study in record.studies if study.counted for row in study.rows]
    share = percent(len(measured.intersection(counted)) / len(counted))
    say(f"rows measured: {len(measured.intersection(counted))} of {len(counted)} ({share})")
