"""A window without a screen, and what its user does: waits, drops, presses. Every exception inside Qt fails the test.

Without pytest-qt, whose plugin ends every test run, not only these, where Qt's libraries do not load.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

SECONDS = 30


@pytest.fixture(scope="session")
def qt_application() -> Any:
    """The one application of the process."""
    widgets = pytest.importorskip(
        "PySide6.QtWidgets", reason="needs PySide6 (extra desktop) and the system libraries of Qt", exc_type=ImportError
    )
    return widgets.QApplication.instance() or widgets.QApplication(["pneumoscope"])


@pytest.fixture
def qt(qt_application: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The application; what was raised inside its slots is raised at the end."""
    from PySide6.QtCore import Qt

    raised: list[BaseException] = []
    monkeypatch.setattr(sys, "excepthook", lambda _kind, error, _trace: raised.append(error))
    qt_application.setLayoutDirection(Qt.LayoutDirection.LeftToRight)
    yield qt_application
    qt_application.processEvents()
    if raised:
        raise raised[0]


@pytest.fixture
def wait_until(qt: Any) -> Callable[[Callable[[], object]], None]:
    """Let Qt work until something is true."""
    from PySide6.QtCore import QEventLoop

    def wait(is_true: Callable[[], object]) -> None:
        deadline = time.monotonic() + SECONDS
        while not is_true():
            assert time.monotonic() < deadline, "it did not come true"
            qt.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 20)

    return wait


@pytest.fixture
def settings(qt: Any, tmp_path: Path) -> Any:
    """Settings of nobody yet, but that the disclaimer was read."""
    from demo.desktop.settings import DesktopSettings

    kept = DesktopSettings(str(tmp_path / "settings.ini"))
    kept.language = "en"
    kept.disclaimer_read = True
    return kept


@pytest.fixture
def open_window(qt: Any, wait_until: Callable[..., None], settings: Any, models: Path) -> Iterator[Callable[..., Any]]:
    """Open a window with the two tiny networks, or those of another folder; it is closed at the end."""
    from demo.desktop.window import MainWindow
    from demo.desktop.workers.film_reader import FilmReader

    opened = []

    def open_window(folder: Path = models, kept: Any = settings, wait: bool = True) -> Any:
        reader = FilmReader(folder, "cpu")
        window = MainWindow(reader, kept)
        opened.append(window)
        reader.open_networks()
        window.show()
        if wait:
            wait_until(lambda: window._networks is not None)
        return window

    yield open_window
    for window in opened:
        window.close()
        window.deleteLater()


@pytest.fixture
def read(wait_until: Callable[..., None]) -> Callable[..., Any]:
    """Open paths in a window and wait for what comes of it."""

    def read(window: Any, *paths: Path) -> None:
        window.open_paths([str(path) for path in paths])
        if window.tabs.currentWidget() is window.folder:
            wait_until(lambda: not window.folder.running)
        else:
            wait_until(lambda: window.film.film is not None or window.film._fault)

    return read
