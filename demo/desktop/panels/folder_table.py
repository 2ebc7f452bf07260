"""The films of a folder as a table that Qt shows: sorted by any column, evaluated at any operating point."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt

from demo.batch.batch import evaluated
from demo.batch.table import Row, Sort, arranged
from demo.desktop.drawing.text_direction import figure
from demo.desktop.drawing.theme import subdued
from demo.inference.compare import Comparison, unreliable_in, verdict_kind
from demo.language.catalogue import Wording, wording
from demo.language.numbers import rounded
from demo.language.reading_sentences import row_verdict
from demo.predict.films.names import printable
from export.bundle import NETWORKS, Card

Index = QModelIndex | QPersistentModelIndex

FILM, PROBABILITY_A, VERDICT_A, PROBABILITY_B, VERDICT_B, DIFFERENCE, BOTH = range(7)
NETWORK_OF = {PROBABILITY_A: "a", VERDICT_A: "a", PROBABILITY_B: "b", VERDICT_B: "b"}
SORT_OF: dict[int, Sort] = {
    FILM: "order",
    PROBABILITY_A: "a",
    VERDICT_A: "a",
    PROBABILITY_B: "b",
    VERDICT_B: "b",
    DIFFERENCE: "difference",
    BOTH: "difference",
}
NUMBERS = (PROBABILITY_A, PROBABILITY_B, DIFFERENCE)
NOTHING = QModelIndex()


class FolderTable(QAbstractTableModel):
    """Rows in the order they are shown in. New films are appended at the end until they are sorted again."""

    def __init__(self) -> None:
        super().__init__()
        self.comparisons: list[Comparison] = []
        self._rows: list[Row] = []
        self._words = wording("en")
        self._folder = ""
        self._sort, self._descending, self._only_differing = FILM, False, False

    def begin(self, folder: str = "") -> None:
        """Forget all films; those to come are named as they are called inside a folder."""
        self.beginResetModel()
        self.comparisons, self._rows, self._folder = [], [], folder
        self.endResetModel()

    def append(self, comparisons: Sequence[Comparison]) -> None:
        """Add films as they are read."""
        first = len(self.comparisons)
        self.comparisons += comparisons
        new = [Row(first + place, comparison) for place, comparison in enumerate(comparisons)]
        if self._only_differing:
            new = [row for row in new if row.comparison["agree"] is False]
        if new:
            self.beginInsertRows(NOTHING, len(self._rows), len(self._rows) + len(new) - 1)
            self._rows += new
            self.endInsertRows()

    def arrange(self) -> None:
        """Sort as was asked for, new films among the others."""
        self.beginResetModel()
        self._rows = arranged(self.comparisons, SORT_OF[self._sort], self._descending, self._only_differing)
        self.endResetModel()

    def set_operating_point(self, cards: Mapping[str, Card], operating_point: str) -> None:
        """Evaluate all films at another operating point; no network runs."""
        self.comparisons = [evaluated(comparison, cards, operating_point) for comparison in self.comparisons]
        self.arrange()

    def only_differing(self, wanted: bool) -> None:
        """Show the films on which the networks differ, or all."""
        self._only_differing = wanted
        self.arrange()

    def speak(self, words: Wording) -> None:
        """Take another language."""
        self._words = words
        self.headerDataChanged.emit(Qt.Orientation.Horizontal, 0, BOTH)
        if self._rows:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._rows) - 1, BOTH))

    def comparison_at(self, row: int) -> Comparison:
        """The film of a row as it is shown."""
        return self._rows[row].comparison

    def shown(self) -> list[Comparison]:
        """All films as they are shown, in their order."""
        return [row.comparison for row in self._rows]

    def headings(self) -> list[str]:
        """What the columns are called."""
        return [self._heading(column) for column in range(self.columnCount())]

    def cells(self, comparison: Comparison) -> list[str]:
        """A film's cells as they are shown."""
        return [self._cell(comparison, column) for column in range(self.columnCount())]

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column, as Qt asks for it."""
        if column in SORT_OF:
            self._sort, self._descending = column, order == Qt.SortOrder.DescendingOrder
            self.arrange()

    def rowCount(self, parent: Index = NOTHING) -> int:  # noqa: N802  # Qt's names
        """How many films are shown."""
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = NOTHING) -> int:  # noqa: N802
        """Always the same ones."""
        return 0 if parent.isValid() else BOTH + 1

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: ANN401, N802
        """Name of a column; a row's number."""
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        return self._heading(section) if orientation == Qt.Orientation.Horizontal else str(section + 1)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: ANN401
        """What a cell shows."""
        comparison = self._rows[index.row()].comparison
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return self._cell(comparison, index.column())
            case Qt.ItemDataRole.ToolTipRole:
                return printable(comparison["error"] or comparison["path"])
            case Qt.ItemDataRole.ForegroundRole if NETWORK_OF.get(index.column()) in unreliable_in(comparison):
                return subdued()
            case Qt.ItemDataRole.TextAlignmentRole if index.column() in NUMBERS:
                return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        return None

    def _heading(self, column: int) -> str:
        words, network = self._words, NETWORK_OF.get(column, NETWORKS[0]).upper()
        match column:
            case 0:
                return words("batch.film")
            case 1 | 3:
                return words("batch.probability", network=network)
            case 2 | 4:
                return words("batch.verdict", network=network)
            case 5:
                return words("batch.difference")
        return words("batch.both")

    def _cell(self, comparison: Comparison, column: int) -> str:
        words = self._words
        if column == FILM:
            return printable(comparison["path"].removeprefix(self._folder).lstrip(os.sep))
        if comparison["error"] is not None:
            return printable(comparison["error"]) if column == VERDICT_A else ""
        if column == DIFFERENCE:
            difference = Row(0, comparison).difference
            return "" if difference is None else f"{difference:.3f}"
        if column == BOTH:
            return row_verdict(comparison, words)
        reading = comparison["readings"].get(NETWORK_OF[column])
        if reading is None:
            return ""
        if column in NUMBERS:
            return "–" if reading["refused"] else figure(rounded(reading["probability"]))
        return words(f"verdict.{verdict_kind(None if reading['refused'] else reading['positive'])}")
