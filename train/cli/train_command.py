"""The commands `train` and `evaluate`."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from train.cli.evaluate_command import evaluate_command
from train.cli.options import DataRoot, required_data_root
from train.common.console import AsJson, Command, Debug
from train.common.errors import UsageError

if TYPE_CHECKING:
    from train.runs.settings import Settings

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


TrainedNetwork = Annotated[
    Network,
    typer.Argument(
        metavar="NETWORK",
        help="a: small CNN from scratch; b: ResNet50V2; backbone, teacher: what b may learn from.",
    ),
]
RunName = Annotated[
    str | None,
    typer.Option(help="Name of the run folder; a run of that name resumes. [default: the network's, numbered]"),
]
New = Annotated[bool, typer.Option("--new", help="Start a new run even if there is one of that name.")]
Epochs = Annotated[int | None, typer.Option(help="Epochs of stage 1. [default: a 16, b and backbone 20, teacher 12]")]
LearningRate = Annotated[float | None, typer.Option(help="Rate of stage 1. [default: 0.001, teacher 0.0005]")]
BatchSize = Annotated[int | None, typer.Option(help="Films per step. [default: 32]")]
Optimizer = Annotated[str | None, typer.Option(help="adam, rmsprop, sgd or momentum. [default: adam]")]
ImageSize = Annotated[int | None, typer.Option(help="Side of the input in pixels. [default: 250]")]
Dropout = Annotated[float | None, typer.Option(help="Rate of every dropout layer. [default: 0.1, teacher 0.2]")]
Seed = Annotated[int | None, typer.Option(help="Seed of split, weights and augmentation. [default: 0]")]
BackboneWeights = Annotated[
    str | None,
    typer.Option(help="b, backbone, teacher: imagenet, random or a file. [default: b, teacher imagenet]"),
]
FineTuneEpochs = Annotated[int | None, typer.Option(help="b: epochs of stage 2. [default: 10]")]
FineTuneFrom = Annotated[
    int | None, typer.Option(help="b: first backbone layer trained in stage 2; 0: all. [default: 150]")
]
Teachers = Annotated[
    list[str] | None,
    typer.Option(metavar="RUN", help="b: train all of it towards this run of network teacher; may be repeated."),
]
NoCache = Annotated[
    bool,
    typer.Option("--no-cache", help="b: run the whole network on pictures that never repeat; many times slower."),
]
EarlyStopping = Annotated[
    int | None, typer.Option(help="Stop after this many epochs without a better val_loss. [default: never]")
]
SettingsFile = Annotated[
    Path | None,
    typer.Option(
        "--settings",
        help="YAML file of settings, such as a run's settings.yaml; a, b: as they ship; teacher; first: for phantoms.",
    ),
]
Assignments = Annotated[
    list[str] | None, typer.Option("--set", help="Any setting: key=value, such as augmentation.rotation=5.")
]
Device = Annotated[DeviceChoice, typer.Option(help="Where to train.")]
Devices = Annotated[
    str | None,
    typer.Option(
        metavar="all|N",
        help="GPUs that share every batch, under KERAS_BACKEND=jax; of several processes those of each. "
        "[default: one; of several processes all]",
    ),
]
Coordinator = Annotated[
    str | None, typer.Option(metavar="HOST:PORT", help="Several machines: where process 0 listens for the others.")
]
ProcessCount = Annotated[int | None, typer.Option("--processes", help="Several machines: processes in all.")]
ProcessId = Annotated[int | None, typer.Option(help="Several machines: which process this is; 0 keeps the run folder.")]
Workers = Annotated[
    int | None,
    typer.Option(min=1, help="Threads that make training pictures. [default: 1; with a GPU up to 8]"),
]
AsTensorBoard = Annotated[
    bool,
    typer.Option("--tensorboard", help="Write the curves for TensorBoard too, into the run folder's tensorboard/."),
]


@app.command("train", cls=Command)
def train_command(
    network: TrainedNetwork,
    data: DataRoot = None,
    name: RunName = None,
    new: New = False,
    epochs: Epochs = None,
    learning_rate: LearningRate = None,
    batch_size: BatchSize = None,
    optimizer: Optimizer = None,
    image_size: ImageSize = None,
    dropout: Dropout = None,
    seed: Seed = None,
    backbone_weights: BackboneWeights = None,
    fine_tune_epochs: FineTuneEpochs = None,
    fine_tune_from: FineTuneFrom = None,
    teacher: Teachers = None,
    no_cache: NoCache = False,
    early_stopping: EarlyStopping = None,
    settings_file: SettingsFile = None,
    assignments: Assignments = None,
    device: Device = DeviceChoice.auto,
    devices: Devices = None,
    coordinator: Coordinator = None,
    processes: ProcessCount = None,
    process_id: ProcessId = None,
    workers: Workers = None,
    tensorboard: AsTensorBoard = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Train network A, B, or a backbone or teacher for B, on your films.

    The run folder keeps settings, split, history, the best network and its scores. A stopped run resumes after its last
    saved epoch when the same command is given again with --name RUN (a run begun without a name says its
    name at the start; --settings RUN/settings.yaml stands for all its options). Settings are set by the options, by
    a file (--settings) or one by one (--set); an option wins over the file, --set over both.
    """
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
    settings = _settings(network.value, settings_file, options, assignments or [])
    from train.cli.train_session import train_or_resume
    from train.fitting.devices.processes import devices_request

    train_or_resume(
        settings,
        required_data_root(data),
        name,
        new=new,
        device=device.value,
        devices=devices_request(devices, coordinator, processes, process_id),
        workers=workers,
        tensorboard=tensorboard,
        as_json=as_json,
        debug=debug,
    )


def _settings(
    network: str, settings_file: Path | None, options: Mapping[str, object], assignments: Sequence[str]
) -> "Settings":
    """A network's settings: the file's, over them the options that were given (not None), over them those of --set."""
    from train.runs.settings import make_settings
    from train.runs.settings_file import dotted, parse_assignment, read_settings

    changes = dotted(read_settings(settings_file)) if settings_file else {}
    trained = changes.pop("network", network)
    if trained != network:
        raise UsageError(f"{settings_file} is for network {trained}. Received: train {network}")
    changes.update({key: value for key, value in options.items() if value is not None})
    for text in assignments:
        changes.update(dotted(dict([parse_assignment(text)])))
    return make_settings(network, changes)


app.command("evaluate", cls=Command)(evaluate_command)
