"""Works off a queue with processes that are killed with SIGKILL at random moments, for test_dying_workers.py.

    dying_workers.py URL RUNS SEED ROWS

The processes are workers, and commands that fill the queue and put back what the dead had. Most of them are killed, at
a moment drawn from the seed: before or after a statement or a transaction, in the middle of a training, before its
result is written down. They are forked, after what takes long was imported. Prints a line for each that was killed and
for each training that began.
"""

import os
import random
import signal
import sys
import time
from pathlib import Path

URL, RUNS, SEED, ROWS = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
os.environ["PNEUMOSCOPE_RUNS"] = RUNS

from sqlalchemy import event  # noqa: E402
from sqlalchemy.engine import Engine  # noqa: E402

from train.runs.run_folder import RunFolder, begin  # noqa: E402
from train.runs.run_lock import hold  # noqa: E402
from train.studies.definition import Scale, find_study, trainings_of  # noqa: E402
from train.studies.running.queue import fill, put_back  # noqa: E402
from train.studies.running.storage import opened_storage  # noqa: E402
from train.studies.running.training import Means, Result  # noqa: E402
from train.studies.running.worker import Orders, work  # noqa: E402
from train.studies.status import count_states, standings  # noqa: E402

WORKERS, PATIENCE_SECONDS = 6, 240
BEATS = {"heartbeat_seconds": 1, "grace_seconds": 3}
STUDY, SCALE = find_study("a-optimizer"), Scale(image_size=32)
TRAININGS = trainings_of([(STUDY, row) for row in STUDY.rows], range(9), SCALE)[:ROWS]
draws = random.Random(SEED)


def tell(*words):
    """Print a line at once and whole: several processes do."""
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def die_at(moment):
    """Make this process kill itself at the so-manieth moment from now."""
    left = moment

    def strike(*_):
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    for name in ("begin", "commit", "before_cursor_execute"):
        event.listen(Engine, name, strike)
    return strike


def forked(job, moment):
    """Do a job in a process of its own, which dies at a moment; return its id."""
    child = os.fork()
    if child:
        return child
    strike = die_at(moment) if moment else lambda: None
    try:
        job(strike)
    except BaseException as error:
        tell("error", type(error).__name__, error)
        os._exit(1)
    os._exit(0)


def command(_strike):
    """What the parent of workers does, for a while: fill, then put back what the dead had."""
    with opened_storage(URL, **BEATS) as storage:
        queue = fill(storage, SCALE, [STUDY], TRAININGS)
        for _ in range(3):
            put_back(queue, most_deaths=10**6)


def worker(number):
    """A worker whose trainings take no time, in run folders that only one process may have at a time."""

    def train(training, _means, begun, strike):
        run = RunFolder(Path(RUNS) / training.name)
        run.folder.mkdir(parents=True, exist_ok=True)
        with hold(run):
            begin(run, training.settings)
            begun(run)
            tell("began", training.name)
            strike()
            return Result(0.5, {"diverged": False, "by": number})

    def job(strike):
        with opened_storage(URL, **BEATS) as storage:
            study = storage.get_study_id_from_name(SCALE.label)
        orders = Orders(
            *(f"worker{number}", URL, study, {each.name: each for each in TRAININGS}, Means(Path(RUNS))), **BEATS
        )
        work(orders, lambda *given: train(*given, strike), print_into=lambda _log: None)

    return job


def drawn_moment():
    """Most die, soon or late; by seed 0 none."""
    return None if SEED == 0 or draws.random() < 0.05 else int(draws.expovariate(1 / 40)) + 1


def is_done():
    """Ask in a process of its own: one that has used a storage must not be forked."""

    def ask(_strike):
        with opened_storage(URL, **BEATS) as storage:
            queue = fill(storage, SCALE, [STUDY], ())
            queue = type(queue)(storage, queue.study, {each.name: each for each in TRAININGS})
            counts = count_states(standings(queue))
            os._exit(0 if counts["complete"] == ROWS else 3)

    return os.waitstatus_to_exitcode(os.waitpid(forked(ask, None), 0)[1]) == 0


os.waitpid(forked(command, None), 0)  # there is a queue at all
until = time.monotonic() + PATIENCE_SECONDS
number = 0
alive = set()
while alive or not is_done():
    if time.monotonic() > until:
        tell("error", "out of patience")
        break
    while len(alive) < WORKERS:
        number += 1
        alive.add(forked(command if SEED and number % 3 == 0 else worker(number), drawn_moment()))
    child, status = os.wait()
    alive.discard(child)
    if os.waitstatus_to_exitcode(status) == -signal.SIGKILL:
        tell("killed", child)
    if is_done():
        for child in alive:
            os.waitpid(child, 0)
        break
