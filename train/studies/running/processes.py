"""The workers of a study as processes of this machine."""

import multiprocessing
import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing import connection
from multiprocessing.process import BaseProcess
from pathlib import Path

from train.studies.running.crew import Ended
from train.studies.running.worker import Orders, run_worker


@dataclass(frozen=True)
class Processes:
    """A `train.studies.running.crew.Workplace`: each worker is a child process, and goes on until no row waits."""

    count: int

    @property
    def threads(self) -> int | None:
        """Workers that each compute with all cores get in each other's way."""
        return max(1, (os.cpu_count() or 1) // self.count) if self.count > 1 else None

    def start(self, orders: Orders, log: Path) -> BaseProcess:
        """Start one."""
        process = multiprocessing.get_context("spawn").Process(target=run_worker, args=(orders, log))
        process.start()
        return process

    def ended(self, worker: BaseProcess, log: Path) -> Ended | None:
        """Say how it ended: with 0 it found nothing more to do, with 1 its last line says why."""
        if worker.is_alive():
            return None
        code = worker.exitcode
        if code == 0:
            return Ended("idle")
        if code is not None and code < 0:
            return Ended("died", f"signal {-code}")
        return Ended("refused", _last_line(log))

    def wait(self, workers: Sequence[BaseProcess], seconds: float) -> None:
        """Wait."""
        connection.wait([worker.sentinel for worker in workers], seconds)

    def stop(self, workers: Sequence[BaseProcess], seconds: float) -> None:
        """Interrupt them."""
        for worker in workers:
            if worker.pid is not None and worker.is_alive():
                os.kill(worker.pid, signal.SIGINT)
        until = time.monotonic() + seconds
        for worker in workers:
            worker.join(max(0.0, until - time.monotonic()))
            if worker.is_alive():
                worker.kill()
                worker.join()


def _last_line(log: Path) -> str:
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").split("\n")
    except OSError:
        return "a worker ended with an error"
    return next((line.removeprefix("error: ") for line in reversed(lines) if line.strip()), "it printed nothing")
