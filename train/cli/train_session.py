"""What the command `train` does with its settings: begin a run or go on with one, train it, evaluate it."""

import shlex
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from train.cli.evaluate_run import evaluate_run
from train.cli.options import data_option
from train.cli.shared_training import keeps_the_run, started
from train.common.console import print_json, print_table, say, say_next, say_warning
from train.common.errors import PneumoscopeError, UsageError
from train.runs.finished import read_environment, read_history, resume_command
from train.runs.run_folder import RunFolder, begin, create_run, run_named, runs_root, versions
from train.runs.run_lock import hold
from train.runs.settings import Settings

if TYPE_CHECKING:
    from train.data.cohort import Cohort
    from train.fitting.devices.device import Device, DeviceRequest
    from train.fitting.devices.processes import DevicesRequest
    from train.runs.resume import Record
    from train.runs.teachers import TeacherRecord


def train_or_resume(
    settings: Settings,
    data_root: Path,
    name: str | None,
    *,
    new: bool,
    device: "DeviceRequest",
    devices: "DevicesRequest | None" = None,
    workers: int | None = None,
    tensorboard: bool = False,
    as_json: bool,
    debug: bool = False,
) -> None:
    """Train into a new run folder, or go on with the run of that name after its last finished epoch; evaluate it.

    Of several processes number 0 alone writes into the run folder; to go on, the others read it.

    Raises:
        UsageError: the run of that name is not the training asked for, or another process is at it.
        PneumoscopeError: the films, the weights, the disk or the training itself.
    """
    writes = keeps_the_run(devices, name)
    known = run_named(name) if name is not None else None
    with ExitStack() as held:
        run = None if new else known
        if run is not None:
            if writes:
                held.enter_context(hold(run))
            if _is_finished(run, settings):
                _say_finished(run, settings, data_root, writes=writes, as_json=as_json)
                return
        cohort = _split(data_root, settings)
        evaluated = settings.network != "backbone" and _can_be_evaluated(cohort)
        since, teachers = _record_and_teachers(run, settings, cohort, writes=writes)
        facts = (settings, cohort.fingerprint, len(since.progress.rows) if since is not None else 0, versions())
        with started(device, devices, settings.batch_size, facts, debug=debug) as (chosen, share):
            # Keras's backend has started: what imports it may be imported.
            from train.fitting.devices.data_parallel import require_same_training
            from train.fitting.devices.device import picture_threads
            from train.fitting.fit import fit, make_ready
            from train.fitting.tensorboard_log import epoch_log

            say(chosen.line)
            _require_what_training_needs(settings, chosen, tensorboard=tensorboard)
            if run is not None and since is not None:
                _say_resumed(run, since, chosen.kind)
            ready = make_ready(settings, cohort, since, workers or picture_threads(chosen), teachers)
            require_same_training(share.processes, ready.cohort.fingerprint)  # of the films that can be read
            if writes:
                run = _begun(run, settings, name, held, new=new)
                with _saying_how_to_resume(run, settings, data_root):
                    fit(run, settings, ready, chosen, [partial(epoch_log, run)] if tensorboard else [])
            else:
                run = run or RunFolder(runs_root() / str(name))
                fit(run, settings, ready, chosen, writes=False)
        if writes:
            _finish(run, settings, data_root, evaluated=evaluated, as_json=as_json)
        else:
            say(f"trained; process 0 evaluates and keeps run {run.name}")


def _require_what_training_needs(settings: Settings, chosen: "Device", *, tensorboard: bool) -> None:
    from train.fitting.tensorboard_log import require_tensorboard

    if tensorboard:
        require_tensorboard()
    if settings.mixed_precision and chosen.kind != "gpu":
        raise UsageError("mixed_precision needs a GPU: set it to false, or use a machine with one")


def _begun(run: RunFolder | None, settings: Settings, name: str | None, held: ExitStack, *, new: bool) -> RunFolder:
    if run is None:
        run = create_run(name, settings, numbered=new)
        held.enter_context(hold(run))
    else:
        begin(run, settings)
    say(f"run: {run.folder}")
    return run


def _split(data_root: Path, settings: Settings) -> "Cohort":
    from train.data.cohort import index_cohort, left_out_files
    from train.data.shifted_split import split_for_training

    listed = index_cohort(data_root)
    if left_out := left_out_files(listed):
        say_warning(f"{len(left_out)} files are no films and are left out; pneumoscope data check names them")
    return split_for_training(listed, settings.seed_of_split, settings.validation_fraction, settings.shifted_validation)


def _is_finished(run: RunFolder, settings: Settings) -> bool:
    from train.runs.resume import require_same_settings

    if not run.environment.is_file() or not run.settings.is_file():
        return False
    require_same_settings(run, settings, None)
    try:
        read_environment(run)
        read_history(run)
    except PneumoscopeError as error:
        # What training wrote last is written again from last.keras; without that the training would begin anew here.
        if not run.last_network.is_file():
            raise
        say_warning(str(error))
        return False
    return True


def _say_finished(run: RunFolder, settings: Settings, data_root: Path, *, writes: bool, as_json: bool) -> None:
    if not writes:
        say(f"run {run.name} is finished: {run.folder}")
        return
    say(f"run {run.name} is finished: {run.folder}; --new starts another")
    if settings.network != "backbone" and not run.evaluation.is_file():
        from train.data.cohort import read_split

        _finish(
            run, settings, data_root, evaluated=_can_be_evaluated(read_split(run.split, data_root)), as_json=as_json
        )
    elif settings.network == "backbone":
        _finish(run, settings, data_root, evaluated=False, as_json=as_json)
    else:
        if as_json:
            print_json({"run": run.name, "finished": True})
        say_next(f"pneumoscope evaluate {shlex.quote(run.name)}{data_option(data_root)}")


def _record_and_teachers(
    run: RunFolder | None, settings: Settings, cohort: "Cohort", *, writes: bool
) -> "tuple[Record | None, tuple[TeacherRecord, ...]]":
    """The record to go on from, None at the beginning, and what the network learns from, the same as then."""
    from train.runs.teachers import find_teachers, require_same_teachers

    since = _record_of(run, settings, cohort, writes=writes) if run is not None else None
    teachers = find_teachers(settings, cohort)
    if run is not None and since is not None:
        require_same_teachers(run, teachers)
    return since, teachers


def _record_of(run: RunFolder, settings: Settings, cohort: "Cohort", *, writes: bool) -> "Record | None":
    """The record to go on from, once it is sure that the training is the same one."""
    from train.common.atomic import remove_leftovers
    from train.runs.resume import (
        read_record,
        require_best_network,
        require_same_films,
        require_same_settings,
        require_same_weights,
    )

    if not run.settings.is_file():
        return None
    record = read_record(run)
    require_same_settings(run, settings, record)
    require_same_weights(run, settings, record)
    require_same_films(run, cohort, record)
    if record is not None:
        require_best_network(run, record)
    if writes:
        remove_leftovers(run.folder)
    return record


def _say_resumed(run: RunFolder, since: "Record", device: str) -> None:
    from train.runs.resume import changed_surroundings

    say(f"run {run.name} resumes after epoch {len(since.progress.rows)}")
    if changed := changed_surroundings(since, device):
        say_warning(
            f"run {run.name} resumes in another environment; figures may differ from an unbroken run's: {changed}"
        )


@contextmanager
def _saying_how_to_resume(run: RunFolder, settings: Settings, data_root: Path) -> Iterator[None]:
    command = f"{resume_command(run, settings)}{data_option(data_root)}"
    try:
        yield
    except KeyboardInterrupt:
        say(f"resume with: {command}")
        raise
    except OSError as error:
        say(f"once there is room, resume with: {command}")
        reason = error.strerror or " ".join(str(error).split())
        raise PneumoscopeError(
            f"{run.folder} cannot be written to ({reason}): the epochs that were finished are kept whole"
        ) from error


def _can_be_evaluated(cohort: "Cohort") -> bool:
    from train.metrics.cluster_bootstrap import require_patients

    try:
        require_patients([film.patient for film in cohort.of_split("validation")], "the validation films")
    except PneumoscopeError as error:
        # Said now and not after hours of training.
        say_warning(f"{error}; the network will be trained, but not evaluated")
        return False
    return True


def _finish(run: RunFolder, settings: Settings, data_root: Path, *, evaluated: bool, as_json: bool) -> None:
    if settings.network == "backbone":
        result: dict[str, object] = {"run": run.name, "weights": str(run.backbone_weights)}
        if as_json:
            print_json(result)
        else:
            print_table("backbone", ("run", "weights"), [tuple(result.values())])
        weights = shlex.quote(str(run.backbone_weights))
        say_next(f"pneumoscope train b --backbone-weights {weights} --fine-tune-from 0{data_option(data_root)}")
        return
    if not evaluated:
        if as_json:
            print_json({"run": run.name, "validation": None})
        say(f"{run.name} is trained, not evaluated: its validation films are of too few patients")
        return
    evaluate_run(run, data_root, test=False, as_json=as_json, after_training=True)
