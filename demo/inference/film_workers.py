"""Films decoded in processes that may die: the net below all checks of a film's header.

Decoders are written in C. Should one crash, loop or take the memory, it is that film which cannot be read: its process
is replaced, and the others go on. Pebble's pool does that (a pool of the standard library breaks as a whole).
"""

import multiprocessing
import signal
import sys
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import nullcontext
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Self

import numpy as np
from pebble import ProcessExpired, ProcessPool

from train.radiograph import RadiographError
from train.radiograph.formats import LargeFilmError, large_films_wait

SECONDS = 60.0  # for one film; the largest that is read takes about two
MEMORY = 2_000_000_000  # bytes of address space for one film, beyond what its process has at the start

_Film = tuple[bytes, tuple[int, int], tuple[str, ...]]  # pixels, shape, warnings


class FilmWorkers:
    """A few processes that read films; `read` is called from as many threads.

    They begin when the object is made, beside whatever its maker does next, and end with `close`. Of films of more than
    LARGE_PIXELS one is decoded at a time: each takes some hundred megabytes meanwhile.
    """

    def __init__(self, count: int, seconds: float = SECONDS, memory: int = MEMORY) -> None:
        """Start `count` processes, each of which reads one film at a time within these limits."""
        self._seconds = seconds
        self._large_one = Lock()
        # Not forked: whoever has threads of ONNX Runtime or TensorFlow must not fork.
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPool(count, context=context, initializer=_begin, initargs=(memory,))
        self._begun = [self._pool.schedule(_wait) for _ in range(count)]

    def read(self, source: str | Path | bytes) -> tuple[np.ndarray, tuple[str, ...]]:
        """Read a film as `read_with_warnings` does, in one of the processes; its pixels cannot be written to.

        Raises:
            RadiographError: also where the film ends its process, or takes longer or more memory than a film may.
        """
        try:
            try:
                pixels, shape, notes = self._decoded(source, large_waits=True)
            except LargeFilmError:
                with self._large_one:  # here and not in the process, where waiting would count as decoding
                    pixels, shape, notes = self._decoded(source, large_waits=False)
        except ProcessExpired:
            raise RadiographError("decoding it ended the process that does it: damaged, or made to do so") from None
        except FutureTimeoutError:
            raise RadiographError(f"decoding it takes longer than {self._seconds:.0f} s: damaged, or made to") from None
        except MemoryError:
            raise RadiographError("decoding it takes more memory than a film may: damaged, or made to") from None
        return np.frombuffer(pixels, np.uint8).reshape(shape), notes

    def _decoded(self, source: str | Path | bytes, *, large_waits: bool) -> _Film:
        return self._pool.schedule(_read, (source, large_waits), timeout=self._seconds).result()

    def close(self) -> None:
        """End the processes; films that are being read are given up."""
        self._pool.stop()
        self._pool.join()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close."""
        self.close()


def _begin(memory: int) -> None:
    """Set up a process: its memory is limited, Ctrl-C is its parent's to see, and OpenCV's threads are not needed.

    What most films need is imported here, so that it counts for none of them.
    """
    import cv2

    import train.radiograph.jpeg  # noqa: F401

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)
    if sys.platform == "linux":  # elsewhere address space cannot be limited, or not usefully
        import resource

        pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
        most = pages * resource.getpagesize() + memory
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def _wait() -> None:
    """Do nothing: a pool begins its processes with the first task."""


def _read(source: str | Path | bytes, large_waits: bool) -> _Film:
    """The film's pixels as bytes, which go through a pipe in a third of an array's time; its shape; its warnings."""
    from train.radiograph import read_with_warnings

    with large_films_wait() if large_waits else nullcontext():
        film, notes = read_with_warnings(source)
    return film.tobytes(), film.shape, notes
