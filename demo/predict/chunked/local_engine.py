"""Chunks read by processes of this machine."""

import multiprocessing
import signal
import sys
from collections import Counter, deque
from collections.abc import Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from demo.predict.chunked.chunk import TRIES, Chunk, ChunkReader, ChunkResult, Task, died, next_chunks
from train.common.errors import PneumoscopeError

SECONDS_TO_END = 10.0  # for a process that is told to: it finishes the film that it is at


def read_in_processes(chunks: Iterator[Chunk], task: Task, workers: int) -> Generator[ChunkResult, None, None]:
    """Read chunks in `workers` processes; the results come as they are ready.

    A process that ends is replaced, and its chunk read again. All of them end with this process, however it ends.

    Args:
        chunks: taken one by one, as there is a process for them.
        task: what they have in common.
        workers: how many processes, 1 or more.

    Raises:
        PneumoscopeError: what a worker raised; a chunk has ended TRIES processes.
    """
    idle: list[_Worker] = []
    busy: dict[Any, tuple[_Worker, Chunk]] = {}  # by our end of the pipe
    again: deque[Chunk] = deque()
    tries: Counter[int] = Counter()
    try:
        while True:
            for chunk in next_chunks(again, chunks, workers - len(busy)):
                worker = idle.pop() if idle else _started(task)
                worker.ask(chunk)
                busy[worker.connection] = worker, chunk
            if not busy:
                return
            for connection in wait(busy):
                worker, chunk = busy.pop(connection)
                answer = worker.answer()
                if answer is None:
                    tries[chunk.number] += 1
                    if tries[chunk.number] == TRIES:
                        raise PneumoscopeError(died(chunk))
                    again.append(chunk)
                    continue
                idle.append(worker)
                if isinstance(answer, Exception):
                    raise answer
                yield answer
    finally:
        for worker in (*idle, *(worker for worker, _ in busy.values())):
            worker.process.terminate()
        for worker in (*idle, *(worker for worker, _ in busy.values())):
            worker.end()


@dataclass(frozen=True, eq=False)
class _Worker:
    """A process that reads one chunk at a time, and our end of the pipe to it."""

    process: BaseProcess
    connection: Connection

    def ask(self, chunk: Chunk) -> None:
        """Give it a chunk; that it has ended is seen when it does not answer."""
        with suppress(OSError):
            self.connection.send(chunk)

    def answer(self) -> Any:  # noqa: ANN401
        """A ChunkResult, what it raised, or None: it has ended."""
        try:
            return self.connection.recv()
        except (EOFError, OSError):
            self.end()
            return None

    def end(self) -> None:
        """Wait for its end."""
        self.process.join(SECONDS_TO_END)
        self.process.kill()
        self.process.join()
        self.process.close()
        self.connection.close()


def _started(task: Task) -> _Worker:
    # Not forked: ONNX Runtime's threads would be missing.
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(theirs, task))
    # Ctrl-C goes to every process of a terminal, and is ours to see.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        process.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        theirs.close()
    return _Worker(process, ours)


def _work(connection: Connection, task: Task) -> None:
    """Read chunks until whoever asks for them is gone, or says that it is enough."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # not at once: the process that decodes is to end too
    try:
        with ChunkReader(task) as reader:
            while True:
                connection.send(reader.read(connection.recv()))
    except (EOFError, ConnectionError):
        return
    except PneumoscopeError as error:
        connection.send(error)
    except Exception as error:  # a fault of ours, said once
        connection.send(PneumoscopeError(f"a process that reads films failed ({error!r}); this should not happen"))
