"""The parent of the workers: keeps as many at work as there are rows for, and puts back the rows of those that die."""

import multiprocessing
import os
import signal
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing import connection
from multiprocessing.process import BaseProcess
from pathlib import Path

from train.common.errors import PneumoscopeError
from train.runs.run_folder import runs_root
from train.studies.running.queue import Queue, put_back
from train.studies.running.storage import GRACE_SECONDS, HEARTBEAT_SECONDS
from train.studies.running.training import Means
from train.studies.running.worker import Orders, run_worker
from train.studies.status import Standing, standings

POLL_SECONDS = 5
#: For a worker that was told to stop, to give its training back.
STOP_SECONDS = 30
#: Workers that die before they have a row, until it is given up.
MOST_IDLE_DEATHS = 5
#: Where workers print before they are at a run folder.
LOG_FOLDER = ".study"


@dataclass
class Crew:
    """Worker processes of one call of `study run`.

    queue: what they work off.
    storage: its URL.
    count: how many there are at most.
    """

    queue: Queue
    storage: str
    means: Means
    count: int
    alive: dict[str, BaseProcess] = field(default_factory=dict)
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
                for _ in range(min(self.count - len(self.alive), states.count("waiting"))):
                    self._hire()
                self._wait()
        finally:
            self.stop()
        return standings(self.queue)

    def stop(self) -> None:
        """Have the workers give their trainings back and end; end them for good where they do not."""
        for process in self.alive.values():
            if process.pid is not None and process.is_alive():
                os.kill(process.pid, signal.SIGINT)
        until = time.monotonic() + STOP_SECONDS
        for process in self.alive.values():
            process.join(max(0.0, until - time.monotonic()))
            if process.is_alive():
                process.kill()
                process.join()
        names = list(self.alive)
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
            # Workers that each compute with all cores get in each other's way.
            threads=max(1, (os.cpu_count() or 1) // self.count) if self.count > 1 else None,
        )
        process = multiprocessing.get_context("spawn").Process(target=run_worker, args=(orders, self._log(name)))
        process.start()
        self.alive[name] = process

    def _wait(self) -> None:
        left = POLL_SECONDS if self.means.ends_at is None else self.means.ends_at - time.time()
        connection.wait([process.sentinel for process in self.alive.values()], max(0.0, min(POLL_SECONDS, left)))

    def _reap(self) -> list[str]:
        """Return the names of the workers that have ended, by themselves or killed.

        Raises:
            PneumoscopeError: one says why no other would fare better, or they all die before they have a row.
        """
        gone = [name for name, process in self.alive.items() if not process.is_alive()]
        for name in gone:
            code = self.alive.pop(name).exitcode
            if code == 0:  # what waits now is at other processes, for a while
                self.hire_after = time.monotonic() + self._interval
            elif code is not None and code < 0:
                had_one = any(trial.user_attrs.get("worker") == name for trial in self.queue.trials())
                self.idle_deaths = 0 if had_one else self.idle_deaths + 1
                if self.idle_deaths >= MOST_IDLE_DEATHS:
                    raise PneumoscopeError(f"workers die before they begin (signal {-code}): see {self._log(name)}")
            else:
                raise PneumoscopeError(_last_line(self._log(name)))
            self._log(name).unlink(missing_ok=True)
        return gone

    @property
    def _interval(self) -> float:
        return self.queue.storage.heartbeat_interval or HEARTBEAT_SECONDS

    def _log(self, name: str) -> Path:
        return runs_root() / LOG_FOLDER / f"{name}.log"


def _last_line(log: Path) -> str:
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").split("\n")
    except OSError:
        return "a worker ended with an error"
    return next((line.removeprefix("error: ") for line in reversed(lines) if line.strip()), "it printed nothing")
