"""The window: what is dropped on it is read; panels for a film, a folder, curves and cards."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import (
    QAction,
    QCloseEvent,
    QDragEnterEvent,
    QDropEvent,
    QGuiApplication,
    QKeySequence,
    QShortcut,
    QShowEvent,
)
from PySide6.QtWidgets import (
    QApplication,
    QComboBox,
    QFileDialog,
    QLabel,
    QMainWindow,
    QMessageBox,
    QTabWidget,
    QToolBar,
    QVBoxLayout,
    QWidget,
)

from demo.desktop.panels.film_panel import FilmPanel
from demo.desktop.settings import DesktopSettings
from demo.desktop.workers.film_reader import FilmReader, OpenNetworks, ReadFilm
from demo.language.catalogue import LANGUAGES, Language, wording

if TYPE_CHECKING:
    from demo.desktop.deferred_panels import CardsPanel, CurvesPanel, FolderPanel

SECONDS_A_LINE_STAYS = 15
TABS = ("tab.compare", "desktop.tab_folder", "tab.evaluation", "desktop.tab_cards")
FIRST_SIZE = (1240, 800)  # pixels


class MainWindow(QMainWindow):
    """The whole app. Films come in through `open_paths`, whoever asks: mouse, menu, command line.

    The panel of a film is there at once; the others and the operating points come when the reader's thread has
    imported what they need, so that the window need not wait for it.
    """

    def __init__(self, reader: FilmReader, settings: DesktopSettings) -> None:
        super().__init__()
        self._reader, self._settings = reader, settings
        self._networks: OpenNetworks | None = None
        self._waiting: Sequence[str] = ()  # dropped before the networks were there
        self._asked = False
        self._default_point = ""
        self._fault = ""  # why no network will ever be there
        self.words = wording(settings.language)
        self.setAcceptDrops(True)
        self.film = FilmPanel()
        self.folder: FolderPanel | None = None
        self.curves: CurvesPanel | None = None
        self.cards: CardsPanel | None = None
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        for panel in (self.film, *(QWidget() for _ in TABS[1:])):
            self.tabs.addTab(panel, "")
        self.disclaimer = QLabel()
        self.disclaimer.setWordWrap(True)
        self.disclaimer.setAlignment(Qt.AlignmentFlag.AlignCenter)
        central = QWidget()
        layout = QVBoxLayout(central)
        layout.addWidget(self.tabs, 1)
        layout.addWidget(self.disclaimer)
        self.setCentralWidget(central)
        self._make_bar()
        self._connect()
        self.resize(*FIRST_SIZE)
        if settings.geometry is not None:
            self.restoreGeometry(settings.geometry)
        self.speak(settings.language)

    def open_paths(self, paths: Sequence[str]) -> None:
        """Read one film on its own, several or a folder as a list."""
        if not paths:
            return
        if self._fault:
            self.say(self._fault)
        elif self._networks is None:
            self._waiting = tuple(paths)
        elif len(paths) == 1 and not Path(paths[0]).is_dir():
            from demo.predict.films.names import printable

            self.tabs.setCurrentWidget(self.film)
            self.film.wait_for(printable(Path(paths[0]).name))
            self._reader.read(paths[0], self.operating_point.currentData())
        elif self._networks.loaded.classifiers:
            assert self.folder is not None  # made before the networks were there
            self.tabs.setCurrentWidget(self.folder)
            self.folder.read(paths, self._networks, self.operating_point.currentData())
        else:
            self.say(self.words("page.no_networks"))

    def speak(self, language: Language) -> None:
        """Take a language, at once."""
        self.words = words = wording(language)
        QGuiApplication.setLayoutDirection(
            Qt.LayoutDirection.RightToLeft if words.direction == "rtl" else Qt.LayoutDirection.LeftToRight
        )
        self.setWindowTitle(f"{words('app.name')} – {words('app.tagline')}")
        self.disclaimer.setText(f"{words('disclaimer.short')} {words('disclaimer.children')}")
        self._open_film.setText(words("desktop.open_film"))
        self._open_folder.setText(words("desktop.open_folder"))
        self._point_label.setText(words("operating_point.label"))
        self._language_label.setText(words("page.language"))
        self._bar.setWindowTitle(words("desktop.bar"))
        self._name_points()
        for box, key in ((self.operating_point, "operating_point.label"), (self.language, "page.language")):
            box.setAccessibleName(words(key))
        for place, key in enumerate(TABS):
            self.tabs.setTabText(place, words(key))
        for panel in (self.film, self.folder, self.curves, self.cards):
            if panel is not None:
                panel.speak(words)

    def say(self, line: str) -> None:
        """Say a line below everything, for a while."""
        self.statusBar().showMessage(line, 1000 * SECONDS_A_LINE_STAYS)

    def show_disclaimer(self) -> None:
        """Ask once, at the first start, that the disclaimer be read; without that the window closes."""
        words = self.words
        box = QMessageBox(self)
        box.setIcon(QMessageBox.Icon.Warning)
        box.setWindowTitle(words("app.name"))
        box.setText(words("disclaimer.short"))
        parts = ("about.what.not", "disclaimer.children", "about.limits.proof_text")
        box.setInformativeText("\n\n".join(words(key) for key in parts))
        accept = box.addButton(words("desktop.understood"), QMessageBox.ButtonRole.AcceptRole)
        box.addButton(words("desktop.quit"), QMessageBox.ButtonRole.RejectRole)
        box.setDefaultButton(accept)
        box.buttonClicked.connect(lambda button: self._answer(button is accept))
        box.rejected.connect(lambda: self._answer(False))
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.open()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802  # Qt's name
        """At the first start, the disclaimer comes with the window."""
        super().showEvent(event)
        if not self._settings.disclaimer_read and not self._asked:
            self._asked = True
            self.show_disclaimer()

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        """When the system turns dark or light, what has colours of its own follows."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self.film.speak(self.words)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802
        """Files may be dropped, nothing else."""
        if _local_files(event):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802
        """Read what was dropped."""
        event.acceptProposedAction()
        self.open_paths(_local_files(event))

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802
        """Remember the window and end what runs."""
        self._settings.geometry = self.saveGeometry()
        if self.folder is not None:
            self.folder.close_run()
            self.folder.finish_saving()
        self._reader.close()
        super().closeEvent(event)

    def _make_bar(self) -> None:
        self._bar = QToolBar()
        self._bar.setMovable(False)
        self._bar.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        self.addToolBar(self._bar)
        self._open_film, self._open_folder = QAction(self), QAction(self)
        self._open_film.setShortcut(QKeySequence.StandardKey.Open)
        self._open_folder.setShortcut(QKeySequence("Ctrl+Shift+O"))
        self._bar.addActions([self._open_film, self._open_folder])
        for action in (self._open_film, self._open_folder):
            self._bar.widgetForAction(action).setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._bar.addSeparator()
        self.operating_point, self.language = QComboBox(), QComboBox()
        self._point_label, self._language_label = QLabel(), QLabel()
        self.operating_point.setEnabled(False)
        for code, name in LANGUAGES.items():
            self.language.addItem(name, code)
        self.language.setCurrentIndex(self.language.findData(self.words.language))
        for label, box in ((self._point_label, self.operating_point), (self._language_label, self.language)):
            label.setBuddy(box)
            label.setMargin(6)
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
            self._bar.addWidget(label)
            self._bar.addWidget(box)

    def _connect(self) -> None:
        self._reader.panels_imported.connect(self._add_panels)
        self._reader.networks_open.connect(self._take_networks)
        self._reader.networks_failed.connect(self._no_networks)
        self._reader.film_read.connect(self._show_film)
        self._reader.film_failed.connect(self.film.show_fault)
        self._open_film.triggered.connect(self._ask_for_film)
        self._open_folder.triggered.connect(self._ask_for_folder)
        self.film.asked_to_open.connect(self._ask_for_film)
        self.operating_point.currentIndexChanged.connect(self._judge)
        self.language.currentIndexChanged.connect(self._choose_language)
        self.tabs.currentChanged.connect(self._draw_curves)
        self.film.message.connect(self.say)
        for place in range(self.tabs.count()):
            shortcut = QShortcut(QKeySequence(f"Ctrl+{place + 1}"), self)
            shortcut.activated.connect(lambda place=place: self.tabs.setCurrentIndex(place))
        QShortcut(QKeySequence(Qt.Key.Key_Escape), self).activated.connect(self._cancel)
        QShortcut(QKeySequence(QKeySequence.StandardKey.Save), self).activated.connect(self.film.ask_for_report)
        QShortcut(QKeySequence(QKeySequence.StandardKey.Quit), self).activated.connect(self.close)

    def _add_panels(self) -> None:
        from demo.desktop.deferred_panels import CardsPanel, CurvesPanel, FolderPanel, default_point, operating_points

        panels = self.folder, self.curves, self.cards = FolderPanel(), CurvesPanel(), CardsPanel()
        shown = self.tabs.currentIndex()
        self.tabs.setUpdatesEnabled(False)
        for place, panel in enumerate(panels, start=1):
            panel.speak(self.words)  # type: ignore[attr-defined]  # a join of three panels is a QWidget to mypy
            empty = self.tabs.widget(place)
            self.tabs.removeTab(place)
            self.tabs.insertTab(place, panel, self.words(TABS[place]))
            if empty is not None:
                empty.deleteLater()
        self.tabs.setCurrentIndex(shown)
        self.tabs.setUpdatesEnabled(True)
        self.folder.film_chosen.connect(lambda path: self.open_paths([path]))
        self.folder.message.connect(self.say)
        self._offer_points(operating_points(self.words), default_point(()))
        self.operating_point.setEnabled(True)

    def _offer_points(self, points: list[tuple[str, str]], default: str) -> None:
        """Offer these operating points, (name, in words); the default is chosen unless another one was."""
        chosen = self.operating_point.currentData()
        if chosen in (None, self._default_point) or chosen not in dict(points):
            chosen = default
        self._default_point = default
        self.operating_point.blockSignals(True)
        self.operating_point.clear()
        for name, text in points:
            self.operating_point.addItem(text, name)
        self.operating_point.setCurrentIndex(max(0, self.operating_point.findData(chosen)))
        self.operating_point.blockSignals(False)
        self._name_points()

    def _name_points(self) -> None:
        """Name the operating points, and where networks are there, say what they reached at each."""
        for place in range(self.operating_point.count()):
            name = self.operating_point.itemData(place)
            self.operating_point.setItemText(place, self.words(f"operating_point.{name}"))
            if self._networks is not None:
                from demo.desktop.deferred_panels import reached

                line = reached(name, self._networks.loaded.cards, self._networks.track_record, self.words)
                self.operating_point.setItemData(place, line, Qt.ItemDataRole.ToolTipRole)

    def _take_networks(self, networks: OpenNetworks) -> None:
        self._networks = networks
        self.film.take(networks)
        assert self.curves is not None  # as the folder's panel
        assert self.cards is not None
        self.curves.take(networks.loaded)
        self.cards.take(networks.loaded)
        if networks.loaded.classifiers:
            from demo.desktop.deferred_panels import default_point, operating_points

            cards = networks.loaded.cards.values()
            self._offer_points(operating_points(self.words, cards), default_point(cards))
        else:
            self.say(self.words("page.no_networks"))
        waiting, self._waiting = self._waiting, ()
        self.open_paths(waiting)

    def _no_networks(self, fault: str) -> None:
        self._fault, self._waiting = fault, ()
        self.film.show_fault(fault, "page.no_networks")

    def _show_film(self, film: ReadFilm) -> None:
        self.film.show_film(film)
        # It may have been read at the point that was chosen before.
        self.film.set_operating_point(self.operating_point.currentData())

    def _choose_language(self) -> None:
        # Only what was chosen is kept: whoever never chose goes on with the system's language.
        self._settings.language = self.language.currentData()
        self.speak(self.language.currentData())

    def _judge(self) -> None:
        point = self.operating_point.currentData()
        self.film.set_operating_point(point)
        if self.folder is not None:
            self.folder.set_operating_point(point)

    def _draw_curves(self) -> None:
        if self.curves is not None and self.tabs.currentWidget() is self.curves:
            self.curves.draw()

    def _cancel(self) -> None:
        self._reader.cancel()
        self.film.cancel()
        if self.folder is not None:
            self.folder.stop()

    def _ask_for_film(self) -> None:
        names, _ = QFileDialog.getOpenFileNames(self, self.words("desktop.open_film"))
        self.open_paths(names)

    def _ask_for_folder(self) -> None:
        name = QFileDialog.getExistingDirectory(self, self.words("desktop.open_folder"))
        self.open_paths([name] if name else [])

    def _answer(self, understood: bool) -> None:
        if understood:
            self._settings.disclaimer_read = True
        elif not self._settings.disclaimer_read:
            self.close()
            QApplication.quit()


def _local_files(event: QDropEvent) -> list[str]:
    return [url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()]
