"""The commands `data check` and `data phantoms`."""

import shlex
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from train.console import Command, Debug, print_json, print_table, progress_bar, say, say_next, say_warning
from train.errors import UsageError

if TYPE_CHECKING:
    from train.cohort_check import CheckReport

app = typer.Typer(no_args_is_help=True, help="Check a folder of films, or make synthetic ones.")

AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]

SHOWN_LINES = 10


@app.command("check", cls=Command)
def check_command(
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="DIR",
            envvar="PNEUMOSCOPE_DATA",
            help="Folder that holds chest_xray/ or a cohort.csv.",
        ),
    ] = None,
    as_json: AsJson = False,
    debug: Debug = False,  # noqa: ARG001 (train.console.Command reads it)
) -> None:
    """Read every film of a folder: counts, patients, unreadable films, duplicates, sizes.

    Exit code 1 when a film cannot be read.
    """
    from train.cohort import index_cohort
    from train.cohort_check import check_cohort

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
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to write; a new or an empty one.")],
    count: Annotated[int, typer.Option(help="Films per class, at least 4.")] = 300,
    seed: Annotated[int, typer.Option(help="Same seed, same films.")] = 0,
    image_size: Annotated[int, typer.Option(help="Side of a film in pixels, 32 to 1024.")] = 256,
    as_json: AsJson = False,
    debug: Debug = False,  # noqa: ARG001 (train.console.Command reads it)
) -> None:
    """Draw synthetic chest films of both classes, for tests and a first training.

    They look like films and teach nothing about real pneumonia.
    """
    from train.cohort import index_cohort
    from train.phantoms import make_phantoms

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
    say_next(f"pneumoscope train a --data {shlex.quote(str(folder))}")


def _print_report(report: "CheckReport") -> None:
    rows = [
        [split, counts["normal"], counts["pneumonia"], report.patients[split]] for split, counts in report.films.items()
    ]
    print_table("Films", ["split", "normal", "pneumonia", "patients"], rows)
    shown = [[f"{width}×{height}", count] for width, height, count in report.sizes[:SHOWN_LINES]]
    rest = report.sizes[SHOWN_LINES:]
    if rest:
        shown.append([f"{len(rest)} other sizes", sum(count for _, _, count in rest)])
    print_table("Sizes in pixels", ["width×height", "films"], shown)
    if report.duplicates:
        extra = sum(len(group) - 1 for group in report.duplicates)
        say_warning(f"{extra} films are exact copies of others, in {len(report.duplicates)} groups")
        _say_some([" = ".join(group) for group in report.duplicates])
    if report.patients_across_splits:
        say_warning(
            f"{len(report.patients_across_splits)} patient ids occur in more than one split; "
            "train and validation are split again by patient, test keeps its films"
        )
        _say_some([f"{name}: {', '.join(splits)}" for name, splits in report.patients_across_splits.items()])
    if report.unreadable:
        say_warning(f"{len(report.unreadable)} films cannot be read: replace them, or take them out")
        _say_some([f"{path}: {reason}" for path, reason in report.unreadable])


def _say_some(lines: list[str]) -> None:
    for line in lines[:SHOWN_LINES]:
        say(f"  {line}")
    if len(lines) > SHOWN_LINES:
        say(f"  and {len(lines) - SHOWN_LINES} more (all with --json)")
