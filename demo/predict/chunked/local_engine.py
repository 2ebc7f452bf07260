"""Chunks read by processes of this machine."""

import multiprocessing
from collections.abc import Generator, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from itertools import islice
from multiprocessing.util import Finalize

from pebble import ProcessExpired, ProcessPool

from demo.predict.chunked.chunk import TRIES, Chunk, ChunkReader, ChunkResult, Task, died
from train.common.errors import PneumoscopeError

_reader: ChunkReader | None = None  # of this process, if it is a worker
_task: Task | None = None


def read_in_processes(chunks: Iterator[Chunk], task: Task, workers: int) -> Generator[ChunkResult, None, None]:
    """Read chunks in `workers` processes; the results come as they are ready.

    A process that ends is replaced, and its chunk read again. All of them end with this process, however it ends.

    Args:
        chunks: taken one by one, as there is a process for them.
        task: what they have in common.
        workers: how many processes, 1 or more.

    Raises:
        PneumoscopeError: what a worker raised; a chunk's process has ended TRIES times.
    """
    # Not forked: ONNX Runtime's threads would be missing.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPool(workers, context=context, initializer=_begin, initargs=(task,))
    pending: dict[Future[ChunkResult], tuple[Chunk, int]] = {}
    try:
        while True:
            for chunk in islice(chunks, workers - len(pending)):
                pending[pool.schedule(_read, (chunk,))] = chunk, 1
            if not pending:
                return
            done, _ = wait(pending, return_when=FIRST_COMPLETED)
            for future in done:
                chunk, tries = pending.pop(future)
                try:
                    result = future.result()
                except ProcessExpired:
                    if tries == TRIES:
                        raise PneumoscopeError(died(chunk)) from None
                    pending[pool.schedule(_read, (chunk,))] = chunk, tries + 1
                    continue
                yield result
    finally:
        pool.stop()
        pool.join()


def _begin(task: Task) -> None:
    """Keep the task; the networks are loaded with the first chunk, whose errors come back to who asked for it."""
    global _task
    _task = task


def _read(chunk: Chunk) -> ChunkResult:
    global _reader
    if _reader is None:
        assert _task is not None
        _reader = ChunkReader(_task)
        # A process that ends because its parent was killed waits for its own children: let them end before.
        Finalize(None, _reader.close, exitpriority=1)
    return _reader.read(chunk)
