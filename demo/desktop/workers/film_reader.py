"""The networks, loaded and run in a thread of their own, so that the window never waits for them.

Whatever is slow to import is imported in that thread too, after the window was drawn.
"""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from train.common.errors import PneumoscopeError

if TYPE_CHECKING:
    import numpy as np

    from demo.evaluation.track_record import TrackRecord
    from demo.inference.compare import Case
    from demo.inference.networks import LoadedModels
    from demo.inference.onnx_runtime import Device

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class OpenNetworks:
    """The networks, and what they did on known films."""

    loaded: "LoadedModels"
    track_record: "TrackRecord"


@dataclass(frozen=True, eq=False)
class ReadFilm:
    """A film that was read: how it is called, its readings, its pixels for the screen, the bits of a stored sample."""

    name: str
    path: str
    case: "Case"
    copies: "Sequence[np.ndarray]"
    bits: int | None


class FilmReader(QObject):
    """Reads one film at a time. A film that is asked for while another is read takes that one's place.

    Args:
        models: folder of the bundles; None for those that came with pneumoscope.
        device: as `load_classifier` takes it.
        preload: called in the reader's thread before the networks are loaded: for what is slow to import.
    """

    panels_imported = Signal()  # once, before any other
    networks_open = Signal(OpenNetworks)
    networks_failed = Signal(str)
    film_read = Signal(ReadFilm)
    film_failed = Signal(str)

    def __init__(
        self, models: Path | None = None, device: "Device" = "auto", preload: Callable[[], None] = lambda: None
    ) -> None:
        super().__init__()
        self._models, self._device, self._preload = models, device, preload
        self._thread = ThreadPoolExecutor(1, "reader")
        self._latest = 0
        self._networks: OpenNetworks | None = None

    def open_networks(self) -> None:
        """Load the networks; a signal says when they are there."""
        self._thread.submit(self._open_networks)

    def read(self, path: str, operating_point: str) -> None:
        """Read a film once the networks are there; a signal says when."""
        self._latest += 1
        self._thread.submit(self._read, path, operating_point, self._latest)

    def cancel(self) -> None:
        """Forget the film that is being read: it will not be shown."""
        self._latest += 1

    def close(self) -> None:
        """End the thread; a film that is being read is read to its end."""
        self.cancel()
        self._thread.shutdown(cancel_futures=True)

    def _open_networks(self) -> None:
        try:
            self._preload()
            from demo.evaluation.track_record import read_track_record
            from demo.inference.networks import load_models

            self.panels_imported.emit()
            loaded = load_models(self._models, self._device)
            self._networks = OpenNetworks(loaded, read_track_record(loaded.bundles))
        except PneumoscopeError as error:
            self.networks_failed.emit(str(error))
        except Exception as error:  # the window stays and says so
            log.debug("unexpected", exc_info=True)
            self.networks_failed.emit(f"the networks cannot be loaded (unexpected {type(error).__name__})")
        else:
            self.networks_open.emit(self._networks)

    def _read(self, path: str, operating_point: str, number: int) -> None:
        if number != self._latest or self._networks is None:
            return
        from demo.desktop.drawing.film_images import half_copies
        from demo.inference.compare import read_case
        from demo.predict.films.names import printable
        from train.radiograph.greys.stored_bits import stored_bits

        name = printable(Path(path).name)
        try:
            case = read_case(path, self._networks.loaded.classifiers, operating_point)
            film = ReadFilm(name, path, case, half_copies(case.film), stored_bits(Path(path)))
        except PneumoscopeError as error:
            self._fail(number, f"{name}: {error}")
        except Exception as error:  # whatever a file does, the window goes on; the text may quote the film's header
            log.debug("unexpected", exc_info=True)
            self._fail(number, f"{name}: cannot be read (unexpected {type(error).__name__})")
        else:
            if number == self._latest:
                self.film_read.emit(film)

    def _fail(self, number: int, fault: str) -> None:
        if number == self._latest:
            self.film_failed.emit(fault)
