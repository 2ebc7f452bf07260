"""The commands `train` and `evaluate`."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from train.console import (
    NOT_A_MEDICAL_DEVICE,
    AsJson,
    Command,
    Debug,
    print_json,
    print_table,
    say,
    say_next,
)
from train.errors import UsageError

if TYPE_CHECKING:
    from train.run_folder import RunFolder

app = typer.Typer(no_args_is_help=True)

#: Every reading of the test films is written down here, in the folder the command runs in.
TEST_READS = Path("docs/test-reads.csv")
POINT_METRICS = ("accuracy", "balanced_accuracy", "f1", "sensitivity", "specificity")


class Network(StrEnum):
    """What `train` can train."""

    a = "a"
    b = "b"
    backbone = "backbone"


class DeviceChoice(StrEnum):
    """Where `train` can run."""

    auto = "auto"
    gpu = "gpu"
    cpu = "cpu"


DataRoot = Annotated[
    Path | None,
    typer.Option("--data", envvar="PNEUMOSCOPE_DATA", help="Folder that holds chest_xray/ or a cohort.csv."),
]


@app.command("train", cls=Command)
def train_command(
    network: Annotated[
        Network,
        typer.Argument(
            metavar="NETWORK", help="a: small CNN from scratch; b: ResNet50V2; backbone: weights for b from your films."
        ),
    ],
    data: DataRoot = None,
    name: Annotated[str | None, typer.Option(help="Name of the run folder. [default: the network's]")] = None,
    epochs: Annotated[int | None, typer.Option(help="Epochs of stage 1. [default: a 16, b and backbone 20]")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Rate of stage 1. [default: 0.001]")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Films per step. [default: 32]")] = None,
    optimizer: Annotated[str | None, typer.Option(help="adam, rmsprop, sgd or momentum. [default: adam]")] = None,
    image_size: Annotated[int | None, typer.Option(help="Side of the input in pixels. [default: 250]")] = None,
    dropout: Annotated[float | None, typer.Option(help="Rate of every dropout layer. [default: 0.1]")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of split, weights and augmentation. [default: 0]")] = None,
    backbone_weights: Annotated[
        str | None, typer.Option(help="b, backbone: imagenet, random or a weights file. [default: b imagenet]")
    ] = None,
    fine_tune_epochs: Annotated[int | None, typer.Option(help="b: epochs of stage 2. [default: 10]")] = None,
    fine_tune_from: Annotated[
        int | None, typer.Option(help="b: first backbone layer trained in stage 2; 0: all. [default: 150]")
    ] = None,
    early_stopping: Annotated[
        int | None, typer.Option(help="Stop after this many epochs without a better val_loss. [default: never]")
    ] = None,
    settings_file: Annotated[
        Path | None, typer.Option("--settings", help="YAML file of settings, such as a run's settings.yaml.")
    ] = None,
    assignments: Annotated[
        list[str] | None, typer.Option("--set", help="Any setting: key=value, such as augmentation.rotation=5.")
    ] = None,
    device: Annotated[DeviceChoice, typer.Option(help="Where to train.")] = DeviceChoice.auto,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Train network A, B, or a backbone for B, on your films.

    The run folder keeps settings, split, history, the best network and its scores. Settings are set by the options, by
    a file (--settings) or one by one (--set); an option wins over the file, --set over both.
    """
    from train.settings import make_settings, parse_assignment, read_settings

    changes: dict[str, object] = read_settings(settings_file) if settings_file else {}
    trained = changes.pop("network", network.value)
    if trained != network.value:
        raise UsageError(f"{settings_file} is for network {trained}. Received: train {network.value}")
    options = {
        "epochs": epochs,
        "learning_rate": learning_rate,
        "batch_size": batch_size,
        "optimizer": optimizer,
        "prepare.image_size": image_size,
        "dropout": dropout,
        "seed": seed,
        "backbone_weights": backbone_weights,
        "fine_tune.epochs": fine_tune_epochs,
        "fine_tune.from_layer": fine_tune_from,
        "early_stopping_patience": early_stopping,
    }
    changes.update({key: value for key, value in options.items() if value is not None})
    changes.update(parse_assignment(text) for text in assignments or [])
    settings = make_settings(network.value, changes)

    from train.cohort import index_cohort, split_cohort

    data_root = required_data_root(data)
    cohort = split_cohort(index_cohort(data_root), settings.seed, settings.validation_fraction)

    say("starting TensorFlow …")
    from train.device import choose_device
    from train.fitting import fit, make_ready
    from train.run_folder import create_run

    chosen = choose_device(device.value)
    say(chosen.line)
    if settings.mixed_precision and chosen.kind != "gpu":
        raise UsageError("mixed_precision needs a GPU: set it to false, or use a machine with one")
    ready = make_ready(settings, cohort)
    run = create_run(name, settings)
    say(f"run: {run.folder}")
    fit(run, settings, ready, chosen)
    if network is Network.backbone:
        result: dict[str, object] = {"run": run.name, "weights": str(run.backbone_weights)}
        if as_json:
            print_json(result)
        else:
            print_table("backbone", ("run", "weights"), [tuple(result.values())])
        say_next(f"pneumoscope train b --backbone-weights {run.backbone_weights} --fine-tune-from 0")
        return
    _evaluate(run, data_root, test=False, as_json=as_json)


@app.command("evaluate", cls=Command)
def evaluate_command(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run: its name or its folder.")],
    data: DataRoot = None,
    test: Annotated[
        bool,
        typer.Option("--test", help="Read the test films at the thresholds frozen on validation; logged."),
    ] = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Say how good a run is, with 95 % intervals.

    On the validation films, where the thresholds are chosen; with --test also on the test films, at those thresholds.
    """
    from train.run_folder import find_run, require_network, settings_of

    found = find_run(run)
    require_network(found, settings_of(found), ("a", "b"))
    say("starting TensorFlow …")
    from train.device import choose_device

    choose_device("auto")
    _evaluate(found, required_data_root(data), test=test, as_json=as_json)


def required_data_root(data: Path | None) -> Path:
    """Return the data root that a command was given.

    Raises:
        UsageError: none was given, or it is no folder.
    """
    if data is None:
        raise UsageError(
            "no films given: pass --data DIR or set PNEUMOSCOPE_DATA to the folder that holds chest_xray/; "
            "'pneumoscope data phantoms DIR' makes synthetic films to try with"
        )
    if not data.is_dir():
        raise UsageError(f"the data root {data} is not a folder: expected one that holds chest_xray/")
    return data


def _evaluate(run: "RunFolder", data_root: Path, *, test: bool, as_json: bool) -> None:
    """Score a run's films, keep scores, evaluation and curves in its folder, print them; test only if asked."""
    import datetime

    from train.cohort import read_split
    from train.curve_plots import plot_curves, read_history
    from train.evaluation import evaluate_test, evaluate_validation, read_evaluation, write_evaluation
    from train.run_folder import commit_of_checkout, settings_of
    from train.scores import joined, read_scores, write_scores
    from train.scoring import score_run
    from train.test_reads import append_test_read

    settings = settings_of(run)
    cohort = read_split(run.split, data_root)
    known = read_scores(run.scores) if run.scores.is_file() else None
    scored_since = run.scores.is_file() and run.scores.stat().st_mtime >= run.best_network.stat().st_mtime
    if test and known is not None and scored_since and run.evaluation.is_file():
        validation = known.of_split("validation")
        evaluation = read_evaluation(run.evaluation)
    else:
        validation = score_run(run, cohort, "validation")
        evaluation = evaluate_validation(validation, settings.network, cohort.fingerprint)
    tested = known.of_split("test") if known is not None else None
    if test:
        tested = score_run(run, cohort, "test")
    scores = validation if tested is None else joined(validation, tested)
    if tested is not None and len(tested):
        evaluation = evaluate_test(evaluation, scores, cohort.fingerprint)
    write_scores(run.scores, scores)
    write_evaluation(run.evaluation, evaluation)
    if test:
        date = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M")
        append_test_read(TEST_READS, run.name, commit_of_checkout() or "unknown", date, evaluation)
        say(f"this reading of the test films is logged in {TEST_READS}")
    with_history = read_history(run.history) if run.history.is_file() else ()
    plot_curves(evaluation, run.curves, with_history)
    splits = ("validation", "test") if test else ("validation",)
    if as_json:
        print_json({"run": run.name, **{split: evaluation[split]["metrics"] for split in splits}})
    else:
        for split in splits:
            _print_evaluation(run.name, split, evaluation[split]["metrics"])
    say(NOT_A_MEDICAL_DEVICE)
    say(f"curves: {run.curves}")
    say_next(f"pneumoscope export {run.name}" if test else f"pneumoscope evaluate {run.name} --test")


def _print_evaluation(run: str, split: str, metrics: dict[str, Any]) -> None:
    rows = [
        (name, f"{point['threshold']:.4f}", *(_with_interval(point[key]) for key in POINT_METRICS))
        for name, point in metrics["operating_points"].items()
    ]
    columns = ("operating point", "threshold", *(key.replace("_", " ") for key in POINT_METRICS))
    ill, films = metrics["positives"], metrics["n"]
    print_table(f"{run}, {split}: {films} films, {ill} with pneumonia (thresholds from validation)", columns, rows)
    report = metrics["as_report"]
    best = report["f1_maximum"]
    print_table(
        f"{run}, {split}: without a threshold, and as the report counts",
        ("figure", "value"),
        [
            ("AUROC", _with_interval(metrics["auroc"])),
            ("average precision", _with_interval(metrics["average_precision"])),
            ("log loss", f"{metrics['log_loss']:.4f}"),
            ("accuracy at 0.5 (report)", _with_interval(report["accuracy_at_0.5"])),
            ("maximum F1 (report)", f"{best['value']:.4f} at {best['threshold']:.4f}, chosen on {split} itself"),
        ],
    )


def _with_interval(figure: dict[str, float | None]) -> str:
    if figure["value"] is None:
        return "–"
    return f"{figure['value']:.4f} [{figure['low']:.4f}–{figure['high']:.4f}]"
