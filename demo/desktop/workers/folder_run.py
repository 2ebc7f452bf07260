"""A run over many films in a thread of its own: found, read, counted, stopped when asked."""

import logging
import threading
import time
from collections.abc import Mapping, Sequence

from PySide6.QtCore import QObject, Signal

from demo.inference.classifier import Classifier
from demo.inference.compare import Comparison
from demo.inference.onnx_runtime import usable_processors
from demo.predict.films.paths import find_films
from demo.predict.stream import read_films, share_processors
from train.common.errors import PneumoscopeError

log = logging.getLogger(__name__)

SECONDS_BETWEEN_ROWS = 0.1  # rows come to the window in handfuls, so that it never does nothing but take rows


class FolderRun(QObject):
    """One run. Its signals come in this order: `found`, `rows` any number of times, `ended`; or `failed` alone,
    or `ended` alone where it is stopped while films are still looked for.

    Each says first which run it is of: Qt delivers what waits in its queue even after a disconnect.
    """

    found = Signal(object, int, list)  # how many films, and a line for each thing that was left out
    rows = Signal(object, list)  # of Comparison
    ended = Signal(object, bool)  # whether every film was read; False when stopped
    failed = Signal(object, str)

    def __init__(self, paths: Sequence[str], classifiers: Mapping[str, Classifier], operating_point: str) -> None:
        super().__init__()
        self._paths, self._classifiers, self._point = tuple(paths), dict(classifiers), operating_point
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="folder", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Begin no further film; `ended` comes when those at hand are done."""
        self._stopped.set()

    def wait(self) -> None:
        """Wait for the end, after `stop`."""
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        try:
            films = find_films(self._paths, is_stopped=self._stopped.is_set)
            if self._stopped.is_set():
                self.ended.emit(self, False)
                return
            left_out = films.left_out.in_words(with_options=False)
            self.found.emit(self, len(films.films), [*films.warnings, *([left_out] if left_out else [])])
            # The networks keep all threads, as they read single films too: two films overlap decoding and running.
            at_once = min(2, share_processors(len(films.films), usable_processors())[0])
            self.ended.emit(self, self._read(films.films, at_once))
        except PneumoscopeError as error:
            self.failed.emit(self, str(error))
        except Exception as error:  # the window goes on and says so
            log.debug("unexpected", exc_info=True)
            self.failed.emit(self, f"the films cannot be read (unexpected {type(error).__name__})")

    def _read(self, films: Sequence[str], at_once: int) -> bool:
        pending: list[Comparison] = []
        sent = time.monotonic()
        read = read_films(films, self._classifiers, self._point, at_once)
        try:
            while not self._stopped.is_set():
                comparison = next(read, None)
                if comparison is not None:
                    pending.append(comparison)
                if comparison is None or time.monotonic() - sent > SECONDS_BETWEEN_ROWS:
                    self.rows.emit(self, pending)
                    pending, sent = [], time.monotonic()
                if comparison is None:
                    return True
        finally:
            read.close()
        self.rows.emit(self, pending)
        return False
