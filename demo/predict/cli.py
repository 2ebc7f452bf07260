"""The command `predict`."""

import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import typer

from demo.predict.chunked.options import Address, ChunkSize, EngineName, NumGpus, Output, Parts, Workers
from demo.predict.options import Device, Models
from demo.predict.reading_options import (
    AsCsv,
    AsJsonLines,
    AsJsonList,
    EveryFile,
    Force,
    Heatmaps,
    Manifest,
    Network,
    OperatingPoint,
    Paths,
    ReadBy,
    Recursive,
    Resume,
)
from demo.predict.run import PredictRun
from train.common.console import (
    NOT_A_MEDICAL_DEVICE,
    Command,
    Debug,
    print_line,
    print_table,
    say,
    say_error,
    say_next,
    say_warning,
)
from train.common.errors import UsageError
from train.common.output import require_output

if TYPE_CHECKING:
    from demo.inference.compare import Comparison
    from demo.predict.chunked.command import Run
    from demo.predict.chunked.job import Wanted
    from demo.predict.heatmap_files import Overlays
    from export.bundle import Bundle

Form = Literal["table", "json", "jsonl", "csv"]

app = typer.Typer()


@app.command(cls=Command, no_args_is_help=True, epilog=NOT_A_MEDICAL_DEVICE)
def predict(
    paths: Paths = None,
    manifest: Manifest = None,
    recursive: Recursive = False,
    every_file: EveryFile = False,
    network: ReadBy = "both",
    operating_point: OperatingPoint = None,
    as_json: AsJsonList = False,
    as_jsonl: AsJsonLines = False,
    as_csv: AsCsv = False,
    resume: Resume = None,
    heatmaps: Heatmaps = None,
    force: Force = False,
    models: Models = None,
    device: Device = "auto",
    output: Output = None,
    engine: EngineName = None,
    workers: Workers = None,
    chunk: ChunkSize = None,
    parts: Parts = None,
    address: Address = None,
    num_gpus: NumGpus = None,
    debug: Debug = False,
) -> None:
    """Read films (JPEG, PNG, TIFF, BMP, WebP, DICOM) and say what each network sees.

    Probability and threshold are always shown as two numbers: a film is called pneumonia when its probability
    reaches the threshold. A picture whose novelty is above a network's limit is no chest film as the network knows
    them: it is refused, which is a result and no error. A film that cannot be read is reported and never stops the
    others. Each film's `milliseconds` are what preparing it and running one network took, without decoding the file.

    Exit code: 0 every film was read, 1 some film or a model could not be read or a result not be written, 2 wrong use.
    """
    form = _output_form(as_json, as_jsonl, as_csv, resume)
    if resume is None:
        require_output()
    if debug:
        _log_to_stderr()
    if output is not None:
        _refuse({"--jsonl": as_jsonl, "--resume": resume, "--heatmaps": heatmaps}, "with --output")

        from demo.predict.chunked.command import Run
        from demo.predict.chunked.job import Wanted
        from demo.predict.chunked.references import Inputs

        inputs = Inputs(tuple(paths or ()), manifest, recursive, every_file)
        wanted = Wanted(inputs, open_bundles(models, network), operating_point, force, chunk, parts)
        unread = _read_in_chunks(output, wanted, Run(engine or "local", workers, device, address, num_gpus), form)
        if form != "csv":
            _say_table_of(wanted, {"--network": network, "--models": models}, output)
        raise typer.Exit(int(unread))
    at_scale = {"--engine": engine, "--workers": workers, "--chunk": chunk, "--parts": parts}
    _refuse(at_scale | {"--address": address, "--num-gpus": num_gpus}, "without --output DIR")

    from demo.predict.films.paths import find_films

    found = find_films(paths or [], recursive, manifest, every_file)
    _check_standard_input(found.films, resume)
    bundles = open_bundles(models, network)
    for warning in filter(None, (*found.warnings, found.left_out.in_words())):
        say_warning(warning)
    overlays = None if heatmaps is None else _open_overlays(heatmaps, found.films, bundles)
    is_whole = _read(found.films, PredictRun(bundles, operating_point, device, force, overlays), form, resume)
    if form == "table":
        say_next(f"pneumoscope predict {_shell_words(paths, manifest)} --csv{_option_of(models)} > readings.csv")
    if not is_whole:
        raise typer.Exit(1)


def _read(films: Sequence[str], run: PredictRun, form: Form, resume: Path | None) -> bool:
    """Read films and print them, or add them to a file; returns whether all were read and all pictures written."""
    if form != "table":
        say(NOT_A_MEDICAL_DEVICE)
        _say_placeholders(run.bundles, say_warning)
    if resume is not None:
        failed = _resume(resume, films, run)
    else:
        # Rows on a terminal are progress enough.
        quiet = form in ("csv", "jsonl") and sys.stdout.isatty()
        failed = _print(run.read(films, not quiet), run.bundles, form)
    if failed:
        say_error(f"{failed} of {len(films)} films could not be read")
    unwritten = run.overlays.failures if run.overlays is not None else []
    _say_unwritten(unwritten)
    return not (failed or unwritten)


def _read_in_chunks(output: str, wanted: "Wanted", run: "Run", form: Form) -> bool:
    """`predict --output`; returns whether some film could not be read."""
    from demo.predict.chunked.command import predict_to_folder

    if run.engine != "ray":
        _refuse({"--address": run.address, "--num-gpus": run.num_gpus}, "without --engine ray")
    say(NOT_A_MEDICAL_DEVICE)
    _say_placeholders(wanted.bundles, say_warning)
    summary = predict_to_folder(output, wanted, run, as_csv=form == "csv", as_json=form == "json")
    if summary.warned:
        say_warning(f"of {summary.warned} films there is something to know; predict FILM says what")
    if summary.failed:
        say_error(f"{summary.failed} of {summary.films} films could not be read")
    return summary.failed > 0


def _say_table_of(wanted: "Wanted", opened: Mapping[str, object], output: str) -> None:
    """Name the command that prints the parts as one table: the same, whose films are all read."""
    inputs = wanted.inputs
    same = {"--recursive": inputs.recursive, "--all": inputs.every_file, **opened}
    same |= {"--operating-point": wanted.operating_point, "--force": wanted.force, "--output": output}
    words = _shell_words(inputs.paths, inputs.manifest)
    say_next(f"pneumoscope predict {words}{_options(same)} --csv > readings.csv")


def _refuse(options: Mapping[str, object], when: str) -> None:
    """Raise a UsageError for the first of these options that was given."""
    for option, value in options.items():
        if value is not None and value is not False:
            raise UsageError(f"{option} has no meaning {when}; leave one of them out or see predict --help")


def _say_unwritten(heatmaps: Sequence[str]) -> None:
    if heatmaps:
        say_error(
            f"{len(heatmaps)} heatmaps could not be written, the first: {heatmaps[0]}; the readings stand; make room "
            "or name another folder and read these films again"
        )


def open_bundles(models: Path | None, network: Network = "both") -> "dict[str, Bundle]":
    """The bundles of a folder, of one network or both; the folder that came with pneumoscope if none is given.

    Raises:
        UsageError: there is no such folder, or no wanted network in it.
        BundleError: a bundle that is there is damaged.
    """
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


def _output_form(as_json: bool, as_jsonl: bool, as_csv: bool, resume: Path | None) -> Form:
    forms: dict[Form, bool] = {"json": as_json, "jsonl": as_jsonl, "csv": as_csv}
    chosen = [form for form, wanted in forms.items() if wanted]
    if len(chosen) > 1:
        raise UsageError(f"{' and '.join(f'--{form}' for form in chosen)} were given; choose one of them")
    if resume is not None and chosen not in ([], ["jsonl"]):
        raise UsageError(f"--resume writes JSON lines, so --{chosen[0]} cannot be given with it; leave one of them out")
    return "jsonl" if resume is not None else chosen[0] if chosen else "table"


def _check_standard_input(films: Sequence[str], resume: Path | None) -> None:
    from demo.predict.films.names import STANDARD_INPUT

    if STANDARD_INPUT not in films:
        return
    if resume is not None:
        raise UsageError("standard input (-) has no name to be found again by, so it cannot be resumed; name a file")
    if sys.stdin is None or sys.stdin.isatty():
        raise UsageError("- reads a film from standard input, but none is there; try: pneumoscope predict - < film.png")


def _open_overlays(folder: Path, films: Sequence[str], bundles: "Mapping[str, Bundle]") -> "Overlays":
    from demo.predict.heatmap_files import open_overlays

    return open_overlays(folder, films, bundles, say_warning)


def _print(comparisons: "Iterator[Comparison]", bundles: "Mapping[str, Bundle]", form: Form) -> int:
    """Print the films in the form asked for; returns how many could not be read."""
    from demo.predict.results import as_json, csv_header, csv_rows, csv_rows_shown, json_line

    if form in ("csv", "jsonl"):
        if form == "csv":
            typer.echo(csv_header(), nl=False)
        failed = 0
        rows_of = csv_rows_shown if sys.stdout.isatty() else csv_rows
        for comparison in comparisons:  # each film at once: a run that is stopped loses nothing it has read
            line = json_line(comparison) if form == "jsonl" else rows_of(comparison, bundles)
            typer.echo(line, nl=False, file=sys.stdout)
            failed += comparison["error"] is not None
        return failed
    listed = list(comparisons)
    if form == "json":
        typer.echo(as_json(listed), nl=False)
    else:
        _print_table(listed, bundles)
    return sum(comparison["error"] is not None for comparison in listed)


def _print_table(comparisons: "Sequence[Comparison]", bundles: "Mapping[str, Bundle]") -> None:
    from demo.predict.results import failure_line, summary, table_rows

    columns = ("film", "network", "says", "probability", "threshold", "agree")
    print_table("", columns, table_rows(comparisons, bundles))
    print_line(summary(comparisons, bundles))
    _say_placeholders(bundles, print_line)
    print_line(NOT_A_MEDICAL_DEVICE)
    for comparison in comparisons:
        if comparison["error"] is not None:
            say_error(failure_line(comparison))


def _resume(path: Path, films: Sequence[str], run: PredictRun) -> int:
    """Add to a file of readings the films it does not have; returns how many of all could not be read."""
    from demo.inference.classifier import threshold_of
    from demo.predict.resume import Decision, open_readings

    decisions = {}
    for network, bundle in run.bundles.items():
        point = run.operating_point or bundle.card.default_operating_point
        decisions[network] = Decision(point, threshold_of(bundle.card, point), bundle.card.novelty_limit)
    with open_readings(path, decisions, force=run.force) as readings:
        missing = [film for film in films if film not in readings.finished]
        failed = sum(not readings.finished.get(film, True) for film in films)
        if readings.finished and len(missing) == len(films):
            say_warning(f"{path}: has none of these films; run from the folder it was begun in, or name another file")
        elif readings.finished:
            say(f"{path}: {len(films) - len(missing)} of {len(films)} films are in it already")
        if missing:
            for comparison in run.read(missing, in_processes=True):
                readings.append(comparison)
                failed += comparison["error"] is not None
    say(f"{path}: has all {len(films)} films")
    return failed


def _say_placeholders(bundles: "Mapping[str, Bundle]", say_line: Callable[[str], None]) -> None:
    for network, bundle in bundles.items():
        if bundle.card.placeholder:
            why = " ".join(bundle.card.placeholder_reason.split())
            say_line(f"Network {network.upper()} is a placeholder: {why}")


def _shell_words(paths: Sequence[str] | None, manifest: str | None) -> str:
    words = [*(paths or []), *(["--manifest", manifest] if manifest else [])]
    return shlex.join(words) if len(words) <= 3 else "PATH…"


def _option_of(models: Path | None) -> str:
    return _options({"--models": models})


def _options(options: Mapping[str, object]) -> str:
    """Those that were given, as a shell takes them, each with a space before it; a switch is its name alone."""
    words = ""
    for name, value in options.items():
        if value not in (None, False, "both"):
            words += f" {name}" if value is True else f" {name} {shlex.quote(str(value))}"
    return words


def _log_to_stderr() -> None:
    import logging

    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(name)s: %(message)s"))
    logger = logging.getLogger("demo")
    logger.setLevel(logging.DEBUG)
    logger.addHandler(handler)
