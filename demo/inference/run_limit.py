"""A network's run that would not end is ended: ONNX Runtime looks at a flag between two nodes of the graph.

One thread watches all runs; a timer for each would cost a film a quarter of a millisecond.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from demo.inference.onnx_runtime import import_onnxruntime

if TYPE_CHECKING:
    import onnxruntime

SECONDS = 60.0  # for one run; the slowest of our networks takes about a twentieth of one on a film
_BETWEEN_LOOKS = 0.5

_running: dict[int, tuple[float, "onnxruntime.RunOptions"]] = {}  # id of the options → when they end
_changed = threading.Condition()
_watch: threading.Thread | None = None


class RunTooLongError(Exception):
    """A run was ended because its time was over."""


@contextmanager
def limited_run(seconds: float = SECONDS) -> Iterator["onnxruntime.RunOptions"]:
    """Options for one run, which ends after `seconds`.

    Raises:
        RunTooLongError: it was ended; in place of what ONNX Runtime raises then.
    """
    options = import_onnxruntime().RunOptions()
    with _changed:
        _running[id(options)] = time.monotonic() + seconds, options
        _start()
        _changed.notify()
    try:
        yield options
    except Exception as error:
        if options.terminate:
            raise RunTooLongError from error
        raise
    finally:
        with _changed:
            del _running[id(options)]


def _start() -> None:
    global _watch  # one thread for the process
    if _watch is None or not _watch.is_alive():
        _watch = threading.Thread(target=_look, name="run limit", daemon=True)
        _watch.start()


def _look() -> None:
    while True:
        with _changed:
            _changed.wait_for(lambda: _running)
            now = time.monotonic()
            for latest, options in _running.values():
                if latest <= now:
                    options.terminate = True
        time.sleep(_BETWEEN_LOOKS)
