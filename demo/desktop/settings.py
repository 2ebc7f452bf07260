"""What the app remembers between two starts: its window, its language, that the disclaimer was read. Never a film."""

import os
import sys

from PySide6.QtCore import QByteArray, QCoreApplication, QLocale, QSettings, Qt

from demo.language.catalogue import LANGUAGES, Language


class DesktopSettings:
    """A small INI file in the user's own folder of settings; where it cannot be written, nothing is remembered."""

    def __init__(self, file: str | None = None) -> None:
        """Open the settings of this user, or those of a file."""
        if file is None:
            self._store = QSettings(QSettings.Format.IniFormat, QSettings.Scope.UserScope, "pneumoscope", "desktop")
        else:
            self._store = QSettings(file, QSettings.Format.IniFormat)

    @property
    def language(self) -> Language:
        """As chosen; else the system's where the app speaks it; else English."""
        kept = self._store.value("language")
        system = QLocale.system().name().split("_")[0]
        return next((language for language in LANGUAGES if language in (kept, None if kept else system)), "en")

    @language.setter
    def language(self, language: Language) -> None:
        self._store.setValue("language", language)

    @property
    def geometry(self) -> QByteArray | None:
        """Where the window stood; None at the first start."""
        kept = self._store.value("geometry")
        return kept if isinstance(kept, QByteArray) else None

    @geometry.setter
    def geometry(self, geometry: QByteArray) -> None:
        self._store.setValue("geometry", geometry)

    @property
    def disclaimer_read(self) -> bool:
        """Whether somebody has said so."""
        return self._store.value("disclaimer_read") == "yes"

    @disclaimer_read.setter
    def disclaimer_read(self, read: bool) -> None:
        self._store.setValue("disclaimer_read", "yes" if read else "no")
        self._store.sync()


def use_own_dialogs() -> None:
    """Have Qt draw its dialogs itself on Linux, where GTK's write every chosen film into recently-used.xbel.

    To be called before there is a QApplication.
    """
    if sys.platform == "linux":
        QCoreApplication.setAttribute(Qt.ApplicationAttribute.AA_DontUseNativeDialogs)


def forget_folders() -> None:
    """Keep Qt's own file dialog from writing down which folders were looked into.

    On Linux it keeps a history in a settings file of its own; a folder's name may be a patient's. Elsewhere the
    system's dialogs are used.
    """
    if sys.platform == "linux":
        QSettings.setPath(QSettings.Format.NativeFormat, QSettings.Scope.UserScope, os.devnull)
