"""The workers of a study as Ray's tasks: one a training, on this machine or a cluster. Ray gives places, no more.

What is to run, what runs and what came of it stands in the study's storage, as ever: a task claims a row there, gives
signs of life there, and goes on with what stands in the run folder. So nothing of Ray's has to be resumed.
"""

import contextlib
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from train.common.errors import PneumoscopeError, UsageError
from train.common.ray_cluster import Cluster, start_or_join
from train.runs.run_folder import runs_root
from train.studies.running.crew import Ended
from train.studies.running.training import OutOfTime
from train.studies.running.worker import Orders, prepare, print_into, work

#: What tasks find set as it is here, on whichever machine they are.
_CARRIED = ("KERAS_BACKEND", "PNEUMOSCOPE_CACHE")


@dataclass(frozen=True)
class RayTasks:
    """A `train.studies.running.crew.Workplace`.

    count: tasks at a time.
    threads: processors that each has.
    gpus: that each has; a share of one below 1, 0 for none.
    machines: that there are.
    line: what Ray is, to be shown.
    """

    ray: Any
    count: int
    threads: int
    gpus: float
    machines: int
    line: str

    @property
    def per_machine(self) -> int:
        """How many of them share a machine."""
        return math.ceil(self.count / max(1, self.machines))

    def start(self, orders: Orders, log: Path) -> Any:  # noqa: ANN401
        """Start one, which Ray never starts again by itself: whoever comes next claims its row."""
        task = self.ray.remote(num_cpus=self.threads, num_gpus=self.gpus, max_retries=0)(run_task)
        return task.remote(orders, log, Path.cwd())

    def ended(self, worker: Any, log: Path) -> Ended | None:  # noqa: ANN401, ARG002
        """Say how it ended."""
        exceptions = self.ray.exceptions
        if not self.ray.wait([worker], timeout=0)[0]:
            return None
        try:
            ended: Ended = self.ray.get(worker)
        except exceptions.TaskCancelledError:
            return Ended("idle")
        except exceptions.RayTaskError as error:
            return Ended(
                "refused", f"a task of Ray failed ({_line(error.cause)}): its machine needs pneumoscope's libraries"
            )
        except exceptions.RuntimeEnvSetupError as error:
            return Ended("refused", f"Ray cannot bring the code to a machine ({_line(error)})")
        except exceptions.RayError as error:  # it was killed, or its machine is gone
            return Ended("died", _line(error))
        return ended

    def wait(self, workers: Sequence[Any], seconds: float) -> None:
        """Wait."""
        self.ray.wait(list(workers), timeout=seconds)

    def stop(self, workers: Sequence[Any], seconds: float) -> None:
        """Interrupt them; Ray may be gone itself, when Ctrl-C has ended all that was begun here."""
        for forced in (False, True):
            with contextlib.suppress(self.ray.exceptions.RayError):
                for worker in workers:
                    self.ray.cancel(worker, force=forced)
                _, workers = self.ray.wait(list(workers), num_returns=len(workers), timeout=seconds)
            if not workers:
                return


@contextlib.contextmanager
def ray_tasks(address: str | None, workers: int | None, gpus: float | None, device: str) -> Iterator[RayTasks]:
    """Have places at Ray for the block.

    Args:
        address: as of `train.common.ray_cluster.start_or_join`.
        workers: how many tasks at a time; None for as many as the GPUs have shares, or one a machine.
        gpus: that each is to have; None for one where Ray has any, unless `device` is "cpu".
        device: as asked for.

    Raises:
        UsageError, PneumoscopeError: as `start_or_join`; Ray has not what a task needs, or `gpus` is no number of them.
    """
    if gpus and gpus > 1 and gpus != int(gpus):
        raise UsageError(f"--num-gpus must be a share of one GPU or a whole number of them. Received: {gpus:g}")
    if gpus is not None and ((gpus and device == "cpu") or (not gpus and device == "gpu")):
        raise UsageError(f"--num-gpus {gpus:g} has no meaning with --device {device}; leave one of them out")
    carried = {name: os.environ[name] for name in _CARRIED if name in os.environ}
    carried["PNEUMOSCOPE_RUNS"] = str(runs_root().absolute())
    cpus = max(workers, os.cpu_count() or 1) if workers else None
    with start_or_join(address, cpus=cpus, environment=carried) as cluster:
        machines = [node["Resources"] for node in cluster.ray.nodes() if node["Alive"]]
        if gpus is None:
            wanted = device == "gpu" or (device == "auto" and any(has.get("GPU", 0) for has in machines))
            gpus = 1.0 if wanted else 0.0
        yield _places(cluster, machines, workers, gpus)


def _places(cluster: Cluster, machines: Sequence[Mapping[str, float]], workers: int | None, gpus: float) -> RayTasks:
    """Share out what machines have; one that a cluster is still to get is taken for a small one."""
    able = [has for has in machines if has.get("CPU", 0) >= 1 and has.get("GPU", 0) >= gpus]
    if not able and (cluster.is_local or not workers):
        has = max((has.get("GPU", 0) for has in machines), default=0)
        later = "" if cluster.is_local else ", or say with --workers how many trainings it will have room for"
        raise UsageError(
            f"Ray has no machine for a training: expected one with {gpus:g} GPUs and a processor, the most GPUs of one "
            f"are {has:g}; give another --num-gpus or --device{later}"
        )
    if workers is None:
        workers = sum(int(has["GPU"] / gpus) for has in able) if gpus else len(able)
    smallest = int(min((has["CPU"] for has in able), default=1))
    threads = max(1, min(smallest, smallest * len(able) // workers))
    share = f", {gpus:g} GPUs" if gpus else ""
    line = f"{cluster.line}; {workers} trainings at a time with {threads} CPUs{share} each"
    return RayTasks(cluster.ray, workers, threads, float(gpus), len(able), line)


def run_task(orders: Orders, log: Path, folder: Path) -> Ended:
    """Be a task: claim a row and train it.

    Args:
        orders: what there is to do.
        log: to print into before there is a run folder.
        folder: that paths are relative to.
    """
    kept = os.dup(1), os.dup(2)
    try:
        try:
            os.chdir(folder)
            print_into(log)
        except OSError as error:
            return Ended(
                "refused", f"{error.filename}: not on a machine of the cluster ({error.strerror}); share it there"
            )
        prepare(orders)
        return Ended("done" if work(orders, print_into=print_into, at_most=1) else "idle")
    except (KeyboardInterrupt, OutOfTime):
        return Ended("idle")
    except PneumoscopeError as error:
        return Ended("refused", str(error))
    finally:  # the process may be another task's afterwards, and its output Ray's
        for descriptor, saved in enumerate(kept, 1):
            os.dup2(saved, descriptor)
            os.close(saved)


def _line(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
