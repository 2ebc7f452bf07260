"""The parent of the workers: keeps as many at work as there are rows for, and puts back the rows of those that die."""

import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from train.common.errors import PneumoscopeError
from train.runs.run_folder import runs_root
from train.studies.running.queue import Queue, put_back
from train.studies.running.storage import GRACE_SECONDS, HEARTBEAT_SECONDS
from train.studies.running.training import Means
from train.studies.running.worker import Orders
from train.studies.status import Standing, standings

POLL_SECONDS = 5
#: For a worker that was told to stop, to give its training back.
STOP_SECONDS = 30
#: Workers that die before they have a row, until it is given up.
MOST_IDLE_DEATHS = 5
#: Where workers print before they are at a run folder.
LOG_FOLDER = ".study"


@dataclass(frozen=True)
class Ended:
    """How a worker ended.

    way: done, idle where it found nothing to do, died, or refused: no other worker would fare better.
    why: it died, or the line for the user where it refused.
    """

    way: Literal["done", "idle", "died", "refused"]
    why: str = ""


class Workplace(Protocol):
    """Where workers are: processes of this machine, or Ray's. What stands for a worker is the workplace's own.

    count: how many there are at most.
    threads: that each computes with; None: as many as its machine has cores.
    """

    @property
    def count(self) -> int: ...  # noqa: D102

    @property
    def threads(self) -> int | None: ...  # noqa: D102

    def start(self, orders: Orders, log: Path) -> Any:  # noqa: ANN401
        """Start a worker, which prints into a file."""

    def ended(self, worker: Any, log: Path) -> Ended | None:  # noqa: ANN401
        """Say how a worker ended; None while it has not."""

    def wait(self, workers: Sequence[Any], seconds: float) -> None:
        """Wait until one of them ends, or for so long."""

    def stop(self, workers: Sequence[Any], seconds: float) -> None:
        """Have them give their trainings back and end; end those for good that have not after so long."""


@dataclass
class Crew:
    """The workers of one call of `study run`.

    queue: what they work off.
    storage: its URL.
    workplace: where they are.
    alive: by name.
    """

    queue: Queue
    storage: str
    means: Means
    workplace: Workplace
    alive: dict[str, Any] = field(default_factory=dict)
    idle_deaths: int = 0
    hire_after: float = 0.0

    def run(self, show: Callable[[Sequence[Standing]], None]) -> tuple[Standing, ...]:
        """Have all trainings run, or as many as there is time for; `show` is told every now and then where they stand.

        Raises:
            KeyboardInterrupt: at Ctrl-C; the workers have given their trainings back.
            PneumoscopeError: a worker says that it makes no sense to go on, such as a full disk.
        """
        looked = 0.0
        try:
            while True:
                gone = self._reap()
                if gone or time.monotonic() - looked >= self._interval:
                    looked = time.monotonic()
                    put_back(self.queue, gone)
                found = standings(self.queue)
                show(found)
                states = [standing.state for standing in found]
                open_ones = {"waiting", "running"} & set(states)
                # Of rows whose worker was found dead by another process that died itself, none must be forgotten.
                if self._is_over() or not (open_ones or put_back(self.queue)):
                    break
                for _ in range(min(self.workplace.count - len(self.alive), states.count("waiting"))):
                    self._hire()
                self._wait()
        finally:
            self.stop()
        return standings(self.queue)

    def stop(self) -> None:
        """Have the workers give their trainings back and end; end them for good where they do not."""
        names = list(self.alive)
        if names:
            self.workplace.stop(list(self.alive.values()), STOP_SECONDS)
        self.alive.clear()
        if names:  # what they gave back themselves waits already
            put_back(self.queue, names)
            for name in names:
                self._log(name).unlink(missing_ok=True)

    def _is_over(self) -> bool:
        return self.means.ends_at is not None and time.time() >= self.means.ends_at

    def _hire(self) -> None:
        if time.monotonic() < self.hire_after:
            return
        name = uuid.uuid4().hex[:12]
        storage = self.queue.storage
        orders = Orders(
            *(name, self.storage, self.queue.study, self.queue.trainings, self.means),
            heartbeat_seconds=storage.heartbeat_interval or HEARTBEAT_SECONDS,
            grace_seconds=storage.grace_period or GRACE_SECONDS,
            threads=self.workplace.threads,
        )
        self.alive[name] = self.workplace.start(orders, self._log(name))

    def _wait(self) -> None:
        left = POLL_SECONDS if self.means.ends_at is None else self.means.ends_at - time.time()
        self.workplace.wait(list(self.alive.values()), max(0.0, min(POLL_SECONDS, left)))

    def _reap(self) -> list[str]:
        """Return the names of the workers that have ended, by themselves or killed.

        Raises:
            PneumoscopeError: one says why no other would fare better, or they all die before they have a row.
        """
        found = {name: self.workplace.ended(worker, self._log(name)) for name, worker in self.alive.items()}
        gone = {name: ended for name, ended in found.items() if ended is not None}
        for name, ended in gone.items():
            del self.alive[name]
            if ended.way == "idle":  # what waits now is at other processes, for a while
                self.hire_after = time.monotonic() + self._interval
            elif ended.way == "died":
                had_one = any(trial.user_attrs.get("worker") == name for trial in self.queue.trials())
                self.idle_deaths = 0 if had_one else self.idle_deaths + 1
                if self.idle_deaths >= MOST_IDLE_DEATHS:
                    raise PneumoscopeError(f"workers die before they begin ({ended.why}): see {self._log(name)}")
            elif ended.way == "refused":
                raise PneumoscopeError(ended.why)
            self._log(name).unlink(missing_ok=True)
        return list(gone)

    @property
    def _interval(self) -> float:
        return self.queue.storage.heartbeat_interval or HEARTBEAT_SECONDS

    def _log(self, name: str) -> Path:
        return runs_root() / LOG_FOLDER / f"{name}.log"
