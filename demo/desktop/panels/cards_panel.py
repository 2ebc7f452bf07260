"""The panel of cards: what each bundle says of its network in its README.md, side by side."""

from PySide6.QtCore import Qt
from PySide6.QtGui import QTextCursor, QTextDocument, QTextFrameFormat, QTextLength, QTextTable
from PySide6.QtWidgets import QHBoxLayout, QLabel, QTextBrowser, QVBoxLayout, QWidget

from demo.desktop.drawing.text_direction import line
from demo.desktop.drawing.theme import subdued
from demo.inference.networks import LoadedModels
from demo.language.catalogue import Wording, wording
from demo.language.reading_sentences import why_missing
from export.bundle import NETWORKS

CARD_IN_WORDS = "README.md"
PLAIN_MARKDOWN = QTextDocument.MarkdownFeature.MarkdownDialectGitHub | QTextDocument.MarkdownFeature.MarkdownNoHTML


class CardsPanel(QWidget):
    """One card a network; they are English, as they were written."""

    def __init__(self) -> None:
        super().__init__()
        self._words = wording("en")
        self._readers: LoadedModels | None = None
        self._about = QLabel()
        self._about.setWordWrap(True)
        self.cards = {name: QTextBrowser() for name in NETWORKS}
        row = QHBoxLayout()
        for card in self.cards.values():
            # A bar that came only with the text would leave the text laid out for a card without it.
            card.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
            card.setOpenLinks(False)  # the app opens no browser and asks nothing of the internet
            row.addWidget(card)
        layout = QVBoxLayout(self)
        layout.addWidget(self._about)
        layout.addLayout(row, 1)

    def take(self, loaded: LoadedModels) -> None:
        """Take the networks whose cards are to be shown."""
        self._readers = loaded
        self._show()

    def speak(self, words: Wording) -> None:
        """Take another language."""
        self._words = words
        self._show()

    def _show(self) -> None:
        words = self._words
        limits = ("about.limits.proof_text", "about.limits.people_text", "about.limits.views_text")
        self._about.setText(" ".join((words("about.cards.text"), *(words(key) for key in limits))))
        for name, card in self.cards.items():
            card.setAccessibleName(words(f"network.{name}"))
            if self._readers is None:
                continue
            if name not in self._readers.classifiers:
                card.setPlainText(line(why_missing(name, self._readers, words), words.direction))
                continue
            try:
                text = (self._readers.bundles[name].folder / CARD_IN_WORDS).read_text(encoding="utf-8")
            except (OSError, ValueError):  # it was whole when the network was loaded
                card.setPlainText(words("evaluation.broken", file=CARD_IN_WORDS, network=words(f"network.{name}")))
            else:
                card.document().setMarkdown(text, PLAIN_MARKDOWN)
                _set_tables(card)
                card.moveCursor(QTextCursor.MoveOperation.Start)


def _set_tables(card: QTextBrowser) -> None:
    """Give a card's tables the width of the card, room in their cells, and lines that are seen in light and dark."""
    line = subdued(card.palette())
    for frame in card.document().rootFrame().childFrames():
        if isinstance(frame, QTextTable):
            look = frame.format()
            look.setWidth(QTextLength(QTextLength.Type.PercentageLength, 99))
            look.setCellPadding(3)
            look.setCellSpacing(0)
            look.setBorder(1)
            look.setBorderCollapse(True)
            look.setBorderBrush(line)
            look.setBorderStyle(QTextFrameFormat.BorderStyle.BorderStyle_Solid)
            frame.setFormat(look)
