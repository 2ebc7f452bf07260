"""The lid of a refused film: what the network would say is under it, and says itself that it counts for nothing."""

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QLabel, QVBoxLayout, QWidget

from demo.desktop.drawing.text_direction import line
from demo.desktop.drawing.theme import fault_colour
from demo.language.catalogue import Wording


class RefusedCover(QWidget):
    """A box to tick, and under it a warning and the verdict that is not given; its owner shows or hides the rest."""

    moved = Signal()  # by its user

    def __init__(self) -> None:
        super().__init__()
        self.button, self._why = QCheckBox(), QLabel()
        self._texts = QLabel(), QLabel()
        self.button.toggled.connect(self._show)
        self.button.clicked.connect(self.moved)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._why)
        layout.addWidget(self.button)
        for label in (self._why, *self._texts):
            label.setWordWrap(True)
        for label in self._texts:
            font = label.font()
            font.setBold(True)
            label.setFont(font)
            layout.addWidget(label)
        self._show()

    @property
    def is_open(self) -> bool:
        """Whether what is under it is seen."""
        return self.button.isChecked()

    def close_again(self) -> None:
        """Close it, for another film."""
        self.button.setChecked(False)

    def say(self, why: str, under: Sequence[str], words: Wording) -> None:
        """Say why there is no verdict, and, under the lid, a warning and what the verdict would be."""
        self._why.setText(line(why, words.direction))
        self.button.setText(words("compare.all_the_same"))
        colour = fault_colour(self.palette()).name()
        for label, text in zip(self._texts, under, strict=True):
            label.setText(line(text, words.direction))
            label.setStyleSheet(f"color: {colour}")

    def _show(self) -> None:
        for label in self._texts:
            label.setVisible(self.is_open)
