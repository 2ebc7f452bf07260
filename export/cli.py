"""The command `export`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from train.cli.options import DataRoot, required_data_root
from train.common.console import (
    NOT_A_MEDICAL_DEVICE,
    AsJson,
    Command,
    Debug,
    print_json,
    print_table,
    say,
    say_next,
    say_warning,
)
from train.common.errors import PneumoscopeError, UsageError

if TYPE_CHECKING:
    from export.bundle import Bundle
    from train.runs.run_folder import RunFolder

app = typer.Typer(no_args_is_help=True)


@app.command("export", cls=Command)
def export_command(
    runs: Annotated[
        list[str],
        typer.Argument(metavar="RUN", help="Runs of network a or b; of each the best by validation AUROC is taken."),
    ],
    to: Annotated[Path, typer.Option("--to", help="Folder for the bundles a/ and b/.")] = Path("models"),
    data: DataRoot = None,
    placeholder: Annotated[
        str, typer.Option(help="Mark the bundles as placeholders, for this reason.", show_default=False)
    ] = "",
    parity_films: Annotated[int, typer.Option(min=64, help="Validation films that the parity gate compares.")] = 128,
    audit: Annotated[
        Path | None,
        typer.Option(help="What `data audit` found about the films, for the card.  [default: audit/audit.json]"),
    ] = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Export the best runs as calibrated ONNX bundles, each with its model card.

    Temperature and operating points come from validation scores. Nothing is written unless ONNX Runtime and Keras say
    the same about validation films. Where both bundles are then there, comparison.json sets A against B.
    """
    from train.fitting.devices.device import backend_name, choose_device

    if (backend := backend_name()) != "tensorflow":
        raise UsageError(
            "export needs Keras's TensorFlow backend, whatever a run was trained with: unset KERAS_BACKEND. "
            f"Received: {backend}"
        )
    from train.runs.run_folder import find_run, require_network, settings_of

    data_root = required_data_root(data)
    found = [find_run(name) for name in runs]
    for run in found:
        require_network(run, settings_of(run), ("a", "b"))
    best = best_of_each_network(found)

    say("starting TensorFlow …")
    choose_device("cpu")
    from export.export_run import export_run

    bundles = [export_run(run, to, data_root, placeholder, parity_films, audit) for run in best]
    _compare(to)
    rows = [_summary(run, bundle) for run, bundle in zip(best, bundles, strict=True)]
    if as_json:
        print_json(rows)
    else:
        print_table("exported", tuple(rows[0]), [tuple(row.values()) for row in rows])
    say(NOT_A_MEDICAL_DEVICE)
    say_next(f"pneumoscope predict FILM --models {to}")


def best_of_each_network(runs: "list[RunFolder]") -> "list[RunFolder]":
    """Choose per network the run with the highest AUROC on validation.

    Raises:
        UsageError: runs of one network were split differently, so that their validation figures do not compare.
        EvaluationError: a run has not been evaluated.
    """
    from train.evaluation.evaluation import read_evaluation
    from train.runs.run_folder import settings_of

    best: dict[str, tuple[float, str, RunFolder]] = {}
    for run in runs:
        network = settings_of(run).network
        evaluation = read_evaluation(run.evaluation)
        auroc = evaluation["validation"]["metrics"]["auroc"]["value"]
        fingerprint = evaluation["split_fingerprint"]
        if network in best and best[network][1] != fingerprint:
            raise UsageError(
                f"runs {best[network][2].name} and {run.name} were validated on different splits, so the better one "
                "cannot be told: export one of them, or train both with the same --seed"
            )
        if network not in best or auroc > best[network][0]:
            best[network] = (auroc, fingerprint, run)
    return [best[network][2] for network in sorted(best)]


def _compare(models: Path) -> None:
    from export.bundle.comparison import write_comparison

    try:
        path = write_comparison(models)
    except PneumoscopeError as error:
        say_warning(f"A and B are not compared: {error}")
        return
    if path is not None:
        say(f"A against B: {path}")


def _summary(run: "RunFolder", bundle: "Bundle") -> dict[str, object]:
    card = bundle.card
    return {
        "network": card.network,
        "run": run.name,
        "bundle": str(bundle.folder),
        "megabytes": round(bundle.model.stat().st_size / 1e6, 1),
        "validation_auroc": round(card.metrics.validation["auroc"]["value"], 4),
        "calibration": card.calibration.method,
        "temperature": round(card.calibration.temperature, 4),
        "offset": round(card.calibration.offset, 4),
        "largest_difference": float(f"{card.parity.largest_probability_difference:.2g}"),
        "placeholder": card.placeholder,
    }
