"""The commands `data fetch`, `data check` and `data phantoms`; `data audit` and `data synthesize` join them."""

import shlex
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from train.cli.audit_command import audit_command
from train.cli.options import FilmFolder, NewFolder
from train.cli.synthesize_command import synthesize_command
from train.common.console import (
    AsJson,
    Command,
    Debug,
    print_json,
    print_table,
    progress_bar,
    say,
    say_next,
    say_warning,
)
from train.common.errors import UsageError

if TYPE_CHECKING:
    from train.data.check import CheckReport

app = typer.Typer(no_args_is_help=True, help="Fetch the public films, check and audit a folder, draw synthetic films.")

SHOWN_LINES = 10
SHOWN_SIZES = 5
# Films of the larger class for each one of the smaller, from which a split is called imbalanced.
IMBALANCED = 2.0

_ANOMALIES = {
    "nearly_black": "nearly black",
    "nearly_white": "nearly white",
    "flat": "hardly any contrast",
    "small": "small",
    "elongated": "very long or wide",
    "colour": "coloured",
    "warned": "read with a warning",
}


@app.command("fetch", cls=Command)
def fetch_command(
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="DIR", envvar="PNEUMOSCOPE_DATA", help="New or empty folder for the films."),
    ] = None,
    source: Annotated[
        Path | None,
        typer.Option("--from", metavar="PATH", help="Archive or folder you downloaded yourself."),
    ] = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Download the public set of 5,856 chest films.

    It comes from Kaggle (paultimothymooney/chest-xray-pneumonia, 2.3 GB to download, 1.2 GB on the disk in the
    end) and needs no account. Films are counted by split and class before DIR/chest_xray appears. When the
    connection breaks, run the same command again: it goes on where it stopped.

    Without internet, or where Kaggle cannot be reached: download the archive on another computer, from
    https://www.kaggle.com/datasets/paultimothymooney/chest-xray-pneumonia or ChestXRay2017.zip from
    https://data.mendeley.com/datasets/rscbjbr9sj, bring it here and run `pneumoscope data fetch DIR --from
    ARCHIVE`, then `pneumoscope data check DIR`.

    Children of 1 to 5 years, Guangzhou. Licence CC BY 4.0; cite Kermany, Goldbaum et al., Cell 172 (2018)
    1122-1131.
    """
    from train.data.fetch import CITATION, LICENCE, fetch_public_set

    if folder is None:
        raise UsageError("where to? give DIR, a new or an empty folder")
    fetched = fetch_public_set(folder, source, progress_bar)
    total = sum(sum(counts.values()) for counts in fetched.films.values())
    if as_json:
        print_json({**asdict(fetched), "folder": str(folder), "licence": LICENCE, "citation": CITATION})
    else:
        where = "are there already" if fetched.already_there else "are in place"
        say(f"{folder}: all {total} films {where}, as published by {fetched.edition}")
        rows = [[split, counts["normal"], counts["pneumonia"]] for split, counts in fetched.films.items()]
        print_table("Films", ["split", "normal", "pneumonia"], rows)
    say(f"licence: {LICENCE}")
    say(f"cite: {CITATION}")
    say_next(f"export PNEUMOSCOPE_DATA={shlex.quote(str(folder.absolute()))} && pneumoscope data check")


@app.command("check", cls=Command)
def check_command(
    folder: FilmFolder = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Read every film of a folder and list anomalies.

    Counts by split, class and patient, sizes, films that cannot be read (and why), exact copies, films that are
    nearly black, white or flat, coloured, small or very long, patients in several splits, class imbalance,
    and where the public set differs from what was published. Nothing is changed.

    Exit code 1 when a film cannot be read; any other anomaly leaves it at 0.
    """
    from train.data.check import check_cohort
    from train.data.cohort import index_cohort

    if folder is None:
        raise UsageError("which folder? give DIR, or set PNEUMOSCOPE_DATA to the folder that holds chest_xray/")
    cohort = index_cohort(folder)
    with progress_bar("reading films", len(cohort.films)) as advance:
        report = check_cohort(cohort, advance)
    if as_json:
        print_json(asdict(report))
    else:
        _print_report(report)
    if report.unreadable:
        raise typer.Exit(1)
    say_next(f"pneumoscope train a --data {shlex.quote(str(folder))}")


@app.command("phantoms", cls=Command)
def phantoms_command(
    folder: NewFolder,
    count: Annotated[int, typer.Option(help="Films per class, at least 4.")] = 500,
    seed: Annotated[int, typer.Option(help="Same seed, same films.")] = 0,
    image_size: Annotated[int, typer.Option(help="Side of a film in pixels, 32 to 1024.")] = 192,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Draw synthetic chest films of both classes.

    For tests and a first training: they look like films and teach nothing about real pneumonia.
    """
    from train.data.cohort import index_cohort
    from train.synthetic.phantom_folder import make_phantoms

    with progress_bar("drawing films", 2 * max(count, 0)) as advance:
        make_phantoms(folder, count, seed, image_size, advance)
    cohort = index_cohort(folder)
    if as_json:
        print_json(
            {
                "folder": str(folder),
                "films": len(cohort.films),
                "patients": len({film.patient for film in cohort.films}),
                "seed": seed,
                "image_size": image_size,
                "fingerprint": cohort.fingerprint,
            }
        )
    else:
        say(f"{len(cohort.films)} synthetic films of {len({film.patient for film in cohort.films})} patients")
    say_next(f"pneumoscope train a --settings first --data {shlex.quote(str(folder))}")


app.command("audit", cls=Command)(audit_command)
app.command("synthesize", cls=Command)(synthesize_command)


def _print_report(report: "CheckReport") -> None:
    rows = [
        [split, counts["normal"], counts["pneumonia"], _percent(report.pneumonia_share[split]), report.patients[split]]
        for split, counts in report.films.items()
    ]
    print_table("Films", ["split", "normal", "pneumonia", "pneumonia %", "patients"], rows)
    shown = [[f"{width}×{height}", count] for width, height, count in report.sizes[:SHOWN_SIZES]]
    rest = report.sizes[SHOWN_SIZES:]
    if rest:
        shown.append([f"{len(rest)} other sizes", sum(count for _, _, count in rest)])
    print_table("Sizes in pixels", ["width×height", "films"], shown)
    unusual = _unusual(report)
    if unusual:
        print_table("Unusual (all of it with --json)", ["what", "how many", "for example"], unusual)
    else:
        say("nothing unusual")
    if report.is_public_set and not report.published_differences:
        say("the public set, complete: every split and class has as many films as were published")
    if report.unreadable:
        say_warning(f"{len(report.unreadable)} films cannot be read: replace them, or take them out")
        _say_some([f"{path}: {reason}" for path, reason in report.unreadable])


def _unusual(report: "CheckReport") -> list[list[object]]:
    """Rows of what, how many, for example."""
    rows: list[list[object]] = []
    if report.unreadable:
        rows.append(["cannot be read", len(report.unreadable), ": ".join(report.unreadable[0])])
    for anomaly, films in report.unusual.items():
        rows.append([_ANOMALIES[anomaly], len(films), ": ".join(films[0])])
    copies = sum(len(group) - 1 for group in report.duplicates)
    if copies:
        rows.append(["exact copies of other films", copies, " = ".join(report.duplicates[0])])
    for what, groups in (
        ("groups of copies in several splits", report.duplicates_across_splits),
        ("groups of copies with both labels", report.duplicates_across_classes),
    ):
        if groups:
            rows.append([what, len(groups), " = ".join(groups[0])])
    if report.patients_across_splits:
        patient, splits = next(iter(report.patients_across_splits.items()))
        rows.append(
            ["patients in several splits", len(report.patients_across_splits), f"{patient}: {', '.join(splits)}"]
        )
    if report.passed_over:
        rows.append(["files left out, no films", len(report.passed_over), report.passed_over[0]])
    for split, counts in report.films.items():
        smaller, larger = sorted(counts.values())
        if larger > IMBALANCED * smaller:
            rows.append([f"{split}: class imbalance", larger + smaller, _percent_of(counts)])
    for where, name, found, published in report.published_differences:
        rows.append([f"{where}, {name}: not as published", found, f"{published} were published"])
    return rows


def _percent(share: float | None) -> float | None:
    return None if share is None else round(100 * share, 1)


def _percent_of(counts: dict[str, int]) -> str:
    return ", ".join(f"{100 * count / sum(counts.values()):.0f} % {name}" for name, count in counts.items())


def _say_some(lines: list[str]) -> None:
    for line in lines[:SHOWN_LINES]:
        say(f"  {line}")
    if len(lines) > SHOWN_LINES:
        say(f"  and {len(lines) - SHOWN_LINES} more (all with --json)")
