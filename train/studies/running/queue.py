"""The rows of the studies as a queue in a storage: put in once, claimed by one worker, put back when that one dies.

Each scale has a study of Optuna's, each training a trial in it. A trial is never run twice at once, since claiming is
one transaction; and none is lost, since whatever has no waiting, running or complete trial is put in again.
"""

import contextlib
import json
import threading
import warnings
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import optuna
from optuna.exceptions import ExperimentalWarning, UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

from train.common.errors import UsageError
from train.studies.definition import Row, Scale, Study, Training, run_name, settings_of
from train.studies.running.storage import exclusive
from train.studies.shared_epochs import shorter_trainings

if TYPE_CHECKING:
    from optuna.storages import RDBStorage

#: A row whose workers died so often is not tried again until the command is given again: it may be what kills them.
MOST_DEATHS = 5
_OPEN = (TrialState.WAITING, TrialState.RUNNING, TrialState.COMPLETE)


@dataclass(frozen=True)
class Claim:
    """A training that this process alone may run, and its trial in the storage."""

    training: Training
    trial: int


@dataclass(frozen=True)
class Queue:
    """The trainings that one call of `study run` is about, in a storage.

    trainings: by the name of their run folder.
    """

    storage: "RDBStorage"
    study: int
    trainings: Mapping[str, Training]

    def trials(self, *states: TrialState) -> list[FrozenTrial]:
        """Return the trials of these trainings in the order they were put in."""
        found = self.storage.get_all_trials(self.study, deepcopy=False, states=states or None)
        return [trial for trial in found if trial.user_attrs.get("run") in self.trainings]


def fill(storage: "RDBStorage", scale: Scale, asked: Iterable[Study], trainings: Sequence[Training]) -> Queue:
    """Put in what has no waiting, running or complete trial yet; safe to repeat, and beside others that do the same.

    Args:
        storage: opened.
        scale: of the trainings.
        asked: the studies whose rows are trained.
        trainings: of `trainings_of`.

    Raises:
        UsageError: a study's rows have been edited since it was begun in this storage.
    """
    with exclusive(storage):
        optuna.create_study(storage=storage, study_name=scale.label, load_if_exists=True)
        study_id = storage.get_study_id_from_name(scale.label)
        storage.set_study_user_attr(study_id, "scale", _plain(scale))
        for study in asked:
            _require_unedited(storage, study_id, study)
        queue = Queue(storage, study_id, {training.name: training for training in trainings})
        _put_in(queue, queue.trainings)
    return queue


def put_back(queue: Queue, gone: Collection[str] = (), most_deaths: int = MOST_DEATHS) -> list[str]:
    """Take the rows of dead workers from them and put them in again; return the names of their run folders.

    Args:
        queue: of this call.
        gone: workers that are known to be dead; others are by their heartbeat.
        most_deaths: after so many a row is left out.
    """
    storage = queue.storage
    with exclusive(storage):
        _fail_stale(queue)
        for trial in queue.trials(TrialState.RUNNING):
            if trial.user_attrs.get("worker") in gone:
                with contextlib.suppress(UpdateFinishedTrialError):
                    storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)
        # Not only what was found dead now: whoever found others may have died before it put them in again.
        deaths: dict[str, int] = {}
        for trial in queue.trials(TrialState.FAIL):
            name = trial.user_attrs["run"]
            deaths[name] = 0 if "error" in trial.user_attrs else deaths.get(name, 0) + 1
        return _put_in(queue, [name for name, count in deaths.items() if 0 < count < most_deaths])


def claim(queue: Queue, worker: str, besides: Collection[str] = ()) -> Claim | None:
    """Take the first waiting training; None where none waits.

    One that a shorter one begins, which is still to be finished, comes after all others.

    Args:
        queue: of this call.
        worker: name of this process.
        besides: names of run folders to be left to others.
    """
    storage = queue.storage
    for trial in _waiting_in_turn(queue):
        name = trial.user_attrs["run"]
        if name in besides:
            continue
        # First the sign of life: a running trial without any is never taken for dead.
        storage.record_heartbeat(trial._trial_id)
        with contextlib.suppress(UpdateFinishedTrialError):
            if storage.set_trial_state_values(trial._trial_id, TrialState.RUNNING):
                storage.set_trial_user_attr(trial._trial_id, "worker", worker)
                return Claim(queue.trainings[name], trial._trial_id)
    return None


@contextlib.contextmanager
def heartbeat(queue: Queue, claimed: Claim) -> Iterator[None]:
    """Give signs of life while the block runs, from a thread."""
    over = threading.Event()

    def beat() -> None:
        while not over.wait(queue.storage.heartbeat_interval):
            # A storage that is out of reach for a while must not end the training.
            with contextlib.suppress(Exception):
                queue.storage.record_heartbeat(claimed.trial)
        queue.storage.remove_session()

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def complete(queue: Queue, claimed: Claim, facts: Mapping[str, object], value: float) -> bool:
    """Write down what came of a training, its facts first: a complete trial never changes again.

    Args:
        queue: of this call.
        claimed: the training.
        facts: JSON values.
        value: the lowest validation loss, infinite where it diverged.

    Returns:
        False where this process had been taken for dead: the training is another's then, who finds the run folder
        finished.
    """
    return _end(queue, claimed, TrialState.COMPLETE, facts, [value])


def fail(queue: Queue, claimed: Claim, error: str) -> bool:
    """Write down why a training cannot be run; it is tried again when the command is given again."""
    return _end(queue, claimed, TrialState.FAIL, {"error": error}, None)


def give_back(queue: Queue, claimed: Claim) -> bool:
    """Let a training wait again, for this or another process to go on with."""
    return _end(queue, claimed, TrialState.WAITING, {}, None)


def _end(
    queue: Queue, claimed: Claim, state: TrialState, facts: Mapping[str, object], values: list[float] | None
) -> bool:
    try:
        for key, fact in facts.items():
            queue.storage.set_trial_user_attr(claimed.trial, key, fact)
        return queue.storage.set_trial_state_values(claimed.trial, state, values)
    except UpdateFinishedTrialError:
        return False


def _waiting_in_turn(queue: Queue) -> list[FrozenTrial]:
    """Return what waits, in its order, but last what has epochs in common with a shorter one that is still to end."""
    unfinished = queue.trials(TrialState.WAITING, TrialState.RUNNING)
    names = {trial.user_attrs["run"] for trial in unfinished}

    def shorter_is_left(trial: FrozenTrial) -> bool:
        settings = queue.trainings[trial.user_attrs["run"]].settings
        return any(name in names for name, _ in shorter_trainings(settings))

    return sorted((trial for trial in unfinished if trial.state == TrialState.WAITING), key=shorter_is_left)


def _fail_stale(queue: Queue) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        name = queue.storage.get_study_name_from_id(queue.study)
        optuna.storages.fail_stale_trials(optuna.load_study(study_name=name, storage=queue.storage))


def _put_in(queue: Queue, names: Iterable[str]) -> list[str]:
    """Add a waiting trial for each training that has none that counts; the caller keeps others out."""
    there = {trial.user_attrs["run"] for trial in queue.trials(*_OPEN)}
    added = [name for name in names if name not in there]
    for name in added:
        training = queue.trainings[name]
        facts = {"run": name, "rows": [list(row) for row in training.rows], "seed": training.seed}
        queue.storage.create_new_trial(queue.study, optuna.create_trial(state=TrialState.WAITING, user_attrs=facts))
    return added


def _require_unedited(storage: "RDBStorage", study_id: int, study: Study) -> None:
    """Keep a study's rows with the first of its trainings, and refuse others afterwards."""
    key = f"rows of {study.name}"
    now = json.loads(json.dumps({row.key: _definition_of(row) for row in study.rows}))
    then = storage.get_study_user_attrs(study_id).get(key)
    if then is None:
        storage.set_study_user_attr(study_id, key, now)
        return
    differences = [
        f"row {name}: {_difference(then.get(name), now.get(name))}"
        for name in [*then, *(name for name in now if name not in then)]
        if then.get(name) != now.get(name)
    ]
    if differences:
        more = f"; and {len(differences) - 3} more" if len(differences) > 3 else ""
        raise UsageError(
            f"study {study.name} was edited since it was begun in this storage: {'; '.join(differences[:3])}{more}. "
            "Undo that, or give another --storage: finished runs that are still the same are taken over"
        )


def _definition_of(row: Row) -> dict[str, object]:
    return {**row.changes, "run": run_name(settings_of(row, 0, Scale()))}


def _difference(then: Mapping[str, object] | None, now: Mapping[str, object] | None) -> str:
    if then is None or now is None:
        return "new" if then is None else "gone"
    keys = [key for key in {**then, **now} if key != "run" and then.get(key) != now.get(key)]
    if not keys:
        return "settings that it does not set have other defaults now"
    return ", ".join(f"{key}: {then.get(key, 'none')} → {now.get(key, 'none')}" for key in keys)


def _plain(scale: Scale) -> dict[str, object]:
    """A scale as JSON values, of a weights file its name alone."""
    weights = None if scale.backbone_weights is None else Path(scale.backbone_weights).name
    return {**asdict(scale), "backbone_weights": weights}
