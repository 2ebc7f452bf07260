"""How far the trainings of the studies are, by their state in a storage."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from optuna.trial import FrozenTrial, TrialState

from train.studies.definition import Training, trainings_of
from train.studies.running.queue import Queue
from train.studies.running.storage import every_row, opened_storage, scales_of

State = Literal["waiting", "running", "complete", "diverged", "failed"]
STATES: tuple[State, ...] = ("waiting", "running", "complete", "diverged", "failed")


@dataclass(frozen=True)
class Standing:
    """A training and where it stands.

    why: it failed or diverged; None otherwise.
    seconds: it took; None where it is not finished or does not say.
    """

    training: Training
    state: State
    why: str | None
    seconds: float | None


def standings(queue: Queue) -> tuple[Standing, ...]:
    """Return where each training of a queue stands, in the order of the queue."""
    latest: dict[str, FrozenTrial] = {}
    for trial in queue.trials():
        name = trial.user_attrs["run"]
        # A trial that failed is history once there is another.
        if name not in latest or latest[name].state == TrialState.FAIL:
            latest[name] = trial
    return tuple(_standing(training, latest.get(name)) for name, training in queue.trainings.items())


def count_states(found: Sequence[Standing]) -> dict[State, int]:
    """Return how many trainings stand where; every state is named."""
    counts = Counter(standing.state for standing in found)
    return {state: counts[state] for state in STATES}


def by_study(found: Sequence[Standing]) -> Mapping[str, dict[State, int]]:
    """Return the same for each study: a training that several studies share counts in each, once a row."""
    studies: dict[str, list[Standing]] = {}
    for standing in found:
        for study, _ in standing.training.rows:
            studies.setdefault(study, []).append(standing)
    return {study: count_states(own) for study, own in studies.items()}


def _standing(training: Training, trial: FrozenTrial | None) -> Standing:
    if trial is None:
        return Standing(training, "waiting", None, None)
    facts = trial.user_attrs
    if trial.state == TrialState.FAIL:
        return Standing(training, "failed", facts.get("error", "the process that ran it died"), None)
    if trial.state == TrialState.COMPLETE:
        diverged = facts.get("diverged", False)
        return Standing(training, "diverged" if diverged else "complete", facts.get("why"), facts.get("seconds"))
    return Standing(training, "running" if trial.state == TrialState.RUNNING else "waiting", None, None)


def statuses(url: str) -> list[dict[str, Any]]:
    """Return a row for each study and scale of a storage: its name, the scale's label, how many trainings stand where.

    seconds_left: what waits and runs takes, if it takes as long as those that are complete, and as many run at a time
    as now; None where nothing is left or none is complete.

    Raises:
        UsageError, PneumoscopeError: as `opened_storage`.
    """
    found: list[dict[str, Any]] = []
    with opened_storage(url, create=False) as storage:
        for study_id, scale, seeds in scales_of(storage):
            trainings = trainings_of(every_row(), seeds, scale)
            queue = Queue(storage, study_id, {training.name: training for training in trainings})
            put_in = {trial.user_attrs["run"] for trial in queue.trials()}
            own = [standing for standing in standings(queue) if standing.training.name in put_in]
            for name, counts in by_study(own).items():
                of_study = [each for each in own if any(study == name for study, _ in each.training.rows)]
                states = {str(state): count for state, count in counts.items()}
                left = _seconds_left(of_study)
                found.append({"study": name, "scale": scale.label, **states, "seconds_left": left})
    return found


def _seconds_left(found: Sequence[Standing]) -> float | None:
    undone = [standing for standing in found if standing.state in ("waiting", "running")]
    took = [standing.seconds for standing in found if standing.seconds is not None]
    running = sum(standing.state == "running" for standing in found)
    if not undone or not took:
        return None
    return len(undone) * sum(took) / len(took) / max(1, running)
