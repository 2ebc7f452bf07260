"""Chunks read by actors of Ray, on this machine or a cluster: Ray gives places and restarts, no more.

Ray's core and not its data sets, because the parts are the only state there is: measured faster, a third lighter, and
nothing of Ray's has to be resumed.
"""

import os
import sys
from collections import Counter, deque
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from demo.inference.onnx_runtime import usable_processors
from demo.predict.chunked.chunk import TRIES, Chunk, ChunkReader, ChunkResult, Task, died, next_chunks
from train.common.console import say
from train.common.errors import PneumoscopeError, UsageError
from train.common.ray_cluster import start_or_join

IN_FLIGHT = 2  # chunks per actor: one is read, one waits for its turn
SECONDS_BEFORE_A_WORD = 20.0


def read_on_ray(
    chunks: Iterator[Chunk], task: Task, workers: int | None, num_gpus: float, address: str | None, at_most: int
) -> Generator[ChunkResult, None, None]:
    """Read chunks in Ray's actors; the results come as they are ready.

    An actor that dies, with its machine or alone, is started again somewhere, and its chunks are read again. Only what
    an actor has answered is a result, so none comes twice.

    Args:
        chunks: taken one by one, as there is an actor for them.
        task: what they have in common; it travels to the actors, models and all.
        workers: how many actors; None for one a processor of the cluster, or for each share of a GPU.
        num_gpus: of each actor.
        address: as of `start_or_join`.
        at_most: how many chunks there are.

    Raises:
        UsageError, PneumoscopeError: as `start_or_join`; the cluster has not what an actor needs; what an actor raised;
            a chunk has ended TRIES actors.
    """
    with start_or_join(address, cpus=workers or usable_processors()) as cluster:
        say(cluster.line)
        count = min(workers or _places(cluster.ray.cluster_resources(), num_gpus), at_most)
        yield from _Actors(cluster.ray, chunks, count, num_gpus, task).results()


def _places(has: Mapping[str, float], num_gpus: float) -> int:
    """How many actors what a cluster has is enough for."""
    what, count = ("GPU", has.get("GPU", 0) / num_gpus) if num_gpus else ("CPU", has.get("CPU", 0))
    if count < 1:
        needs = num_gpus or 1
        raise UsageError(
            f"Ray has {has.get(what, 0):g} {what}s and a worker needs {needs:g}; see to the cluster, or "
            "say with --workers how many it will have"
        )
    return int(count)


class _Worker:
    """What an actor is."""

    def __init__(self) -> None:
        """Load nothing yet: what fails in here, Ray would give as text."""
        self._reader: ChunkReader | None = None

    def read(self, chunk: Chunk | None, held: list[Any]) -> ChunkResult | None:
        """As `ChunkReader.read`; of no chunk, answer once the networks are loaded.

        Args:
            chunk: what to read.
            held: where in Ray's store the task is; in a list, so that it is fetched once and not with every chunk.
        """
        if self._reader is None:
            self._reader = _begun(held)
        return None if chunk is None else self._reader.read(chunk)


def _begun(held: list[Any]) -> ChunkReader:
    import ray

    task: Task = ray.get(held[0])
    # Or the process that decodes would run Ray's own program first: a second, and 100 MB.
    vars(sys.modules["__main__"]).pop("__file__", None)
    try:
        os.chdir(task.folder)
    except OSError as error:
        raise PneumoscopeError(
            f"{task.folder}: not on a machine of the cluster ({error.strerror}); share it under this path, or name "
            "films by URL and run from a folder that all machines have"
        ) from None
    return ChunkReader(task)


@dataclass
class _Actors:
    """Actors and what they are at: each has up to IN_FLIGHT chunks, from when it has answered that it is there.

    Attributes:
        pending: what is awaited → its actor, and its chunk; None for a word that the networks are loaded.
        again: chunks whose actor died; another one gets them, or the same in its next life.
        tries: by number, how often a chunk's actor has died.
    """

    ray: Any
    chunks: Iterator[Chunk]
    count: int
    num_gpus: float
    task: Task
    pending: dict[Any, tuple[Any, Chunk | None]] = field(default_factory=dict)
    again: deque[Chunk] = field(default_factory=deque)
    tries: Counter[int] = field(default_factory=Counter)

    def results(self) -> Generator[ChunkResult, None, None]:
        """Go through the results."""
        kind = self.ray.remote(num_cpus=1, num_gpus=self.num_gpus, max_restarts=-1)(_Worker)
        held = [self.ray.put(self.task)]
        actors = [kind.remote() for _ in range(self.count)]
        try:
            for actor in actors:
                self._await_word(actor, held)
            has_begun = is_told = False
            while not has_begun or self.again or any(chunk is not None for _, chunk in self.pending.values()):
                done, _ = self.ray.wait(list(self.pending), timeout=SECONDS_BEFORE_A_WORD)
                if not done and not is_told and all(chunk is None for _, chunk in self.pending.values()):
                    say("Ray: waiting for the cluster to start a worker")
                is_told = not done
                for awaited in done:
                    actor, chunk = self.pending.pop(awaited)
                    result, is_there = self._answer(awaited, chunk)
                    if not is_there:
                        self._await_word(actor, held)
                        continue
                    has_begun = True
                    for further in next_chunks(self.again, self.chunks, IN_FLIGHT if chunk is None else 1):
                        self.pending[actor.read.remote(further, held)] = actor, further
                    if result is not None:
                        yield result
        finally:
            for actor in actors:
                self.ray.kill(actor)

    def _await_word(self, actor: Any, held: list[Any]) -> None:  # noqa: ANN401  # Ray's own
        """Let Ray say when an actor is there, however long the cluster takes and however often the actor dies before.

        One that never is gets no chunk that it would keep from the others.
        """
        if (actor, None) not in self.pending.values():
            self.pending[actor.read.options(max_task_retries=-1).remote(None, held)] = actor, None

    def _answer(self, awaited: Any, chunk: Chunk | None) -> tuple[ChunkResult | None, bool]:  # noqa: ANN401
        """What an actor has answered, and whether it is still there."""
        from ray.exceptions import RayError, RayTaskError

        try:
            return self.ray.get(awaited), True
        except RayTaskError as error:
            if isinstance(error.cause, PneumoscopeError):
                raise error.cause from None
            raise PneumoscopeError(f"a worker of Ray failed ({error.cause!r}); this should not happen") from error
        except RayError as error:  # it died, its machine did, or what it answered was lost with one
            if chunk is None:
                raise PneumoscopeError(f"a worker of Ray cannot be started ({_line(error)})") from error
            self.tries[chunk.number] += 1
            if self.tries[chunk.number] == TRIES:
                raise PneumoscopeError(died(chunk)) from error
            self.again.append(chunk)
            return None, False


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300]
