"""The command `bench`."""

import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from demo.predict.cli import open_bundles
from demo.predict.options import Models
from train.cli.options import DataRoot
from train.common.console import (
    AsJson,
    Command,
    Debug,
    print_json,
    print_line,
    print_table,
    progress_bar,
    say,
    say_next,
    say_warning,
)
from train.common.errors import PneumoscopeError, UsageError

if TYPE_CHECKING:
    import numpy as np

    from demo.bench.variants import Variant
    from export.bundle import Bundle

FilmFolder = Annotated[
    str | None,
    typer.Option(metavar="DIR", help="Folder of films to measure with; synthetic ones are made if none is given."),
]
Count = Annotated[int, typer.Option(min=1, help="How many films a round takes.")]
LoaderOnly = Annotated[
    bool,
    typer.Option("--loader", help="Measure only how many training pictures a second are made, of synthetic films."),
]

app = typer.Typer()


@app.command(cls=Command)
def bench(
    films: FilmFolder = None,
    count: Count = 16,
    loader: LoaderOnly = False,
    models: Models = None,
    data: DataRoot = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Measure how fast this machine reads films.

    What the processors allow (a film's decoding, preparing and ONNX Runtime on one thread, times the processors)
    against what `predict` reaches; single films; start-up and memory; and network B
    as float32, as shipped, as INT8 and in Keras, as far as these are installed. The decisions and refusals that INT8
    would change are counted on the network's validation films, if the data root holds them.

    With --loader, something else: films/s of the loader that feeds a training, by one thread, two threads (what
    `train --workers 2` has) and two processes, with the augmentation of preset a and random crops, at 224 pixels.

    Whatever else the machine does slows the bench. Its ratios are taken in turn, so they bear that; the rest does not.
    """
    from demo.bench import measure as parts
    from export.bundle import default_models_folder

    if loader:
        if films is not None:
            raise UsageError("bench --loader measures on synthetic films of one size: leave out --films")
        _bench_loader(as_json=as_json)
        return
    bundles = open_bundles(models)
    with tempfile.TemporaryDirectory() as scratch:
        named = _films(films, count, Path(scratch))
        with progress_bar("preparing films", count) as advance:
            paths, images = parts.prepare_films(named, bundles, count, advance)
        with progress_bar("throughput", parts.steps_of_throughput(bundles)) as advance:
            throughput = parts.measure_throughput(bundles, paths, advance)
        with progress_bar("single films", len(parts.sets_of_networks(bundles))) as advance:
            single_films = parts.measure_one_film(bundles, paths, advance)
        with progress_bar("fresh processes", 2 * parts.FRESH_RUNS) as advance:
            folder = models or default_models_folder()
            fresh = [parts.measure_fresh_process(folder, chosen, advance) for chosen in (paths[:1], paths)]
        variants = _variants(bundles["b"], images["b"], data, Path(scratch)) if "b" in bundles else []
    report = {
        "machine": parts.machine(),
        "films": {"count": len(paths), "source": films or f"synthetic, {parts.PHANTOM_SIDE}×{parts.PHANTOM_SIDE} JPEG"},
        "throughput": [asdict(measured) for measured in throughput],
        "single_films": [asdict(measured) for measured in single_films],
        "fresh_processes": [asdict(measured) for measured in fresh],
        "megabytes": {network: bundle.model.stat().st_size / 1e6 for network, bundle in bundles.items()},
        "forms_of_b": [{**asdict(variant), "may_ship": variant.may_ship} for variant in variants],
    }
    if as_json:
        print_json(report)
    else:
        _print_report(report)
    say_next("pneumoscope predict FOLDER --csv > readings.csv")


def _bench_loader(*, as_json: bool) -> None:
    from demo.bench import loader as parts
    from demo.bench.measure import PHANTOM_SIDE, PHANTOMS_DRAWN, machine, make_phantoms

    with tempfile.TemporaryDirectory() as scratch:
        with progress_bar("drawing films", PHANTOMS_DRAWN) as advance:
            make_phantoms(Path(scratch), parts.FILMS, advance)
        with progress_bar("loader", parts.steps_of_loader()) as advance:
            rates = parts.measure_loader(Path(scratch), advance)
    if as_json:
        films = {"count": parts.FILMS, "source": f"synthetic, {PHANTOM_SIDE}×{PHANTOM_SIDE} JPEG"}
        print_json({"machine": machine(), "films": films, "loader": [asdict(rate) for rate in rates]})
    else:
        print_table(
            "Augmented films of 224 pixels per second",
            ("made by", "films/s", "× one thread"),
            [(_way(rate.kind, rate.workers), round(rate.films_per_second), round(rate.ratio, 2)) for rate in rates],
        )
    say_next("pneumoscope train a --workers 2")


def _way(kind: str, workers: int) -> str:
    return "1 thread" if workers == 1 else f"{workers} {kind}"


def _films(folder: str | None, count: int, scratch: Path) -> Sequence[str]:
    if folder is not None:
        from demo.predict.films.paths import find_films

        found = find_films([folder])
        for warning in filter(None, (*found.warnings, found.left_out.in_words(with_options=False))):
            say_warning(warning)
        return found.films
    from demo.bench.measure import PHANTOMS_DRAWN, make_phantoms

    with progress_bar("drawing films", min(PHANTOMS_DRAWN, count)) as advance:
        return make_phantoms(scratch, count, advance)


def _variants(bundle: "Bundle", images: "np.ndarray", data: Path | None, scratch: Path) -> "list[Variant]":
    from demo.bench import variants as parts
    from demo.bench.measure import prepare_films

    validation = None
    if not parts.can_make_variants():
        say_warning("float32 and INT8 are left out, they need the onnx package: pip install 'pneumoscope[train]'")
    elif data is None:
        say("INT8's decisions are not counted: --data or PNEUMOSCOPE_DATA must name the films B was trained with")
    else:
        try:
            named = parts.validation_films(bundle, data)
            with progress_bar("preparing validation films", len(named)) as advance:
                validation = prepare_films(named, {"b": bundle}, len(named), advance)[1]["b"]
        except PneumoscopeError as error:
            say_warning(f"INT8's decisions are not counted: {error}")
    if parts.can_make_variants():
        say("making float32 and INT8 …")
    with progress_bar("forms of network B", parts.steps_of_variants(validation)) as advance:
        variants = parts.measure_variants(bundle, images, validation, scratch, advance)
    if parts.can_run_keras():
        say("starting Keras …")
        variants.append(parts.measure_keras(bundle))
    return variants


def _print_report(report: dict[str, Any]) -> None:
    machine, films = report["machine"], report["films"]
    print_line(
        f"{films['count']} films ({films['source']}), {machine['processors']} processors ({machine['architecture']}), "
        f"ONNX Runtime {machine['onnxruntime']}"
    )
    sizes = ", ".join(f"{_named(network)} {megabytes:.1f} MB" for network, megabytes in report["megabytes"].items())
    print_line(f"models: {sizes}")
    print_table(
        "Films per second",
        ("networks", "decode, ms", "prepare, ms", "ONNX Runtime, ms", "limit", "predict", "predict / limit"),
        [
            (
                _named(row["networks"]),
                *(round(row["work"][part], 2) for part in ("decode", "prepare", "networks")),
                *(round(row[key], 2) for key in ("limit", "predict", "ratio")),
            )
            for row in report["throughput"]
        ],
    )
    print_table(
        "Milliseconds from a file to its readings",
        ("networks", "p50", "p95"),
        [(_named(row["networks"]), round(row["p50"], 1), round(row["p95"], 1)) for row in report["single_films"]],
    )
    print_table(
        "A whole run of predict",
        ("films", "seconds", "peak memory, MB"),
        [(row["films"], round(row["seconds"], 2), round(row["megabytes"])) for row in report["fresh_processes"]],
    )
    if report["forms_of_b"]:
        print_table(
            "Forms of network B, on prepared films",
            (
                *("form", "MB", "films/s", "× float32", "largest Δ probability"),
                *("decisions changed", "refusals changed", "may ship"),
            ),
            [_form(row) for row in report["forms_of_b"]],
        )


def _form(row: dict[str, Any]) -> tuple[str | None, ...]:
    changed, refusals, difference = row["changed"], row["refusals_changed"], row["largest_difference"]
    return (
        row["name"],
        None if row["megabytes"] is None else f"{row['megabytes']:.1f}",
        f"{row['films_per_second']:.1f}",
        None if row["speed"] is None else f"{row['speed']:.2f}",
        None if difference is None else f"{difference:.2g}",
        None if not changed else f"{max(changed.values())} of {row['judged']}",
        None if refusals is None else f"{refusals} of {row['judged']}",
        {None: None, True: "yes", False: "NO"}[row["may_ship"]],
    )


def _named(networks: str) -> str:
    return " and ".join(networks.upper())
