"""The panel of curves: how good the networks are, drawn from the bundles' scores as the page draws it."""

from collections.abc import Mapping
from html import escape

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import QComboBox, QGridLayout, QHBoxLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from demo.desktop.drawing.plot_painter import paint_figure
from demo.desktop.drawing.text_direction import paragraph
from demo.evaluation.track_record import QUOTED_SPLITS
from demo.inference.networks import LoadedModels
from demo.language.catalogue import Wording, wording
from demo.plots.described import HISTORIES, SHAPES, DescribedPlot, described_plots
from demo.plots.parts import SYMBOLS, Figure
from export.bundle.evaluation import BundleEvaluation, read_bundle_evaluation
from train.metrics.operating_points import POINT_NAMES

FIGURE_SIDE = 340  # pixels of height, as on the page


class CurveView(QWidget):
    """One figure; it scales with the window."""

    def __init__(self, figure: Figure, description: str) -> None:
        super().__init__()
        self._figure = figure
        self.setMinimumSize(360, FIGURE_SIDE)
        self.setAccessibleName(description)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002, N802  # Qt's name
        """Draw the figure."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        # Axes run from left to right in every language; words in them are isolated.
        painter.setLayoutDirection(Qt.LayoutDirection.LeftToRight)
        painter.fillRect(self.rect(), self.palette().color(QPalette.ColorRole.Base))
        font = painter.font()
        font.setPointSizeF(font.pointSizeF() * 0.9)
        painter.setFont(font)
        paint_figure(painter, self._figure, QRectF(self.rect()).adjusted(8, 8, -8, -4), self.palette())


class CurvesPanel(QWidget):
    """Drawn when it is first looked at, and again for another split or language."""

    def __init__(self) -> None:
        super().__init__()
        self._words = wording("en")
        self._readers: LoadedModels | None = None
        self._evaluations: Mapping[str, BundleEvaluation] = {}
        self._drawn: tuple[str, str] | None = None
        self.split, self._split_label, self._marks = QComboBox(), QLabel(), QLabel()
        self._split_label.setBuddy(self.split)
        for split in QUOTED_SPLITS:
            self.split.addItem(split, split)
        self.split.currentIndexChanged.connect(self.draw)
        self._marks.setWordWrap(True)
        row = QHBoxLayout()
        row.addWidget(self._split_label)
        row.addWidget(self.split)
        row.addWidget(self._marks, 1)
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        layout = QVBoxLayout(self)
        layout.addLayout(row)
        layout.addWidget(self._scroll, 1)

    def take(self, loaded: LoadedModels) -> None:
        """Take the networks whose curves are to be drawn."""
        self._readers, self._evaluations, self._drawn = loaded, {}, None
        is_tested = any(card.metrics.test is not None for card in loaded.cards.values())
        self.split.setCurrentIndex(self.split.findData("test" if is_tested else "validation"))
        if self.isVisible():
            self.draw()

    def speak(self, words: Wording) -> None:
        """Take another language."""
        self._words = words
        self._split_label.setText(words("evaluation.split"))
        for place, split in enumerate(QUOTED_SPLITS):
            self.split.setItemText(place, words(f"word.{split}"))
        points = "   ".join(f"{SHAPES[SYMBOLS[name]]} {words(f'operating_point.{name}')}" for name in POINT_NAMES)
        self._marks.setText(f"{words('evaluation.marks')} {points}")
        self._scroll.setAccessibleName(words("evaluation.curves"))
        if self.isVisible():
            self.draw()

    def draw(self) -> None:
        """Draw what is asked for, unless it is on screen already."""
        split = self.split.currentData()
        if self._readers is None or self._drawn == (split, self._words.language):
            return
        if not self._evaluations:
            bundles = self._readers.bundles
            self._evaluations = {name: read_bundle_evaluation(bundle) for name, bundle in bundles.items()}
        self._drawn = split, self._words.language
        content = QWidget()
        grid = QGridLayout(content)
        for place, plot in enumerate(self.figures(split)):
            card = QWidget()
            column = QVBoxLayout(card)
            sentences = (*plot.sentences, *plot.faults)
            for text in (f"<b>{escape(plot.title)}</b>", *map(escape, (plot.how, *sentences))):
                label = QLabel(paragraph(text, self._words.direction))
                label.setWordWrap(True)
                column.addWidget(label)
            if plot.figure is not None:
                column.addWidget(CurveView(plot.figure, " ".join((plot.title, *sentences))), 1)
            column.addStretch()
            grid.addWidget(card, place // 2, place % 2)
        self._scroll.setWidget(content)

    def figures(self, split: str) -> list[DescribedPlot]:
        """All figures as the page tells them: the curves, the histograms, then the training."""
        plots = described_plots(self._evaluations, split, self._words)
        return [plots[name] for name in sorted(plots, key=lambda name: name in HISTORIES)]
