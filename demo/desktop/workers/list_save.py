"""The list of a folder set as a PDF in a thread of its own: 2,000 films take seconds."""

import logging
from pathlib import Path

from PySide6.QtCore import QThread, Signal

from demo.desktop.workers.save_files import ExportError, as_pdf, save

log = logging.getLogger(__name__)


class ListSave(QThread):
    """Sets a page of `list_html` as a PDF and writes it; `saved` or `failed` comes, then `finished`.

    A thread of Qt's: in one of Python's, a document finds nobody who keeps its time.
    """

    saved = Signal(str)  # the file's name
    failed = Signal(str)

    def __init__(self, path: Path, html: str) -> None:
        super().__init__()
        self._path, self._html = path, html

    def run(self) -> None:
        """Qt's name: what the thread does."""
        try:
            save(self._path, lambda: as_pdf(self._html))
        except ExportError as error:
            self.failed.emit(str(error))
        except Exception as error:  # the window goes on and says so
            log.debug("unexpected", exc_info=True)
            self.failed.emit(f"{self._path.name}: cannot be written (unexpected {type(error).__name__})")
        else:
            self.saved.emit(self._path.name)
