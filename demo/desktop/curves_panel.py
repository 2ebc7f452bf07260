"""The panel of curves: how good the networks are, drawn from the bundles' scores as the page draws it."""

from collections.abc import Mapping
from html import escape

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import QComboBox, QGridLayout, QHBoxLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from demo.bundle_evaluation import BundleEvaluation, Measured, read_bundle_evaluation
from demo.desktop import said
from demo.desktop.figure_painter import paint_figure
from demo.figures.curve_figures import f1_figure, precision_recall_figure, roc_figure
from demo.figures.history_figures import history_figure
from demo.figures.plot_parts import SYMBOLS, Figure, ScoredNetwork, with_interval
from demo.figures.score_figures import histogram_figure, reliability_figure
from demo.readers import Readers
from demo.reliability import BINS, reliability
from demo.wording import Wording, wording
from train.operating_points import OPERATING_POINTS, auroc, average_precision
from train.scores import SCORED_SPLITS

CURVES = {"roc": roc_figure, "pr": precision_recall_figure, "f1": f1_figure, "reliability": reliability_figure}
HISTORIES = ("loss", "accuracy")
MARKS = {"square": "■", "circle": "●", "triangle-up": "▲", "triangle-down": "▼"}
FIGURE_SIDE = 340  # pixels of height, as on the page


class CurveView(QWidget):
    """One figure; it scales with the window."""

    def __init__(self, figure: Figure, told: str) -> None:
        super().__init__()
        self._figure = figure
        self.setMinimumSize(360, FIGURE_SIDE)
        self.setAccessibleName(told)

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
        self._readers: Readers | None = None
        self._evaluations: Mapping[str, BundleEvaluation] = {}
        self._drawn: tuple[str, str] | None = None
        self.split, self._split_label, self._marks = QComboBox(), QLabel(), QLabel()
        self._split_label.setBuddy(self.split)
        for split in SCORED_SPLITS:
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

    def take(self, readers: Readers) -> None:
        """Take the networks whose curves are to be drawn."""
        self._readers, self._evaluations, self._drawn = readers, {}, None
        if self.isVisible():
            self.draw()

    def speak(self, words: Wording) -> None:
        """Take another language."""
        self._words = words
        self._split_label.setText(words("evaluation.split"))
        for place, split in enumerate(SCORED_SPLITS):
            self.split.setItemText(place, words(f"word.{split}"))
        points = "   ".join(f"{MARKS[SYMBOLS[name]]} {words(f'operating_point.{name}')}" for name in OPERATING_POINTS)
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
        for place, (title, how, told, figure) in enumerate(self.figures(split)):
            card = QWidget()
            column = QVBoxLayout(card)
            for text in (f"<b>{escape(title)}</b>", *map(escape, (how, *told))):
                label = QLabel(said.paragraph(text, self._words.direction))
                label.setWordWrap(True)
                column.addWidget(label)
            if figure is not None:
                column.addWidget(CurveView(figure, " ".join((title, *told))), 1)
            column.addStretch()
            grid.addWidget(card, place // 2, place % 2)
        self._scroll.setWidget(content)

    def figures(self, split: str) -> list[tuple[str, str, list[str], Figure | None]]:
        """All figures: (title, how to read it, its main figures in words, what to draw; None where nothing is)."""
        words = self._words
        scored = [_scored(found, split) for found in self._evaluations.values() if split in found.scores]
        faults = [
            _why_missing(found, split, words) for found in self._evaluations.values() if split not in found.scores
        ]
        drawn = []
        for name, draw in CURVES.items():
            told = [_told(name, network, words) for network in scored]
            figure = draw(scored, words) if scored else None
            drawn.append((words(f"evaluation.{name}.title"), words(f"evaluation.{name}.how"), told + faults, figure))
        for network in scored:
            title = words("evaluation.histogram.title", network=words(f"network.{network.network}"))
            figure = histogram_figure(network, words)
            drawn.append((title, words("evaluation.histogram.how"), [_errors(network, words)], figure))
        for name in HISTORIES:
            histories = {
                network: found.history
                for network, found in self._evaluations.items()
                if any(name in epoch.figures for epoch in found.history)
            }
            broken = [
                words("evaluation.broken", file="history.csv", network=words(f"network.{network}"))
                for network in self._evaluations
                if network not in histories
            ]
            figure = history_figure(name, histories, words) if histories else None
            drawn.append((words(f"evaluation.{name}.title"), words(f"evaluation.{name}.how"), broken, figure))
        return drawn


def _scored(found: BundleEvaluation, split: str) -> ScoredNetwork:
    scores = found.scores[split]
    labels, probabilities = scores.labels, scores.probabilities
    area = found.measured(split, "auroc") or Measured(auroc(labels, probabilities))
    precision = found.measured(split, "average_precision") or Measured(average_precision(labels, probabilities))
    point = found.card.default_operating_point
    return ScoredNetwork(found.network, labels, probabilities, found.thresholds, point, area, precision)


def _told(name: str, scored: ScoredNetwork, words: Wording) -> str:
    if name == "reliability":
        error = reliability(scored.labels, scored.probabilities).expected_calibration_error
        values: dict[str, object] = {"points": f"{100 * error:.1f}", "bins": BINS}
    elif name == "f1":
        at = scored.at(scored.point)
        value = words("evaluation.percent", number=f"{100 * at.f1:.1f}")
        values = {"value": value, "threshold": f"{scored.thresholds[scored.point]:.3f}"}
    else:
        values = {"value": with_interval(scored.auroc if name == "roc" else scored.average_precision)}
    return words(f"evaluation.{name}.figure", network=scored.name, **values)


def _errors(scored: ScoredNetwork, words: Wording) -> str:
    counts = scored.at(scored.point)
    return words(
        "evaluation.histogram.figure",
        threshold=f"{scored.thresholds[scored.point]:.3f}",
        missed=counts.fn,
        ill=counts.tp + counts.fn,
        alarms=counts.fp,
        well=counts.fp + counts.tn,
    )


def _why_missing(found: BundleEvaluation, split: str, words: Wording) -> str:
    network = words(f"network.{found.network}")
    if "scores.csv" in found.broken:
        return words("evaluation.broken", file="scores.csv", network=network)
    if split == "test" and found.card.metrics.test is None:
        return words("evaluation.unread", network=network)
    return words("evaluation.no_films", network=network)
