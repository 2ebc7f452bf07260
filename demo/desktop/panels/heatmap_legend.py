"""The legend below the film: the heatmap's scale, what its lines mean, and what else is to be said of it."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QFontMetricsF, QPainter, QPaintEvent, QPalette, QPixmap
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from demo.language.catalogue import Wording

if TYPE_CHECKING:
    import numpy as np

BAR_WIDTH, BAR_HEIGHT = 240, 18  # of the screen
MARGIN = 8  # for the first and the last number


class HeatmapLegend(QWidget):
    """Hidden while no heatmap is shown."""

    def __init__(self) -> None:
        super().__init__()
        self.scale, self.lines, self.faint = QLabel(), QLabel(), QLabel()
        self._bar = _Bar()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        for label in (self.scale, self.lines, self.faint):
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setWordWrap(True)
        bold = self.faint.font()
        bold.setBold(True)
        self.faint.setFont(bold)
        for widget in (self.scale, self._bar, self.lines, self.faint):
            column.addWidget(widget)
        self.hide()

    def show_heatmaps(self, heatmaps: "Mapping[str, np.ndarray]", words: Wording, withheld: Sequence[str] = ()) -> None:
        """Explain the heatmaps over the film, network → float32 [h, w], 0..1; with nothing to say, hide.

        Args:
            withheld: sentences on heatmaps that were asked for and are not shown.
        """
        sentences = list(withheld)
        if heatmaps:
            from demo.language.heatmap_sentences import faint_sentence

            self.scale.setText(words("heatmap.scale"))
            self.lines.setText(words("heatmap.lines"))
            self._bar.setAccessibleName(f"{words('heatmap.scale')}, 0–1")
            sentences += [faint_sentence(name, heatmap, words) for name, heatmap in heatmaps.items()]
        self.faint.setText("\n".join(filter(None, sentences)))
        self.faint.setVisible(any(sentences))
        for widget in (self.scale, self._bar, self.lines):
            widget.setVisible(bool(heatmaps))
        self.setVisible(bool(heatmaps) or any(sentences))

    def set_opacity(self, opacity: float) -> None:
        """How much of the colours is seen, 0..1."""
        self._bar.opacity = opacity
        self._bar.update()


class _Bar(QWidget):
    """The scale from 0 (left, in every language) to 1."""

    def __init__(self) -> None:
        super().__init__()
        self.opacity: float | None = None
        height = BAR_HEIGHT + 4 + round(QFontMetricsF(self.font()).height())
        self.setFixedSize(BAR_WIDTH + 2 * MARGIN, height)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002, N802  # Qt's name
        """Draw the bar and the numbers below it."""
        from demo.desktop.drawing.film_images import rgb_picture
        from demo.inference.heatmap_drawing import OPACITY
        from demo.inference.heatmap_pictures import MARKS, legend_pixels

        fine = self.devicePixelRatioF()
        pixels = legend_pixels(
            round(BAR_WIDTH * fine), round(BAR_HEIGHT * fine), OPACITY if self.opacity is None else self.opacity
        )
        painter = QPainter(self)
        painter.setPen(self.palette().color(QPalette.ColorRole.WindowText))
        bar = QRectF(MARGIN, 1, BAR_WIDTH, BAR_HEIGHT)
        painter.drawPixmap(bar, QPixmap.fromImage(rgb_picture(pixels)), QRectF(0, 0, pixels.shape[1], pixels.shape[0]))
        painter.drawRect(bar)
        metrics = QFontMetricsF(self.font())
        for at, text in MARKS:
            middle = MARGIN + at * BAR_WIDTH - metrics.horizontalAdvance(text) / 2
            painter.drawText(QPointF(middle, BAR_HEIGHT + 2 + metrics.ascent()), text)
