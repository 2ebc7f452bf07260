"""Many films at once, their results in order: what `predict`, the batch and the window read films with."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def look_ahead(
    items: Iterable[Item],
    job_of: Callable[[Item], Callable[[], Result]],
    at_once: int,
    ahead: int,
    is_stopped: Callable[[], bool] = lambda: False,
) -> Generator[Result, None, None]:
    """Do a job for each item in threads, and yield the results in the items' order.

    At most `ahead * at_once` jobs are ahead of the one that is waited for, and only `at_once` are done at a time.

    Args:
        items: taken one by one, as there is room.
        job_of: called in the thread of whoever takes the results; the job itself runs in one of the others.
        at_once: how many threads, 1 or more.
        ahead: jobs begun per thread, 1 or more, so that one that takes long does not stop the others.
        is_stopped: asked before each result; once true, no further job is begun and the generator ends.
    """
    todo = iter(items)
    pending: deque[Future[Result]] = deque()
    pool = ThreadPoolExecutor(at_once, "film")

    try:
        while not is_stopped():
            for item in islice(todo, ahead * at_once - len(pending)):
                pending.append(pool.submit(job_of(item)))
            if not pending:
                return
            yield pending.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
