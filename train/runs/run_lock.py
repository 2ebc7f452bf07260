"""One process for one run folder: a lock that the system frees however its holder ends."""

from collections.abc import Iterator
from contextlib import contextmanager

from train.common.console import say_warning
from train.common.errors import UsageError
from train.common.file_lock import WITHOUT_LOCKS
from train.runs.run_folder import RunFolder

LOCK_NAME = ".lock"


@contextmanager
def hold(run: RunFolder) -> Iterator[None]:
    """Keep other processes from training into a run folder while the block runs; warn where there are no locks.

    The file stays behind when the lock is freed: removing it would let two processes each lock a file of its own.

    Raises:
        UsageError: another process holds it, or the folder cannot be written to.
    """
    from filelock import FileLock, Timeout  # here: the command line's --help works without the train extra

    lock = FileLock(run.folder / LOCK_NAME, blocking=False)
    try:
        lock.acquire()
    except Timeout:
        raise UsageError(
            f"run {run.name} is being trained by another process: wait for its end, or choose another --name"
        ) from None
    except OSError as error:
        if error.errno not in WITHOUT_LOCKS:
            raise UsageError(f"run {run.name} cannot be written to ({error.strerror}): choose another --name") from None
        say_warning(f"run {run.name} lies where there are no locks: see that no second process trains into it")
    try:
        yield
    finally:
        lock.release()
