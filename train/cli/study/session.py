"""What `study run` does with its rows: checks first, then the queue, then workers, with all progress in one display."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from train.cli.study.progress import study_progress
from train.common.console import say
from train.common.errors import UsageError
from train.metrics.cluster_bootstrap import require_patients

if TYPE_CHECKING:
    from train.data.cohort import Cohort
    from train.fitting.device import DeviceRequest
    from train.studies.definition import Row, Scale, Study, Training
    from train.studies.plan import FilmCounts
    from train.studies.status import Standing


def run_studies(
    asked: Sequence[tuple["Study", "Row"]],
    scale: "Scale",
    trainings: Sequence["Training"],
    *,
    data_root: Path,
    workers: int,
    ends_at: float | None,
    storage: str | None,
    device: "DeviceRequest",
    tensorboard: bool,
) -> "tuple[Standing, ...]":
    """Train rows until all are done or the time is over; return where they stand then.

    Raises:
        UsageError, PneumoscopeError: what no row could be trained with: the storage, the films, the weights.
    """
    from train.fitting.device import backend_name
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
    with opened_storage(url) as opened:
        queue = fill(opened, scale, {study.name: study for study, _ in asked}.values(), trainings)
        say(f"storage: {shown_url(url)}; scale: {scale.label}; {len(trainings)} trainings; Ctrl-C stops, to be resumed")
        crew = Crew(queue, url, Means(data_root, device, ends_at, tensorboard, workers), workers)
        with study_progress(film_counts(cohort)) as show:
            return crew.run(show)


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
