"""The commands `study run` and `study status`: train rows of the studies, and say how far they are."""

import re
import shlex
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from train.cli.options import DataRoot, data_option, required_data_root
from train.cli.train_command import Device, DeviceChoice
from train.common.console import NOT_A_MEDICAL_DEVICE, AsJson, Debug, print_json, print_table, say, say_error, say_next
from train.common.errors import UsageError

if TYPE_CHECKING:
    from train.studies.definition import Row, Scale, Study, Training
    from train.studies.status import Standing

ALL = "all"
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3_600}
_WHY_SHOWN = 5  # failed rows
#: Parameters that the command which goes on names by itself, or does without.
_NOT_SAID_AGAIN = ("names", "data", "as_json", "debug")

Names = Annotated[list[str], typer.Argument(metavar="NAME...", help="Studies of `study list`, or all.")]
Rows = Annotated[
    list[str] | None,
    typer.Option("--rows", metavar="KEYS", help="Only these rows, such as 0.25,0.5; may be repeated."),
]
Seeds = Annotated[int, typer.Option(min=1, max=1000, help="Train each row with so many seeds, from 0.")]
Workers = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=64,
        help="Trainings at a time, each in a process of its own. [default: 1; as many as Ray has places for]",
    ),
]
Engine = Annotated[
    Literal["local", "ray"],
    typer.Option(help="Where trainings run: in processes of this machine (local), or in tasks of Ray."),
]
Address = Annotated[
    str | None,
    typer.Option(
        metavar="HOST:PORT",
        help="With --engine ray: the cluster to join. [default: $RAY_ADDRESS, or else a Ray of this machine alone]",
    ),
]
NumGpus = Annotated[
    float | None,
    typer.Option(min=0, help="With --engine ray: GPUs of each training, as 0.5. [default: 1 where Ray has any]"),
]
TimeLimit = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="Stop cleanly after so long: 90s, 8m, 2h. The same command goes on."),
]
ImageSize = Annotated[int | None, typer.Option(help="Reduced: side of a film in pixels. [default: 250]")]
FilmsPerClass = Annotated[int | None, typer.Option(help="Reduced: at most so many training films of each class.")]
Epochs = Annotated[int | None, typer.Option(help="Reduced: at most so many epochs in each stage.")]
BackboneWeights = Annotated[
    str | None, typer.Option(help="Reduced: where B's backbone starts, random or a file. [default: imagenet]")
]
Heads = Annotated[
    bool,
    typer.Option("--heads", help="Reduced: of B's rows train the heads alone, on shared features."),
]
Storage = Annotated[
    str | None,
    typer.Option(
        envvar="PNEUMOSCOPE_STORAGE",
        help="sqlite:///FILE or postgresql://USER@HOST/DATABASE. [default: studies.db among the runs]",
    ),
]
AsTensorBoard = Annotated[bool, typer.Option("--tensorboard", help="Write the curves for TensorBoard too.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be trained and what it takes; train nothing.")]


def run_command(
    context: typer.Context,
    names: Names,
    data: DataRoot = None,
    rows: Rows = None,
    seeds: Seeds = 1,
    workers: Workers = None,
    time_limit: TimeLimit = None,
    image_size: ImageSize = None,
    films_per_class: FilmsPerClass = None,
    epochs: Epochs = None,
    backbone_weights: BackboneWeights = None,
    heads: Heads = False,
    storage: Storage = None,
    device: Device = DeviceChoice.auto,
    engine: Engine = "local",
    address: Address = None,
    num_gpus: NumGpus = None,
    tensorboard: AsTensorBoard = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Train rows of the studies, on from wherever they stand; several processes may share one storage.

    The test films are not read. Stopped in any way, the same command goes on and loses at most the running epochs.
    """
    from train.studies.definition import Scale, trainings_of

    if engine == "local" and (address is not None or num_gpus is not None):
        raise UsageError("--address and --num-gpus are for --engine ray: give it, or leave them out")
    asked = chosen_rows(names, rows or [])
    if heads:
        asked = _rows_of_b(asked)
    scale = Scale(image_size, films_per_class, epochs, backbone_weights, heads)
    trainings = trainings_of(asked, range(seeds), scale)
    ends_at = None if time_limit is None else time.time() + seconds_of(time_limit)
    if dry_run:
        _print_plan(trainings, scale, data, as_json=as_json)
        return
    from train.cli.study.session import Where, run_studies

    data_root = required_data_root(data)
    found = run_studies(
        asked,
        scale,
        trainings,
        data_root=data_root,
        where=Where(engine, workers, device.value, address, num_gpus),
        ends_at=ends_at,
        storage=storage,
        tensorboard=tensorboard,
    )
    _print_outcome(found, scale, as_json=as_json)
    say(NOT_A_MEDICAL_DEVICE)
    _say_next(context, found, data_root)
    if any(standing.state == "failed" for standing in found):
        raise typer.Exit(1)


def status_command(storage: Storage = None, as_json: AsJson = False, debug: Debug = False) -> None:
    """Say of each study how many trainings wait, run, are complete, diverged or failed, and when they may be done."""
    from train.studies.running.storage import default_storage, shown_url
    from train.studies.status import STATES, statuses

    url = storage or default_storage()
    found = statuses(url)
    if as_json:
        print_json({"storage": shown_url(url), "studies": found})
        return
    table = [
        [row["study"], row["scale"], *(row[state] for state in STATES), sum(row[state] for state in STATES), _left(row)]
        for row in found
    ]
    print_table("Studies", ("study", "scale", *STATES, "rows × seeds", "left, about"), table)
    say("a training that several studies share counts in each of them")
    say_next("pneumoscope study report")


def chosen_rows(names: Sequence[str], keys: Sequence[str]) -> list[tuple["Study", "Row"]]:
    """Return the rows that a command names, each with its study.

    Raises:
        UsageError: no such study, or no such row in any of the studies named.
    """
    from train.studies.definition import find_study, studies

    if ALL in names and len(names) > 1:
        raise UsageError(f"{ALL} stands for all studies: give it alone. Received: {' '.join(names)}")
    named = list(studies()) if ALL in names else [find_study(name) for name in dict.fromkeys(names)]
    wanted = [key.strip() for text in keys for key in text.split(",") if key.strip()]
    known = {row.key for study in named for row in study.rows}
    if unknown := [key for key in wanted if key not in known]:
        among = ", ".join(study.name for study in named)
        raise UsageError(f"no row {unknown[0]} in {among}: the rows are {', '.join(sorted(known))}")
    return [(study, row) for study in named for row in study.rows if not wanted or row.key in wanted]


def _rows_of_b(asked: list[tuple["Study", "Row"]]) -> list[tuple["Study", "Row"]]:
    found = [(study, row) for study, row in asked if row.network == "b"]
    if not found:
        raise UsageError("--heads trains network B's rows alone: name a study that has some, or all")
    return found


def seconds_of(text: str) -> float:
    """Return a stretch of time such as 90s, 8m, 2h or 1.5h in seconds.

    Raises:
        UsageError: it is none, or no time at all.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text.strip())
    if match is None or float(match[1]) == 0:
        raise UsageError(f"--time-limit must be a time such as 90s, 8m or 2h. Received: {text}")
    return float(match[1]) * _SECONDS[match[2]]


def _print_plan(trainings: Sequence["Training"], scale: "Scale", data: Path | None, *, as_json: bool) -> None:
    from train.cli.study.plan_table import print_plan
    from train.runs.run_folder import runs_root
    from train.studies.plan import make_plan
    from train.studies.speeds import measured_speeds

    films = None
    if data is not None:
        from train.cli.study.session import film_counts
        from train.studies.running.training import cohort_of_study

        films = film_counts(cohort_of_study(required_data_root(data), trainings[0].settings))
    print_plan(make_plan(trainings, scale.label, films, measured_speeds(runs_root())), as_json=as_json)


def _print_outcome(found: Sequence["Standing"], scale: "Scale", *, as_json: bool) -> None:
    from train.studies.status import STATES, by_study, count_states

    if as_json:
        trainings = [
            {
                "run": standing.training.name,
                "rows": [list(row) for row in standing.training.rows],
                "seed": standing.training.seed,
                "state": standing.state,
                "why": standing.why,
                "seconds": standing.seconds,
            }
            for standing in found
        ]
        states = {str(state): count for state, count in count_states(found).items()}
        print_json({"scale": scale.label, **states, "trainings": trainings})
    else:
        rows: list[list[Any]] = [
            [study, *(counts[state] for state in STATES), sum(counts.values())]
            for study, counts in by_study(found).items()
        ]
        print_table(f"Trainings: {scale.label}", ("study", *STATES, "rows × seeds"), rows)
    failed = [standing for standing in found if standing.state == "failed"]
    for standing in failed[:_WHY_SHOWN]:
        study, row = standing.training.rows[0]
        say_error(f"{study} {row}, seed {standing.training.seed}: {standing.why} ({standing.training.name}/study.log)")
    if len(failed) > _WHY_SHOWN:
        say_error(f"and {len(failed) - _WHY_SHOWN} more; --json names them all")


def _say_next(context: typer.Context, found: Sequence["Standing"], data_root: Path) -> None:
    """Name the report, or the same command, which goes on; what it found in the environment it finds there again."""
    if all(standing.state in ("complete", "diverged") for standing in found):
        say_next("pneumoscope study report")
        return
    words = ["pneumoscope", "study", "run", *context.params["names"]]
    for option in context.command.params:
        source = context.get_parameter_source(option.name or "")
        if option.name not in _NOT_SAID_AGAIN and source is not None and source.name == "COMMANDLINE":
            words += _words(option.opts[0], context.params[option.name or ""])
    say_next(f"{shlex.join(words)}{data_option(data_root)}")


def _words(option: str, value: Any) -> list[str]:  # noqa: ANN401  # whatever an option holds
    if value is True:
        return [option]
    if option == "--storage":
        from train.studies.running.storage import shown_url

        return [option, shown_url(value)]
    return [option, ",".join(value) if isinstance(value, list) else str(getattr(value, "value", value))]


def _left(row: dict[str, Any]) -> str | None:
    from train.cli.study.plan_table import duration

    return None if row["seconds_left"] is None else duration(row["seconds_left"])
