"""The commands `train` and `evaluate`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from train.cli.evaluate_command import evaluate_command
from train.cli.options import DataRoot, required_data_root
from train.common.console import AsJson, Command, Debug
from train.common.errors import UsageError

app = typer.Typer(no_args_is_help=True)


class Network(StrEnum):
    """What `train` can train."""

    a = "a"
    b = "b"
    backbone = "backbone"
    teacher = "teacher"


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
            metavar="NETWORK",
            help="a: small CNN from scratch; b: ResNet50V2; backbone, teacher: what b may learn from.",
        ),
    ],
    data: DataRoot = None,
    name: Annotated[
        str | None,
        typer.Option(help="Name of the run folder; a run of that name resumes. [default: the network's, numbered]"),
    ] = None,
    new: Annotated[bool, typer.Option("--new", help="Start a new run even if there is one of that name.")] = False,
    epochs: Annotated[int | None, typer.Option(help="Epochs of stage 1. [default: a 16, b and backbone 20]")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Rate of stage 1. [default: 0.001]")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Films per step. [default: 32]")] = None,
    optimizer: Annotated[str | None, typer.Option(help="adam, rmsprop, sgd or momentum. [default: adam]")] = None,
    image_size: Annotated[int | None, typer.Option(help="Side of the input in pixels. [default: 250]")] = None,
    dropout: Annotated[float | None, typer.Option(help="Rate of every dropout layer. [default: 0.1]")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of split, weights and augmentation. [default: 0]")] = None,
    backbone_weights: Annotated[
        str | None,
        typer.Option(help="b, backbone, teacher: imagenet, random or a file. [default: b, teacher imagenet]"),
    ] = None,
    fine_tune_epochs: Annotated[int | None, typer.Option(help="b: epochs of stage 2. [default: 10]")] = None,
    fine_tune_from: Annotated[
        int | None, typer.Option(help="b: first backbone layer trained in stage 2; 0: all. [default: 150]")
    ] = None,
    teacher: Annotated[
        list[str] | None,
        typer.Option(metavar="RUN", help="b: train all of it towards this run of network teacher; may be repeated."),
    ] = None,
    no_cache: Annotated[
        bool,
        typer.Option("--no-cache", help="b: run the whole network on pictures that never repeat; many times slower."),
    ] = False,
    early_stopping: Annotated[
        int | None, typer.Option(help="Stop after this many epochs without a better val_loss. [default: never]")
    ] = None,
    settings_file: Annotated[
        Path | None,
        typer.Option(
            "--settings",
            help="YAML file of settings, such as a run's settings.yaml; a, b: as they ship; first: for phantoms.",
        ),
    ] = None,
    assignments: Annotated[
        list[str] | None, typer.Option("--set", help="Any setting: key=value, such as augmentation.rotation=5.")
    ] = None,
    device: Annotated[DeviceChoice, typer.Option(help="Where to train.")] = DeviceChoice.auto,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Threads that make training pictures. [default: 1; with a GPU up to 8]"),
    ] = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Train network A, B, or a backbone or teacher for B, on your films.

    The run folder keeps settings, split, history, the best network and its scores. A run that was stopped goes on after
    its last finished epoch when the same command is given again with --name RUN (a run begun without a name says its
    name at the start; --settings RUN/settings.yaml stands for all its options). Settings are set by the options, by
    a file (--settings) or one by one (--set); an option wins over the file, --set over both.
    """
    from train.runs.settings import make_settings, parse_assignment, read_settings

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
        "teacher": teacher or None,
        "cache.copies": 0 if no_cache else None,
        "early_stopping_patience": early_stopping,
    }
    changes.update({key: value for key, value in options.items() if value is not None})
    changes.update(parse_assignment(text) for text in assignments or [])
    settings = make_settings(network.value, changes)

    from train.cli.train_session import train_or_resume

    train_or_resume(
        settings, required_data_root(data), name, new=new, device=device.value, workers=workers, as_json=as_json
    )


app.command("evaluate", cls=Command)(evaluate_command)
