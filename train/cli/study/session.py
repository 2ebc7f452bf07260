"""What `study run` does with its rows: checks first, then the queue, then workers, with all progress in one display."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from train.cli.study.progress import study_progress
from train.common.console import say
from train.common.errors import UsageError
from train.metrics.cluster_bootstrap import require_patients

if TYPE_CHECKING:
    from train.data.cohort import Cohort
    from train.fitting.devices.device import DeviceRequest
    from train.studies.definition import Row, Scale, Study, Training
    from train.studies.plan import FilmCounts
    from train.studies.running.crew import Workplace
    from train.studies.status import Standing


@dataclass(frozen=True)
class Where:
    """Where a study's trainings run.

    engine: processes of this machine, or Ray's tasks.
    workers: how many at a time; None: one, or as many as Ray has places for.
    address, num_gpus: of Ray, as `train.studies.running.ray_tasks.ray_tasks` takes them.
    """

    engine: Literal["local", "ray"] = "local"
    workers: int | None = None
    device: "DeviceRequest" = "auto"
    address: str | None = None
    num_gpus: float | None = None


def run_studies(
    asked: Sequence[tuple["Study", "Row"]],
    scale: "Scale",
    trainings: Sequence["Training"],
    *,
    data_root: Path,
    where: Where,
    ends_at: float | None,
    storage: str | None,
    tensorboard: bool,
) -> "tuple[Standing, ...]":
    """Train rows until all are done or the time is over; return where they stand then.

    Raises:
        UsageError, PneumoscopeError: what no row could be trained with: the storage, the films, the weights.
    """
    from train.fitting.devices.device import backend_name
    from train.studies.running.crew import Crew
    from train.studies.running.queue import fill
    from train.studies.running.storage import default_storage, opened_storage, shown_url
    from train.studies.running.training import Means, cohort_of_study

    cohort = cohort_of_study(data_root, trainings[0].settings)
    # Said now and not after the first training.
    require_patients([film.patient for film in cohort.of_split("validation")], "the validation films")
    backend_name()
    _require_weights(scale)
    if tensorboard:
        _require_tensorboard()
    url = storage or default_storage()
    with opened_storage(url) as opened, _workplace(where, url) as (workplace, device, per_machine):
        queue = fill(opened, scale, {study.name: study for study, _ in asked}.values(), trainings)
        say(f"storage: {shown_url(url)}; scale: {scale.label}; {len(trainings)} trainings; Ctrl-C stops, to be resumed")
        means = Means(data_root.absolute(), device, ends_at, tensorboard, per_machine)
        with study_progress(film_counts(cohort)) as show:
            return Crew(queue, url, means, workplace).run(show)


@contextmanager
def _workplace(where: Where, storage: str) -> "Iterator[tuple[Workplace, DeviceRequest, int]]":
    """Yield where workers are, the device that they use, and how many of them share a machine."""
    from train.studies.running.processes import Processes

    if where.engine == "local":
        count = where.workers or 1
        yield Processes(count), where.device, count
        return
    from train.studies.running.ray_tasks import ray_tasks

    with ray_tasks(where.address, where.workers, where.num_gpus, where.device) as tasks:
        if storage.startswith("sqlite") and tasks.machines > 1:
            raise UsageError(
                f"the storage {storage} is a file of one machine and Ray has {tasks.machines}: give one that all of "
                "them reach, --storage postgresql://USER@HOST/DATABASE"
            )
        say(tasks.line)
        yield tasks, "gpu" if tasks.gpus else "cpu", tasks.per_machine


def _require_weights(scale: "Scale") -> None:
    weights = scale.backbone_weights
    if weights not in (None, "random", "imagenet") and not Path(str(weights)).is_file():
        raise UsageError(f"--backbone-weights {weights}: no such file; expected random, imagenet or a weights file")


def _require_tensorboard() -> None:
    from importlib.util import find_spec

    if missing := [name for name in ("tensorflow", "tensorboard") if find_spec(name) is None]:
        raise UsageError(f"--tensorboard needs what is not installed here: pip install {' '.join(missing)}")


def film_counts(cohort: "Cohort") -> "FilmCounts":
    """Count films as a plan needs them."""
    from train.studies.plan import FilmCounts

    training = cohort.of_split("train")
    ill = sum(film.label for film in training)
    return FilmCounts(len(training) - ill, ill, len(cohort.of_split("validation")))
