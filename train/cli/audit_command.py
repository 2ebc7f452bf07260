"""The command `data audit`."""

import importlib.util
import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from train.common.console import AsJson, Debug, print_json, print_table, progress_bar, say, say_next, say_warning
from train.common.errors import PneumoscopeError, UsageError

if TYPE_CHECKING:
    from train.audit.audit import Audit

PAGE = "audit.html"
FINDINGS = "audit.json"
_SHOWN_LINES = 10


AuditedFolder = Annotated[
    Path | None,
    typer.Argument(
        metavar="DIR",
        envvar="PNEUMOSCOPE_DATA",
        help="Folder that holds chest_xray/, a cohort.csv, or NORMAL/ and PNEUMONIA/.",
    ),
]
To = Annotated[Path, typer.Option("--to", metavar="DIR", help="Folder for the page and the findings.")]
Split = Annotated[
    Path | None,
    typer.Option("--split", metavar="RUN", help="Run folder or split.csv: audit its split, not the folder's own."),
]


def audit_command(
    folder: AuditedFolder = None,
    to: To = Path("audit"),
    split: Split = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Audit films for what a network could learn instead of lungs.

    Copies (byte for byte, and films that look equal), patients in several splits, size, bytes and exposure by class
    and split, and how well a logistic regression tells the class from width, height and bytes alone. The test films
    are covered too; nothing is chosen.

    Writes audit.html, which shows films and must not be published, and audit.json, the figures alone: no picture, no
    file's name, no patient. `export` puts them into the model card. Films that cannot be read are counted and left
    out.
    """
    if folder is None:
        raise UsageError("which folder? give DIR, or set PNEUMOSCOPE_DATA to the folder that holds chest_xray/")
    if importlib.util.find_spec("imagehash") is None or importlib.util.find_spec("sklearn") is None:
        raise UsageError("data audit needs imagehash and scikit-learn: pip install 'pneumoscope[train]'")
    from train.audit.audit import audit_films, films_to_audit, is_one_split, measure_films
    from train.audit.page import PRIVATE, audit_page
    from train.audit.tables import READS_TEST, baseline_faults
    from train.data.cohort import left_out_files
    from train.metrics.cluster_bootstrap import RESAMPLES

    cohort = films_to_audit(folder, split)
    if split is None and (left_out := left_out_files(cohort)):
        say_warning(f"{len(left_out)} files are no films and are left out; the first is {left_out[0]}")
    if to.exists() and not to.is_dir():
        raise UsageError(f"{to} is a file: give a folder with --to")
    with progress_bar("reading films", len(cohort.films)) as advance:
        measured = measure_films(cohort, advance)
    passes = 2 if any(film.split == "test" for film in cohort.films) else 1
    with progress_bar("resampling patients", passes * RESAMPLES) as advance:
        audit = audit_films(cohort, measured, split is not None, advance)
    _write(to, audit_page(audit), json.dumps(audit.as_json(), indent=2, allow_nan=False) + "\n")
    if as_json:
        print_json({**audit.as_json(), "details": audit.details()})
    else:
        _print_audit(audit)
    for fault in baseline_faults(audit):
        say_warning(fault)
    if audit.unreadable:
        say_warning(f"{len(audit.unreadable)} films cannot be read and were left out")
        for path, reason in audit.unreadable[:_SHOWN_LINES]:
            say(f"  {path}: {reason}")
        if len(audit.unreadable) > _SHOWN_LINES:
            say(f"  and {len(audit.unreadable) - _SHOWN_LINES} more (all with --json)")
    if audit.covers_test:
        say(READS_TEST)
    say(f"{to / PAGE}: {PRIVATE[0].lower()}{PRIVATE[1:]}")
    say(f"{to / FINDINGS}: the figures alone")
    say_next(f"pneumoscope {'predict' if is_one_split(folder) else 'train a --data'} {shlex.quote(str(folder))}")


def _write(to: Path, page: str, findings: str) -> None:
    from train.common.atomic import write_text

    try:
        # A new folder is kept from git wherever it lies; one that held something is its owner's.
        if not to.exists() or not any(to.iterdir()):
            write_text(to / ".gitignore", "*\n")
        write_text(to / PAGE, page)
        write_text(to / FINDINGS, findings)
    except OSError as error:
        raise PneumoscopeError(f"{to} cannot be written: {error.strerror}; give another folder with --to") from None


def _print_audit(audit: "Audit") -> None:
    from train.audit.tables import tables_of

    for table in tables_of(audit):
        if table.rows:
            print_table(table.title, table.columns, table.rows)
        if table.note:
            say(table.note)
