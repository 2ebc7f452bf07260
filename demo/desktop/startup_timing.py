"""`--measure FILE`: how long a start takes until the window is drawn and a film is read, and the most memory used."""

import json
import os
import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

if TYPE_CHECKING:
    from demo.desktop.window import MainWindow

PROCESS = Path("/proc/self")
START_FIELD = 19  # of /proc/self/stat behind the name: clock ticks from the machine's start to the process's


class Stopwatch(QObject):
    """Watches a window from its first drawing to its first reading, prints both times and closes it."""

    def __init__(self, window: "MainWindow") -> None:
        super().__init__(window)
        self._window = window
        self._drawn: dict[str, float] = {}
        window.film.view.first_drawn.connect(self._note)
        window.film.film_shown.connect(self._read)

    def _note(self) -> None:
        self._drawn = {
            "window_seconds": round(seconds_since_start(), 2),
            "window_processor_seconds": round(time.process_time(), 2),
        }

    def _read(self) -> None:
        found = self._drawn | {
            "reading_seconds": round(seconds_since_start(), 2),
            "reading_processor_seconds": round(time.process_time(), 2),
            "peak_memory_mb": peak_memory(),
        }
        sys.stdout.write(json.dumps(found) + "\n")
        sys.stdout.flush()
        self._window.close()


def seconds_since_start() -> float:
    """Since the system started this process, the program's own loading included; Linux only."""
    fields = (PROCESS / "stat").read_text().rpartition(")")[2].split()
    since_boot = time.clock_gettime(time.CLOCK_BOOTTIME)
    return since_boot - int(fields[START_FIELD]) / os.sysconf("SC_CLK_TCK")


def peak_memory() -> int:
    """The most memory the process ever had, megabytes of 1,000,000 bytes."""
    found = re.search(r"^VmHWM:\s+(\d+) kB$", (PROCESS / "status").read_text(), re.MULTILINE)
    return round(int(found[1]) * 1024 / 1e6) if found else 0
