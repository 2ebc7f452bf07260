"""Epochs that trainings of different length have in common: trained once, by the shorter one, and gone on from.

Rows that set the same but for their number of epochs (report, 3.2: 8, 16 and 24) train the same networks for as long
as the shorter of them lasts, step for step. What the shorter one leaves is what the longer one would have come to.
"""

from dataclasses import replace
from functools import cache

from train.common import atomic
from train.common.console import say
from train.common.errors import PneumoscopeError
from train.data.cohort import Cohort
from train.runs.finished import read_environment
from train.runs.resume import (
    Record,
    changed_surroundings,
    read_record,
    replace_record,
    require_same_films,
    require_same_settings,
)
from train.runs.run_folder import RunFolder, runs_root
from train.runs.settings import Settings
from train.studies.definition import run_name


@cache
def beginning_of(settings: Settings) -> str | None:
    """Return what is equal for trainings whose epochs are the same for as long as both last; None: no other's are.

    Of network A alone. B trains its head on cached features, in less time than its networks are copied; what comes
    after the head depends on how it ended.
    """
    lasting = settings.schedule != "cosine" and settings.early_stopping_patience is None
    return run_name(_of_length(settings, 1)) if settings.network == "a" and lasting else None


@cache
def shorter_trainings(settings: Settings) -> tuple[tuple[str, int], ...]:
    """Return name and epochs of each training that begins as this one does and ends before, the longest first."""
    if beginning_of(settings) is None:
        return ()
    return tuple((run_name(_of_length(settings, epochs)), epochs) for epochs in range(settings.epochs - 1, 0, -1))


def can_lend(name: str) -> bool:
    """Whether the run of a name is finished and has the state that a longer training goes on from."""
    run = RunFolder(runs_root() / name)
    return run.environment.is_file() and run.last_network.is_file()


def take_shared_epochs(run: RunFolder, settings: Settings, cohort: Cohort, device: str) -> Record | None:
    """Give a run that has no epoch yet those of a shorter one; return their record, or None where there is none.

    Args:
        run: held by this process.
        settings: of it.
        cohort: of the studies.
        device: "cpu" or "gpu". Epochs of another kind of device, or of other versions, are not taken.

    Raises:
        OSError: the disk is full.
    """
    for name, epochs in shorter_trainings(settings):
        if not can_lend(name):
            continue
        shorter = RunFolder(runs_root() / name)
        try:
            record = read_record(shorter)
            read_environment(shorter)
            require_same_settings(shorter, _of_length(settings, epochs), record)
            require_same_films(shorter, cohort, record)
            if record is None or record.progress.moved or changed_surroundings(record, device):
                continue
            return _take(run, settings, shorter, record)
        except (PneumoscopeError, FileNotFoundError):  # it is damaged or gone, was edited, or is of other films
            continue
    # What a kill while they were taken has left is of no use without last.keras.
    run.best_network.unlink(missing_ok=True)
    return None


def _take(run: RunFolder, settings: Settings, shorter: RunFolder, record: Record) -> Record:
    origin = replace(record.origin, settings={**record.origin.settings, "epochs": settings.epochs})
    taken = replace(record, origin=origin, progress=replace(record.progress, stage_finished=False))
    for source, target in (
        (shorter.films, run.films),
        (shorter.split, run.split),
        (shorter.best_network, run.best_network),
    ):
        atomic.link_or_copy(source, target)
    replace_record(shorter.last_network, run.last_network, taken)  # last: it says that the others are there
    say(f"run {run.name} begins with the {len(taken.progress.rows)} epochs of run {shorter.name}")
    return taken


def _of_length(settings: Settings, epochs: int) -> Settings:
    return settings.model_copy(update={"epochs": epochs})
