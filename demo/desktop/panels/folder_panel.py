"""The panel of a folder: its films read one after another, sorted, saved, opened."""

import os
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QModelIndex, Qt, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QProgressBar,
    QPushButton,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from demo.batch.batch import evaluated
from demo.batch.table import tally
from demo.desktop.drawing.text_direction import line
from demo.desktop.panels.folder_table import DIFFERENCE, FILM, FolderTable
from demo.desktop.panels.save_dialog import ask_where_to_save
from demo.desktop.workers.film_reader import OpenNetworks
from demo.desktop.workers.folder_run import FolderRun
from demo.desktop.workers.list_save import ListSave
from demo.desktop.workers.save_files import ExportError, list_html, readings_csv, save
from demo.inference.compare import Comparison
from demo.language.catalogue import Wording, wording


class FolderPanel(QWidget):
    """A table of films; while they are read, progress and a button to stop."""

    film_chosen = Signal(str)  # its path
    message = Signal(str)  # a line for the status bar

    def __init__(self) -> None:
        super().__init__()
        self._words = wording("en")
        self._networks: OpenNetworks | None = None
        self._point = ""
        self._run: FolderRun | None = None
        self._saving: ListSave | None = None
        self._total, self._notes, self._fault = 0, "", ""
        self.table = FolderTable()
        self.view = QTableView()
        self.view.setModel(self.table)
        self.view.setSortingEnabled(True)
        self.view.sortByColumn(FILM, Qt.SortOrder.AscendingOrder)
        self.view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.view.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.view.setTabKeyNavigation(False)  # Tab leaves the table: nobody is caught in it
        self.view.activated.connect(self._open)
        header = self.view.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setSectionResizeMode(FILM, QHeaderView.ResizeMode.Stretch)
        header.setDefaultSectionSize(150)
        self.view.setWordWrap(False)
        self.view.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)  # 10,000 rows of one height
        self.status, self.notes = QLabel(), QLabel()
        for label in (self.status, self.notes):
            label.setWordWrap(True)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.progress = QProgressBar()
        self.stop_button, self.csv_button, self.print_button = QPushButton(), QPushButton(), QPushButton()
        self.differing = QCheckBox()
        self.by_difference = QPushButton()
        self.stop_button.clicked.connect(self.stop)
        self.csv_button.clicked.connect(self._ask_for_csv)
        self.print_button.clicked.connect(self._ask_for_list)
        self.differing.toggled.connect(self.table.only_differing)
        self.by_difference.clicked.connect(self.sort_by_difference)
        row = QHBoxLayout()
        for widget in (self.by_difference, self.differing):
            row.addWidget(widget)
        row.addStretch()
        for widget in (self.csv_button, self.print_button, self.stop_button):
            row.addWidget(widget)
        layout = QVBoxLayout(self)
        layout.addWidget(self.status)
        layout.addWidget(self.progress)
        layout.addLayout(row)
        layout.addWidget(self.view, 1)
        layout.addWidget(self.notes)
        self._show_state()

    @property
    def running(self) -> bool:
        """Whether films are being read."""
        return self._run is not None

    def read(self, paths: Sequence[str], networks: OpenNetworks, operating_point: str) -> None:
        """Read films and folders; a run that is under way is stopped first."""
        self.close_run()
        self._networks, self._point = networks, operating_point
        self._total, self._notes, self._fault = 0, "", ""
        self.table.begin(_folder_of(paths))
        run = FolderRun(paths, networks.loaded.classifiers, operating_point)
        run.found.connect(self._found)
        run.rows.connect(self._take)
        run.ended.connect(self._ended)
        run.failed.connect(self._failed)
        self._run = run
        self._show_state()
        run.start()

    def stop(self) -> None:
        """Read no further film."""
        if self._run is not None:
            self._run.stop()

    def close_run(self) -> None:
        """Stop and wait, so that nothing of this run comes any more."""
        if self._run is None:
            return
        run, self._run = self._run, None
        for signal in (run.found, run.rows, run.ended, run.failed):
            signal.disconnect()
        run.stop()
        run.wait()

    def finish_saving(self) -> None:
        """Wait until a list that is being saved is written."""
        if self._saving is not None:
            self._saving.wait()

    def set_operating_point(self, operating_point: str) -> None:
        """Evaluate the films at another operating point; films still to come will be too."""
        if self._networks is not None:
            self._point = operating_point
            self.table.set_operating_point(self._networks.loaded.cards, operating_point)
            self._show_state()

    def speak(self, words: Wording) -> None:
        """Take another language."""
        self._words = words
        self.table.speak(words)
        self.view.setAccessibleName(words("batch.table"))
        self.progress.setAccessibleName(words("desktop.progress"))
        for button, key in (
            (self.stop_button, "batch.stop"),
            (self.csv_button, "batch.csv"),
            (self.print_button, "desktop.save_list"),
            (self.differing, "batch.only"),
            (self.by_difference, "desktop.by_difference"),
        ):
            button.setText(words(key))
        self._show_state()

    def sort_by_difference(self) -> None:
        """Put the films first on which the networks are furthest apart."""
        self.view.sortByColumn(DIFFERENCE, Qt.SortOrder.DescendingOrder)

    def summary(self) -> str:
        """The films counted, in words."""
        words, found = self._words, self.table.comparisons
        networks = list(self._networks.loaded.classifiers) if self._networks else []
        counted = tally(found, networks)
        parts = [words("batch.read", read=counted.read, films=self._total or len(found))]
        if counted.unread:
            parts.append(words("batch.unread", unread=counted.unread))
        for name in networks:
            parts.append(words("batch.says", network=name.upper(), positive=counted.positive[name]))
            if counted.refused[name]:
                parts.append(words("batch.refuses", network=name.upper(), refused=counted.refused[name]))
        if len(networks) > 1 and counted.refused_by_any:
            parts.append(words("batch.refused_by_any", refused=counted.refused_by_any))
        if counted.agree or counted.differ:
            parts.append(words("batch.agree", agree=counted.agree, differ=counted.differ))
        rest = self._total - len(found)
        if rest > 0 and not self.running:
            parts.append(words("batch.stopped", rest=rest))
        return " ".join(parts)

    def csv(self) -> bytes:
        """The films in their own order, as `predict --csv` prints them."""
        return readings_csv(self.table.comparisons, self._network_names())

    def list_page(self) -> str:
        """The films as they are shown, to print."""
        rows = [self.table.cells(comparison) for comparison in self.table.shown()]
        point = self._words(f"operating_point.{self._point}")
        return list_html(self.table.headings(), rows, self.summary(), point, self._words)

    def _network_names(self) -> list[str]:
        return list(self._networks.loaded.classifiers) if self._networks else []

    def _found(self, run: FolderRun, films: int, warnings: list[str]) -> None:
        if run is not self._run:
            return  # what a former run had sent
        self._total, self._notes = films, "\n".join(warnings)
        self._show_state()

    def _take(self, run: FolderRun, comparisons: list[Comparison]) -> None:
        if run is not self._run:
            return
        cards = self._networks.loaded.cards if self._networks else {}
        self.table.append([evaluated(comparison, cards, self._point) for comparison in comparisons])
        self._show_state()

    def _ended(self, run: FolderRun, whole: bool) -> None:  # noqa: ARG002  # the summary counts what is missing
        if run is not self._run:
            return
        self._run = None
        self.table.arrange()
        self._show_state()

    def _failed(self, run: FolderRun, fault: str) -> None:
        if run is not self._run:
            return
        self._run, self._fault = None, fault
        self._show_state()

    def _show_state(self) -> None:
        words, done = self._words, len(self.table.comparisons)
        if self._fault:
            text = self._fault
        elif self.running:
            text = words("batch.progress", done=done, films=self._total) if self._total else words("desktop.searching")
        elif done:
            text = self.summary()
        else:
            text = words("desktop.folder_empty")
        self.status.setText(line(text, words.direction))
        self.notes.setText(self._notes)
        self.notes.setVisible(bool(self._notes))
        self.progress.setVisible(self.running)
        self.progress.setRange(0, self._total)  # 0 to 0 moves without a measure
        self.progress.setValue(done)
        self.stop_button.setEnabled(self.running)
        for widget in (self.csv_button, self.by_difference, self.differing):
            widget.setEnabled(bool(done))
        self.print_button.setEnabled(bool(done) and self._saving is None)

    def _open(self, index: QModelIndex) -> None:
        self.film_chosen.emit(self.table.comparison_at(index.row())["path"])

    def _ask_for_csv(self) -> None:
        self._save(ask_where_to_save(self, self._words("batch.csv"), "readings.csv", (".csv",)))

    def _ask_for_list(self) -> None:
        self._save(ask_where_to_save(self, self._words("desktop.save_list"), "readings.pdf", (".pdf", ".html")))

    def _save(self, chosen: tuple[Path, str] | None) -> None:
        """Save the list as a file of a kind, or not at all."""
        if chosen is None:
            return
        path, kind = chosen
        if kind == ".pdf":
            self._save_pdf(path)
            return
        try:
            save(path, self.csv if kind == ".csv" else lambda: self.list_page().encode())
        except ExportError as error:
            self.message.emit(str(error))
        else:
            self._say_saved(path.name)

    def _save_pdf(self, path: Path) -> None:
        self._saving = saving = ListSave(path, self.list_page())
        saving.saved.connect(self._say_saved)
        saving.failed.connect(self.message)
        saving.finished.connect(self._end_saving)
        self._show_state()
        saving.start()

    def _say_saved(self, name: str) -> None:
        self.message.emit(self._words("desktop.saved", file=name))

    def _end_saving(self) -> None:
        self.finish_saving()  # the thread has still to end where its signal comes
        self._saving = None
        self._show_state()


def _folder_of(paths: Sequence[str]) -> str:
    """The folder that all paths are in; "" where there is none in common."""
    folders = [path if Path(path).is_dir() else str(Path(path).parent) for path in paths]
    try:
        return os.path.commonpath(folders)
    except ValueError:  # relative and absolute ones, or several drives
        return ""
