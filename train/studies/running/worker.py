"""A process that claims one training of the queue after the other and runs it, its output in the run folder's log."""

import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing import connection, parent_process
from pathlib import Path
from types import FrameType

from train.common.console import say, say_error
from train.common.errors import PneumoscopeError, UsageError
from train.runs.run_folder import RunFolder
from train.studies.definition import Training
from train.studies.running.queue import Claim, Queue, claim, complete, fail, give_back, heartbeat
from train.studies.running.storage import opened_storage
from train.studies.running.training import Means, OutOfTime, Result, train_of_study

#: What runs a claimed training; it says the run folder once that is its own.
Train = Callable[[Training, Means, Callable[[RunFolder], None]], Result]


@dataclass(frozen=True)
class Orders:
    """What a worker is told.

    name: of this worker, which no other has.
    storage: its URL.
    study: the number of Optuna's study in it.
    trainings: those that this call is about, by the name of their run folder.
    heartbeat_seconds, grace_seconds: as `opened_storage` takes them.
    threads: that TensorFlow computes with; None: as many as there are cores.
    """

    name: str
    storage: str
    study: int
    trainings: Mapping[str, Training]
    means: Means
    heartbeat_seconds: int
    grace_seconds: int
    threads: int | None = None


def run_worker(orders: Orders, log: Path) -> None:
    """Be a worker: the whole of a child process, which ends with 0, or with 1 after a line that says why.

    It ends early, and cleanly, when its parent does, and at SIGINT.
    """
    signal.signal(signal.SIGINT, _stop_once)
    print_into(log)
    _end_with_the_parent()
    try:
        prepare(orders)
        work(orders, print_into=print_into)
    except (KeyboardInterrupt, OutOfTime):
        sys.exit(0)
    except PneumoscopeError as error:
        print_into(log)  # where the parent looks
        say_error(str(error))
        sys.exit(1)


def prepare(orders: Orders) -> None:
    """Make this process ready for trainings, before a row is claimed.

    Raises:
        UsageError: there is no GPU where one is asked for, so that no row could be trained.
    """
    if orders.threads is not None:
        for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
            os.environ.setdefault(name, str(orders.threads))
    if orders.means.device == "gpu":
        from train.fitting.devices.device import choose_device

        choose_device("gpu")


def work(
    orders: Orders,
    train: Train = train_of_study,
    print_into: Callable[[Path], None] = lambda _log: None,
    at_most: int | None = None,
) -> int:
    """Run trainings until none waits; return how many were.

    Args:
        orders: what to run, and where it stands.
        train: runs one.
        print_into: lets this process print to the end of a file, the log in a training's run folder.
        at_most: so many; None: all that wait.

    Raises:
        OutOfTime, KeyboardInterrupt: it was stopped; the training it was at waits again.
        PneumoscopeError: the storage is out of reach, or the disk full; the training waits again.
    """
    beats = {"heartbeat_seconds": orders.heartbeat_seconds, "grace_seconds": orders.grace_seconds}
    with opened_storage(orders.storage, create=False, **beats) as storage:
        queue = Queue(storage, orders.study, orders.trainings)
        busy: set[str] = set()
        done = 0
        while done != at_most and (orders.means.ends_at is None or time.time() < orders.means.ends_at):
            claimed = claim(queue, orders.name, besides=busy)
            if claimed is None:
                break
            if _run(queue, claimed, orders.means, train, print_into):
                done += 1
            else:
                busy.add(claimed.training.name)
        return done


def _run(queue: Queue, claimed: Claim, means: Means, train: Train, print_into: Callable[[Path], None]) -> bool:
    """Run a claimed training and write down what came of it; False where another process is at its run folder."""
    own: list[RunFolder] = []

    def begun(run: RunFolder) -> None:
        own.append(run)
        print_into(run.study_log)

    try:
        with heartbeat(queue, claimed):
            result = train(claimed.training, means, begun)
    except (KeyboardInterrupt, OutOfTime):
        give_back(queue, claimed)
        raise
    except UsageError as error:
        if not own:
            give_back(queue, claimed)
            return False
        _fail(queue, claimed, error)
    except OSError as error:
        give_back(queue, claimed)
        folder = own[0].folder if own else claimed.training.name
        raise PneumoscopeError(
            f"{folder} cannot be written to ({error.strerror or error}): the epochs that were finished are kept whole"
        ) from error
    except Exception as error:
        _fail(queue, claimed, error)
    else:
        complete(queue, claimed, result.facts, result.value)
    return True


def _fail(queue: Queue, claimed: Claim, error: Exception) -> None:
    """One row that cannot be trained does not keep the others from it."""
    if not isinstance(error, PneumoscopeError):
        say(traceback.format_exc())
    reason = " ".join(str(error).split()) or type(error).__name__
    say_error(reason)
    fail(queue, claimed, reason if isinstance(error, PneumoscopeError) else f"{type(error).__name__}: {reason}")


def print_into(log: Path) -> None:
    """Let this process print to the end of a file, what native code prints too."""
    sys.stdout.flush()
    sys.stderr.flush()
    log.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)


def _stop_once(_signal: int, _frame: FrameType | None) -> None:
    """Stop at the first Ctrl-C; a second one must not keep this process from giving its training back."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise KeyboardInterrupt


def _end_with_the_parent() -> None:
    """Stop as by Ctrl-C once the parent is gone, however it ended."""
    parent = parent_process()
    if parent is None:
        return

    def wait() -> None:
        connection.wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=wait, daemon=True).start()
