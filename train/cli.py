"""The commands `train` and `evaluate`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from train.console import AsJson, Command, Debug, print_json, print_table, say, say_next, say_warning
from train.data_root import DataRoot, required_data_root
from train.errors import PneumoscopeError, UsageError
from train.evaluate_cli import evaluate_command, evaluate_run

app = typer.Typer(no_args_is_help=True)


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
        Path | None,
        typer.Option("--settings", help="YAML file of settings, such as a run's settings.yaml; a, b: as they ship."),
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

    from train.bootstrap import require_patients
    from train.cohort import index_cohort
    from train.shift import split_for_training

    data_root = required_data_root(data)
    cohort = split_for_training(
        index_cohort(data_root), settings.seed_of_split, settings.validation_fraction, settings.shifted_validation
    )
    judged = network is not Network.backbone
    try:
        require_patients([film.patient for film in cohort.of_split("validation")], "the validation films")
    except PneumoscopeError as error:
        # Said now and not after hours of training.
        if judged:
            say_warning(f"{error}; the network will be trained, but not evaluated")
        judged = False

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
    if not judged:
        if as_json:
            print_json({"run": run.name, "validation": None})
        say(f"{run.name} is trained, not evaluated: its validation films are of too few patients")
        return
    evaluate_run(run, data_root, test=False, as_json=as_json)


app.command("evaluate", cls=Command)(evaluate_command)
