"""What running rows would take: trainings, epochs, and a rough time and disk, before anything is trained."""

import math
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from train.common.errors import PneumoscopeError
from train.runs.finished import read_history
from train.runs.run_folder import RunFolder, runs_root
from train.runs.settings import Settings
from train.studies.definition import Training
from train.studies.shared_epochs import can_lend, shorter_trainings
from train.studies.speeds import GUESS, Speeds

FLOAT_BYTES = 4
#: What Adam keeps beside a trained weight; the others keep less.
MOST_SLOTS = 2
#: Of a head on ResNet50V2, and of the backbone's layers that fine-tuning unfreezes with it (report, parameters).
B_PARAMETERS, B_TRAINED, A_DENSE_LAYER = 23_827_201, 15_496_449, 16_512
#: Numbers of a picture at B's two boundaries: pooled; and of each of (S / 32)² places inside the backbone.
POOLED, PLACE = 2_048, 1_280

State = Literal["waiting", "begun", "finished"]


@dataclass(frozen=True)
class FilmCounts:
    """How many films there are to train on, by class, and to validate on. The default is the public set's."""

    normal: int = 1_146
    pneumonia: int = 3_300
    validation: int = 786

    def training(self, per_class: int | None) -> int:
        """Return how many a training of at most `per_class` films of each class sees in an epoch."""
        return sum(min(count, per_class or count) for count in (self.normal, self.pneumonia))


@dataclass(frozen=True)
class Planned:
    """A training as it stands in the folder of the runs, and what is left of it.

    epochs: left, at most: early stopping may end sooner.
    seconds: about how long they take, one training after the other.
    disk_bytes: of its run folder when it is finished, about.
    """

    training: Training
    state: State
    epochs: int
    seconds: float
    disk_bytes: int


@dataclass(frozen=True)
class Plan:
    """What a call of `study run` would do.

    shared_seconds, shared_bytes: to compute and to keep network B's features, which all its rows of one seed share.
    """

    scale: str
    trainings: tuple[Planned, ...]
    shared_seconds: float
    shared_bytes: int
    speeds: Speeds

    @property
    def seconds(self) -> float:
        """About how long all of it takes, one training after the other."""
        return self.shared_seconds + sum(planned.seconds for planned in self.trainings)

    @property
    def disk_bytes(self) -> int:
        """About what is added to the disk."""
        left = (planned.disk_bytes for planned in self.trainings if planned.state != "finished")
        return self.shared_bytes + sum(left)

    @property
    def epochs(self) -> int:
        """Epochs that are left, at most."""
        return sum(planned.epochs for planned in self.trainings)

    def as_json(self) -> dict[str, object]:
        """Return the plan as plain values."""
        return {
            "scale": self.scale,
            "trainings": [
                {
                    "run": planned.training.name,
                    "rows": [list(row) for row in planned.training.rows],
                    "seed": planned.training.seed,
                    "state": planned.state,
                    "epochs": planned.epochs,
                    "seconds": round(planned.seconds),
                    "disk_bytes": planned.disk_bytes,
                }
                for planned in self.trainings
            ],
            "epochs": self.epochs,
            "shared_features": {"seconds": round(self.shared_seconds), "disk_bytes": self.shared_bytes},
            "seconds": round(self.seconds),
            "disk_bytes": self.disk_bytes,
            "speeds": asdict(self.speeds),
        }


def make_plan(
    trainings: Sequence[Training], scale_label: str, films: FilmCounts | None = None, speeds: Speeds = GUESS
) -> Plan:
    """Say what trainings will take, after a look at what of them stands in the folder of the runs.

    Args:
        trainings: of `trainings_of`.
        scale_label: `Scale.label` of them.
        films: at hand; None for the public set's.
        speeds: of `train.studies.speeds.measured_speeds`.
    """
    counts = films or FilmCounts()
    names = {training.name for training in trainings}
    planned = tuple(_planned(training, counts, speeds, names) for training in trainings)
    shared: dict[tuple[object, ...], Settings] = {}
    for each in planned:
        settings = each.training.settings
        if each.state != "finished" and _has_features(settings):
            shared[each.training.seed, settings.prepare, settings.films_per_class, settings.backbone_weights] = settings
    pictures = [
        min(settings.cache.copies, max(epochs_of(settings).values())) * counts.training(settings.films_per_class)
        + counts.validation
        for settings in shared.values()
    ]
    held = sum(map(_feature_bytes, shared.values(), pictures))
    limit = max((round(settings.cache.limit_gb * 1e9) for settings in shared.values()), default=0)
    return Plan(
        scale=scale_label,
        trainings=planned,
        # Both stages' features are computed by the same layers, but for the last block: twice, then.
        shared_seconds=sum(
            2 * speeds.b_features * megapixels(settings) * count
            for settings, count in zip(shared.values(), pictures, strict=True)
        ),
        shared_bytes=min(held, limit),
        speeds=speeds,
    )


def epochs_of(settings: Settings) -> dict[str, int]:
    """Return the most epochs of each stage of a row's training."""
    if settings.network == "a":
        return {"train": settings.epochs}
    return {"head": settings.epochs, "fine_tune": settings.fine_tune.epochs}


def megapixels(settings: Settings) -> float:
    """Return how large a film is for the network, in millions of pixels."""
    return settings.prepare.image_size**2 / 1e6


def parameters_of(settings: Settings) -> tuple[int, int]:
    """Return about how many parameters a row's network has, and how many of them learn at most.

    A's are a polynomial of its width: convolutions grow with its square, the layer behind them with width and places.
    """
    added = A_DENSE_LAYER * settings.extra_dense
    if settings.network == "b":
        return B_PARAMETERS + added, B_TRAINED + added
    places, width = math.ceil(settings.prepare.image_size / 64) ** 2, settings.width
    found = round(571_392 * width**2 + (3_648 + 32_768 * places) * width + 257) + added
    return found, found


def _planned(training: Training, films: FilmCounts, speeds: Speeds, names: Collection[str]) -> Planned:
    settings, run = training.settings, RunFolder(runs_root() / training.name)
    left, state = epochs_of(settings), _state_of(run)
    if state == "finished":
        left = dict.fromkeys(left, 0)
    elif state == "begun":
        left = _left(left, _epochs_done(run))
    else:  # what a shorter one has trained, or will have, is not trained again; of A alone, which has but one stage
        begun = next((length for name, length in shorter_trainings(settings) if name in names or can_lend(name)), 0)
        left = {stage: epochs - begun for stage, epochs in left.items()}
    count = films.training(settings.films_per_class)
    seconds = sum(
        epochs * speeds.epoch_seconds(stage, megapixels(settings), settings.width, count, films.validation)
        for stage, epochs in left.items()
    )
    if state != "finished":
        seconds += speeds.around
    return Planned(training, state, sum(left.values()), seconds, _run_bytes(settings))


def _state_of(run: RunFolder) -> State:
    if run.environment.is_file():
        return "finished"
    return "begun" if run.history.is_file() else "waiting"


def _epochs_done(run: RunFolder) -> Counter[str]:
    try:
        return Counter(row["stage"] for row in read_history(run))
    except PneumoscopeError:  # a damaged one is made anew from last.keras when the run goes on
        return Counter()


def _left(most: dict[str, int], done: Counter[str]) -> dict[str, int]:
    """Epochs of each stage that are left; none of one that early stopping ended, which a later stage's epochs show."""
    stages = list(most)
    last = max((index for index, stage in enumerate(stages) if done[stage]), default=0)
    return {stage: 0 if index < last else max(0, most[stage] - done[stage]) for index, stage in enumerate(stages)}


def _run_bytes(settings: Settings) -> int:
    """Of last.keras and best.keras, each with what the optimizer keeps; for B of head.keras besides."""
    parameters, trained = parameters_of(settings)
    head = parameters if settings.network == "b" else 0
    return FLOAT_BYTES * (2 * (parameters + MOST_SLOTS * trained) + head)


def _has_features(settings: Settings) -> bool:
    return settings.network == "b" and settings.cache.copies > 0


def _feature_bytes(settings: Settings, pictures: int) -> int:
    places = math.ceil(settings.prepare.image_size / 32) ** 2
    return pictures * (4 * POOLED + 2 * places * PLACE)
