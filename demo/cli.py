"""The command `pneumoscope`: predict, and the commands of train and export beside it."""

import shlex
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from export.cli import app as export_app
from train.cli import app as train_app
from train.console import (
    NOT_A_MEDICAL_DEVICE,
    Command,
    Debug,
    print_table,
    progress_bar,
    say,
    say_error,
    say_next,
    say_warning,
)
from train.data_cli import app as data_app
from train.errors import UsageError

if TYPE_CHECKING:
    from demo.classifier import Classifier
    from demo.compare import Comparison
    from export.bundle import Bundle

Network = Literal["a", "b", "both"]
OperatingPointName = Literal["f1", "youden", "sensitivity_95", "specificity_95"]
DeviceName = Literal["auto", "cpu", "gpu"]

SECONDS_BEFORE_PROGRESS = 2

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # plain help: typer's boxes name every flag's type and break the paragraphs
    # Typer's own tracebacks show local variables, and so perhaps what stands in a film's header.
    pretty_exceptions_enable=False,
    epilog=NOT_A_MEDICAL_DEVICE,
)


# Without a name of their own: their commands stand flat beside predict.
app.add_typer(train_app)
app.add_typer(export_app)
app.add_typer(data_app, name="data")


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"pneumoscope {version('pneumoscope')}")
        raise typer.Exit


@app.callback()
def pneumoscope(
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version and exit.", callback=_print_version, is_eager=True),
    ] = False,
) -> None:
    """Two neural networks read the same chest X-ray, side by side, and say whether it shows pneumonia.

    Network A was trained from scratch, network B fine-tuned from a ResNet50V2. Read your own films with
    `predict`; train, evaluate and export your own networks with the other commands.
    """


@app.command(cls=Command, no_args_is_help=True, epilog=NOT_A_MEDICAL_DEVICE)
def predict(
    paths: Annotated[
        list[str],
        typer.Argument(metavar="PATH", help="Films, folders of films, or patterns such as 'ward/*.dcm'."),
    ],
    network: Annotated[Network, typer.Option(help="Which network reads the films.")] = "both",
    operating_point: Annotated[
        OperatingPointName | None,
        typer.Option(
            help="Which threshold decides, all chosen on validation films: best F1, best Youden index, "
            "or 95 % sensitivity or specificity. By default the one the model's card names (youden).",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list, one object per film.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV, one row per film and network.")] = False,
    recursive: Annotated[
        bool,
        typer.Option("--recursive", help="Look into sub-folders too, also where a folder has films of its own."),
    ] = False,
    models: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Folder with the models a and b; by default those that came with pneumoscope."
        ),
    ] = None,
    device: Annotated[DeviceName, typer.Option(help="auto takes an NVIDIA GPU when there is one that works.")] = "auto",
    debug: Debug = False,
) -> None:
    """Read films (JPEG, PNG, DICOM) and say what each network sees.

    Probability and threshold are always shown as two numbers: a film is called pneumonia when its probability
    reaches the threshold. A film that cannot be read is reported and never stops the others.

    Exit code: 0 every film was read, 1 some film or a model could not be read, 2 wrong use.
    """
    if as_json and as_csv:
        raise UsageError("--json and --csv were both given; choose one of the two")
    output = "json" if as_json else "csv" if as_csv else "table"
    if debug:
        _log_to_stderr()

    from demo.film_paths import find_films

    found = find_films(paths, recursive)
    bundles = _bundles(models, network)
    classifiers = _classifiers(bundles, device)
    for warning in found.warnings:
        say_warning(warning)

    if output == "table":
        failed = _print_table(list(_read_all(found.films, classifiers, operating_point)), bundles)
    else:
        say(NOT_A_MEDICAL_DEVICE)
        _say_placeholders(bundles, say_warning)
        rows_on_terminal = output == "csv" and sys.stdout.isatty()  # they show the progress themselves
        films_read = _read_all(found.films, classifiers, operating_point, with_progress=not rows_on_terminal)
        failed = _print_for_scripts(films_read, bundles, output)
    if failed:
        say_error(f"{failed} of {len(found.films)} films could not be read")
    if output == "table":
        say_next(f"pneumoscope predict {_shell_words(paths)} --csv > readings.csv")
    if failed:
        raise typer.Exit(1)


def _bundles(models: Path | None, network: Network) -> "dict[str, Bundle]":
    from export.bundle import NETWORKS, default_models_folder, find_bundles

    folder = models or default_models_folder()
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder of models; make it: pneumoscope export RUN --to {folder}")
    wanted = NETWORKS if network == "both" else (network,)
    bundles = find_bundles(folder, wanted)
    how_to_make = f"train and export one: pneumoscope train NETWORK, then pneumoscope export RUN --to {folder}"
    if not bundles:
        names = " or ".join(wanted)
        raise UsageError(f"{folder}: no model of network {names} here; {how_to_make.replace('NETWORK', wanted[0])}")
    for name in wanted:
        if name not in bundles:
            say_warning(
                f"{folder}: no model of network {name}, so only {', '.join(bundles)} reads the films; "
                + how_to_make.replace("NETWORK", name)
            )
    return bundles


def _classifiers(bundles: "Mapping[str, Bundle]", device: DeviceName) -> "dict[str, Classifier]":
    from demo.classifier import load_classifier
    from demo.runtime import runtime_warnings

    for warning in runtime_warnings():
        say_warning(warning)
    classifiers = {network: load_classifier(bundle, device) for network, bundle in bundles.items()}
    for line in dict.fromkeys(classifier.device_line for classifier in classifiers.values()):
        say(line)
    return classifiers


def _read_all(
    films: Sequence[str],
    classifiers: "Mapping[str, Classifier]",
    operating_point: str | None,
    with_progress: bool = True,
) -> "Iterator[Comparison]":
    """Read films one after the other; a progress bar appears when it takes longer than a moment."""
    from demo.compare import compare_film

    started = time.monotonic()
    advance = None
    with ExitStack() as bar:
        for done, film in enumerate(films, start=1):
            yield compare_film(film, classifiers, operating_point)
            seconds = time.monotonic() - started
            rate = f"{done / max(seconds, 1e-9):.1f} films/s"
            if advance is not None:
                advance(1, rate)
            elif with_progress and seconds > SECONDS_BEFORE_PROGRESS and done < len(films):
                advance = bar.enter_context(progress_bar("reading films", len(films)))
                advance(done, rate)


def _print_table(comparisons: "Sequence[Comparison]", bundles: "Mapping[str, Bundle]") -> int:
    from demo.results import failure_line, summary, table_rows

    columns = ("film", "network", "says", "probability", "threshold", "agree")
    print_table("", columns, table_rows(comparisons, bundles))
    typer.echo(summary(comparisons, bundles))
    _say_placeholders(bundles, typer.echo)
    typer.echo(NOT_A_MEDICAL_DEVICE)
    failures = [comparison for comparison in comparisons if comparison["error"] is not None]
    for comparison in failures:
        say_error(failure_line(comparison))
    return len(failures)


def _print_for_scripts(
    comparisons: "Iterator[Comparison]", bundles: "Mapping[str, Bundle]", output: Literal["json", "csv"]
) -> int:
    from demo.results import as_json, csv_header, csv_rows

    failed = 0
    if output == "json":
        listed = list(comparisons)
        typer.echo(as_json(listed), nl=False)
        return sum(comparison["error"] is not None for comparison in listed)
    typer.echo(csv_header(), nl=False)
    for comparison in comparisons:  # each film's rows at once: a run that is stopped loses nothing it has read
        typer.echo(csv_rows(comparison, bundles), nl=False)
        failed += comparison["error"] is not None
    return failed


def _say_placeholders(bundles: "Mapping[str, Bundle]", say_line: Callable[[str], None]) -> None:
    for network, bundle in bundles.items():
        if bundle.card.placeholder:
            why = " ".join(bundle.card.placeholder_reason.split())
            say_line(f"Network {network.upper()} is a placeholder: {why}")


def _shell_words(paths: Sequence[str]) -> str:
    return shlex.join(paths) if len(paths) <= 3 else "PATH…"


def _log_to_stderr() -> None:
    import logging

    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(name)s: %(message)s"))
    logger = logging.getLogger("demo")
    logger.setLevel(logging.DEBUG)
    logger.addHandler(handler)
