"""One training of a study: into its run folder, or on from what stands there; then evaluated on validation."""

import gc
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from train.common.atomic import remove_leftovers
from train.common.console import progress_bar, say, say_warning
from train.common.errors import PneumoscopeError
from train.data.cohort import Cohort, index_cohort
from train.data.prepared_films import prepare_films_once
from train.data.shifted_split import ShiftRule, split_for_training
from train.evaluation.evaluation import (
    RESAMPLES_PER_SPLIT,
    LeftOut,
    evaluate_validation,
    read_evaluation,
    write_evaluation,
)
from train.metrics.scores import DivergedError, write_scores
from train.runs.finished import read_environment, read_history
from train.runs.resume import (
    changed_surroundings,
    read_record,
    require_best_network,
    require_same_films,
    require_same_settings,
    require_same_weights,
)
from train.runs.run_folder import RunFolder, begin, commit_of_checkout, create_run, run_named, versions
from train.runs.run_lock import hold
from train.runs.settings import Settings
from train.studies.definition import Training
from train.studies.shared_epochs import take_shared_epochs

if TYPE_CHECKING:
    from train.fitting.devices.device import Device, DeviceRequest
    from train.fitting.fit import Network, Watcher


#: Of B's heads a kill loses the epochs of so many seconds of computing, of all else the running one.
HEAD_SAVE_SECONDS = 10


class OutOfTime(Exception):  # noqa: N818  # nothing went wrong
    """The time that a training was given is over; its finished epochs are kept."""


@dataclass(frozen=True)
class Result:
    """What came of a training.

    value: the lowest validation loss; infinite where it diverged.
    facts: JSON values for the storage.
    """

    value: float
    facts: dict[str, Any]


@dataclass(frozen=True)
class Means:
    """With what a study's trainings are run.

    ends_at: when they are to stop, as `time.time` counts; None: never.
    processes: how many share the machine.
    """

    data_root: Path
    device: "DeviceRequest" = "auto"
    ends_at: float | None = None
    tensorboard: bool = False
    processes: int = 1


def train_of_study(training: Training, means: Means, begun: Callable[[RunFolder], None] = lambda _run: None) -> Result:
    """Train a row's network, or go on after its last finished epoch, and evaluate it on the validation films.

    The test films are not in the cohort that anything here is given.

    Args:
        training: its settings decide everything, its name is the run folder's.
        means: films, device, time.
        begun: told the run folder once it is there, and this process's alone.

    Raises:
        UsageError: another process is at it, or what stands in the folder is another training.
        OutOfTime: the time is over; finished epochs are kept.
        PneumoscopeError: films, weights, disk.
        OSError: the disk is full.
    """
    settings = training.settings
    run = run_named(training.name) or create_run(training.name, settings)
    with hold(run):
        begin(run, settings)
        begun(run)
        cohort = cohort_of_study(means.data_root, settings)
        finished = is_finished(run, settings)
        if finished and run.evaluation.is_file():
            return _result(run)
        from train.fitting.devices.device import backend_in_prose, choose_device

        say(f"starting {backend_in_prose()} …")
        chosen = choose_device(means.device)
        say(chosen.line)
        from train.fitting.checkpointing import DivergedLossError

        try:
            network = None if finished else _fit(run, settings, cohort, means, chosen)
            if not run.best_network.is_file():
                raise DivergedLossError("the loss of the validation films was no number after any epoch")
            _evaluate(run, settings, cohort, network)
        except (DivergedLossError, DivergedError) as error:
            say_warning(str(error))
            return _diverged(run, str(error), chosen.line)
        return _result(run)


def cohort_of_study(data_root: Path, settings: Settings) -> Cohort:
    """Return the films that a study may see: the same patients in training and validation for all, none of test."""
    listed = index_cohort(data_root)
    return _without_test(listed, settings.seed_of_split, settings.validation_fraction, settings.shifted_validation)


@lru_cache(maxsize=1)  # it takes seconds, and is the same for all rows
def _without_test(listed: Cohort, seed: int, validation_fraction: float, rule: ShiftRule) -> Cohort:
    split = split_for_training(listed, seed, validation_fraction, rule)
    return Cohort(split.root, tuple(film for film in split.films if film.split != "test"))


def is_finished(run: RunFolder, settings: Settings) -> bool:
    """Whether a run has trained to its end, by these settings.

    Raises:
        UsageError: it was begun with others.
    """
    require_same_settings(run, settings, None)
    try:
        read_environment(run)
        read_history(run)
    except PneumoscopeError:  # made anew from last.keras
        return False
    return True


def _fit(run: RunFolder, settings: Settings, cohort: Cohort, means: Means, device: "Device") -> "Network | None":
    from train.fitting.devices.device import picture_threads
    from train.fitting.fit import fit, make_ready
    from train.fitting.watchers import free_networks

    if means.ends_at is not None and time.time() >= means.ends_at:
        raise OutOfTime
    since = read_record(run)
    require_same_settings(run, settings, since)
    require_same_weights(run, settings, since)
    require_same_films(run, cohort, since)
    remove_leftovers(run.folder)
    if since is None:
        since = take_shared_epochs(run, settings, cohort, device.kind)
    else:
        require_best_network(run, since)
        say(f"run {run.name} resumes after epoch {len(since.progress.rows)}")
        if changed := changed_surroundings(since, device.kind):
            say_warning(f"run {run.name} resumes in another environment: {changed}")
    _spare_the_collector()
    free_networks()
    threads = picture_threads(device, means.processes)
    ready = make_ready(settings, cohort, since, threads, read=prepare_films_once)
    watchers = _watchers(run, settings, means)
    return fit(run, settings, ready, device, watchers, head_save_seconds=HEAD_SAVE_SECONDS)


@lru_cache(maxsize=1)
def _spare_the_collector() -> None:
    """Have Python's collector leave alone what was imported: TensorFlow alone takes it a third of a second."""
    gc.collect()
    gc.freeze()


def _watchers(run: RunFolder, settings: Settings, means: Means) -> list["Watcher"]:
    from train.fitting.tensorboard_log import epoch_log
    from train.fitting.watchers import KeepHead, StopInTime

    found: list[Watcher] = []
    if settings.network == "b":
        found.append(partial(KeepHead, run))
    if means.ends_at is not None:
        ends_at = means.ends_at
        found.append(lambda _stage: StopInTime(ends_at, OutOfTime()))
    if means.tensorboard:
        found.append(partial(epoch_log, run))
    return found


def _evaluate(run: RunFolder, settings: Settings, cohort: Cohort, network: "Network | None") -> None:
    from train.fitting.scoring import score_run

    scores, repeats = score_run(run, cohort, "validation", cached=True, network=network)
    left_out = LeftOut(repeats, frozenset(film.patient for film in cohort.of_split("train")))
    with progress_bar("resampling patients", RESAMPLES_PER_SPLIT) as advance:
        evaluation = evaluate_validation(
            scores, settings.network, cohort.fingerprint, left_out, advance, operating=settings.operating
        )
    write_scores(run.scores, scores)
    write_evaluation(run.evaluation, evaluation)  # last: it says that the others are there


def _result(run: RunFolder) -> Result:
    """What the storage keeps of a finished run; the run folder has the rest."""
    environment, evaluation, history = read_environment(run), read_evaluation(run.evaluation), read_history(run)
    validation = evaluation["validation"]["metrics"]
    shown = {name: validation[name] for name in ("auroc", "log_loss", "brier") if name in validation}
    point = evaluation["default_operating_point"]
    facts = {
        "diverged": False,
        "epochs": len(history),
        "validation": {**shown, "accuracy_at_0.5": validation["as_report"]["accuracy_at_0.5"]},
        "threshold": evaluation["thresholds"][point],
        **{name: environment.get(name) for name in ("seconds", "device", "commit", "versions")},
    }
    return Result(min(float(row["val_loss"]) for row in history), facts)


def _diverged(run: RunFolder, why: str, device: str) -> Result:
    record = read_record(run)
    facts = {
        "diverged": True,
        "why": why,
        "epochs": len(record.progress.rows) if record else 0,
        "seconds": record.progress.seconds if record else None,
        "device": device.removeprefix("device: "),
        "commit": commit_of_checkout(),
        "versions": versions(),
    }
    return Result(math.inf, facts)
