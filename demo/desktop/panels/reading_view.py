"""The readings of one film: a column per network, and below them one line on whether they agree."""

from html import escape
from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QPalette, QPen
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from demo.desktop.drawing.text_direction import line, paragraph
from demo.desktop.drawing.theme import network_colour, subdued
from demo.desktop.panels.refused_cover import RefusedCover
from demo.language.catalogue import Wording
from demo.language.colours import NETWORK_COLOURS
from demo.language.reader_lines import reader_line

# What decides readings is imported where one is shown: the reader's thread has imported it by then.
if TYPE_CHECKING:
    from demo.evaluation.track_record import TrackRecord
    from demo.inference.classifier import Reading
    from demo.inference.compare import Case
    from demo.inference.networks import LoadedModels

BAR_HEIGHT = 30  # pixels, the mark included
MARK = 3


class ProbabilityBar(QWidget):
    """A bar from 0 to 1 that is filled up to the probability, with a mark at the threshold; left to right always."""

    def __init__(self, network: str) -> None:
        super().__init__()
        self._network = network
        self._reading: Reading | None = None
        self._is_grey = False
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_reading(self, reading: "Reading | None", words: Wording, *, is_grey: bool = False) -> None:
        """Show a reading, in grey where it is not to be relied on, or an empty bar."""
        from demo.language.reading_sentences import bar_text

        self._reading, self._is_grey = reading, is_grey
        self.setAccessibleName(bar_text(reading, words) if reading else "")
        self.setToolTip(self.accessibleName())
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802  # Qt's name
        """As high as the mark needs."""
        return QSize(160, BAR_HEIGHT)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002, N802
        """Draw frame, filling and mark."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        frame = QRectF(1, 6, self.width() - 2, self.height() - 12)
        painter.fillRect(frame, self.palette().color(QPalette.ColorRole.AlternateBase))
        if self._reading is not None:
            filled = QRectF(frame)
            filled.setWidth(max(3.0, frame.width() * self._reading.probability))
            colour = subdued(self.palette()) if self._is_grey else network_colour(self._network, self.palette())
            painter.fillRect(filled, colour)
        painter.setPen(QPen(subdued(self.palette()), 1))
        painter.drawRect(frame)
        if self._reading is not None:
            at = frame.left() + frame.width() * self._reading.threshold
            mark = QRectF(at - MARK / 2, 0, MARK, self.height())
            painter.fillRect(mark.adjusted(-1, 0, 1, 0), self.palette().color(QPalette.ColorRole.Window))
            painter.fillRect(mark, self.palette().color(QPalette.ColorRole.WindowText))


class WorthStrip(QWidget):
    """What a number was worth on known films: a strip of dots, and the sentences behind it."""

    def __init__(self, network: str) -> None:
        super().__init__()
        self._network = network
        self._title, self._dots, self.text = QLabel(), QLabel(), QLabel()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 4)
        for label in (self._title, self._dots, self.text):
            label.setWordWrap(True)
            layout.addWidget(label)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)

    def show_reading(self, reading: "Reading | None", track_record: "TrackRecord", words: Wording) -> None:
        """Show what is known of a reading's number; without one, nothing."""
        self.setVisible(False)
        if reading is None:
            return
        from demo.desktop.panels import reading_values

        dots, text = reading_values.worth(reading, track_record, words)
        colour = network_colour(self._network, self.palette()).name()
        self._title.setText(f"<b>{escape(words('compare.worth.title'))}</b>")
        # Left to right in every language, as the bar above it; what it shows is in the sentence.
        self._dots.setText(paragraph(f"<span style='color: {colour}; font-size: large'>{dots}</span>"))
        self._dots.setToolTip(words("compare.worth.legend"))
        self._dots.setAccessibleName(text)
        self.text.setText(line(text, words.direction))
        self.setVisible(bool(text))


class NetworkColumn(QFrame):
    """One network: what it is, its verdict, its bar, its numbers, and how good it was on known films."""

    def __init__(self, network: str) -> None:
        super().__init__()
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self._network = network
        self._reading: Reading | None = None
        self._head, self.cover = QLabel(), RefusedCover()
        self._placeholder, self._notice, self.verdict = QLabel(), QLabel(), QLabel()
        self.bar = ProbabilityBar(network)
        self.unreliable, self.worth = QLabel(), WorthStrip(network)
        self._numbers, self._record = QGridLayout(), QGridLayout()
        layout = QVBoxLayout(self)
        for label in (self._head, self._placeholder, self._notice, self.unreliable, self.verdict):
            label.setWordWrap(True)
            layout.addWidget(label)
        font = self.verdict.font()
        font.setPointSizeF(font.pointSizeF() * 1.6)
        font.setBold(True)
        self.verdict.setFont(font)
        self.verdict.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        layout.addWidget(self.cover)
        layout.addWidget(self.bar)
        self._under_lid = QWidget()
        self._under_lid.setLayout(self._numbers)
        self._numbers.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._under_lid)
        layout.addWidget(self.worth)
        layout.addLayout(self._record)
        layout.addStretch()

    def show_reading(
        self,
        reading: "Reading | None",
        loaded: "LoadedModels",
        track_record: "TrackRecord",
        words: Wording,
        unreliable: str = "",
    ) -> None:
        """Show a reading; without one, what there is to say about the network itself.

        Args:
            unreliable: why the reading is worth nothing, where another network refuses the film; "" else.
        """
        from demo.inference.compare import verdict_kind
        from demo.language.reading_sentences import all_the_same, why_missing, why_refused

        name, works = self._network, self._network in loaded.classifiers
        self._reading = reading
        self.setAccessibleName(words(f"network.{name}"))
        colour = network_colour(name, self.palette()).name()
        badge = f"<b style='color: {colour}; font-size: large'>{name.upper()}</b>&nbsp; "
        # Two isolated pieces, so that what the letter stands for keeps its own order beside it.
        what = f"\u2068{escape(line(words(f'network.{name}.what'), words.direction))}\u2069"
        self._head.setText(paragraph(badge + what, words.direction))
        card = loaded.cards.get(name)
        self._placeholder.setVisible(card is not None and card.placeholder)
        if card is not None and card.placeholder:
            self._placeholder.setText(words("compare.placeholder"))
            self._placeholder.setToolTip(card.placeholder_reason)
            self._placeholder.setAccessibleDescription(card.placeholder_reason)
            self._placeholder.setStyleSheet(f"color: {subdued(self.palette()).name()}")
        self._notice.setVisible(not works)
        self._notice.setText("" if works else line(why_missing(name, loaded, words), words.direction))
        self.verdict.setVisible(works)
        self.verdict.setText(words(f"verdict.{verdict_kind(reading.positive)}") if reading else "–")
        self._show_unreliable(unreliable, words)
        self.bar.show_reading(reading, words, is_grey=bool(unreliable))
        is_weighed = reading is not None and not reading.refused and not unreliable
        self.worth.show_reading(reading if is_weighed else None, track_record, words)
        _clear(self._numbers)
        _clear(self._record)
        if reading is not None:
            self._fill(reading, track_record if is_weighed else None, words)
        if reading is not None and reading.refused:
            self.cover.say(why_refused(reading, words, card), all_the_same(reading, words), words)
        self.lift()

    def lift(self) -> None:
        """Show what the lid of a refused film leaves open: all of it only when lifted."""
        refused = self._reading is not None and self._reading.refused
        self.cover.setVisible(refused)
        self.bar.setVisible(not self._notice.isVisibleTo(self) and (not refused or self.cover.is_open))
        self._under_lid.setVisible(not refused or self.cover.is_open)

    def _show_unreliable(self, line_of_it: str, words: Wording) -> None:
        self.unreliable.setVisible(bool(line_of_it))
        self.unreliable.setText(f"<b>{escape(line(line_of_it, words.direction))}</b>")
        self.unreliable.setAccessibleName(line_of_it)
        self.verdict.setStyleSheet(f"color: {subdued(self.palette()).name()}" if line_of_it else "")

    def _fill(self, reading: "Reading", track_record: "TrackRecord | None", words: Wording) -> None:
        from demo.desktop.panels import reading_values

        quiet = f"color: {subdued(self.palette()).name()}"
        for row, (name, value, meaning) in enumerate(reading_values.numbers(reading, words)):
            label, figure = QLabel(name), QLabel(value)
            label.setStyleSheet(quiet)
            label.setToolTip(meaning)
            figure.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            figure.setAccessibleName(f"{name}: {value}")
            self._numbers.addWidget(label, row, 0)
            self._numbers.addWidget(figure, row, 1)
        rows = [] if track_record is None else reading_values.record_rows(reading, track_record, words)
        if not rows:
            return
        rates = ("word.sensitivity", "word.specificity")
        heads = (words("compare.record"), *(words(key) for key in rates))
        for row, cells in enumerate((heads, *rows)):
            for column, text in enumerate(cells):
                label = QLabel(text)
                if row == 0 or column == 0:
                    label.setStyleSheet(quiet)
                else:
                    label.setAccessibleName(" ".join(f"{cells[0]}, {heads[column]}: {text}".split()))
                self._record.addWidget(label, row, column)


class ReadingView(QWidget):
    """Both columns, the line that compares them, and what there is to know about the film."""

    cover_moved = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.columns = {name: NetworkColumn(name) for name in NETWORK_COLOURS}
        for column in self.columns.values():
            column.hide()
            column.cover.moved.connect(column.lift)
            column.cover.moved.connect(self.cover_moved)
        self.agreement, self.averaged, self.notes = QLabel(), QLabel(), QLabel()
        for label in (self.agreement, self.averaged, self.notes):
            label.setWordWrap(True)
            label.setTextFormat(Qt.TextFormat.RichText)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        for label in (self.agreement, self.averaged):
            label.setMargin(8)
        pair = QHBoxLayout()
        for column in self.columns.values():
            pair.addWidget(column, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(pair)
        layout.addWidget(self.agreement)
        layout.addWidget(self.averaged)
        layout.addWidget(self.notes)

    def close_lids(self) -> None:
        """Cover what a refused film's networks would say, for another film."""
        for column in self.columns.values():
            column.cover.close_again()

    def show_waiting(self, text: str, fault: str, words: Wording) -> None:
        """Say that no film is shown, or why not; `fault` is the reader's own line."""
        self._say("", text, words, fault)

    def show_case(
        self, case: "Case | None", loaded: "LoadedModels", track_record: "TrackRecord", words: Wording
    ) -> None:
        """Show a film's readings; without a film, what there is to say about the networks."""
        readings = {reading.network: reading for reading in case.readings} if case else {}
        unreliable: dict[str, str] = {}
        if case:
            from demo.language.reading_sentences import agreement_lines, not_to_rely_on

            unreliable = not_to_rely_on(readings, words)
        for name, column in self.columns.items():
            column.show()
            column.show_reading(readings.get(name), loaded, track_record, words, unreliable.get(name, ""))
        if case:
            self._say(*agreement_lines(readings, track_record, words), words, warnings=case.warnings)
            self._say_averaged(case, loaded, words)

    def _say(
        self, agreement: str, remark: str, words: Wording, fault: str = "", warnings: tuple[str, ...] = ()
    ) -> None:
        fault_line = reader_line(fault, words)
        reason = paragraph(escape(fault_line.text), fault_line.direction) if fault else ""
        text = f"<b>{escape(remark)}</b>" if fault else f"<b>{escape(agreement)}</b> {escape(remark)}"
        self.agreement.setText(paragraph(text, words.direction) + reason)
        self.agreement.setAccessibleName(" ".join(filter(None, (agreement, remark, fault_line.text))))
        known = [reader_line(warning, words) for warning in warnings]
        notes = "".join(paragraph(escape(one.text), one.direction) for one in known)
        self.notes.setText(notes)
        self.notes.setVisible(bool(notes))
        self.averaged.hide()

    def _say_averaged(self, case: "Case", loaded: "LoadedModels", words: Wording) -> None:
        """What A and B averaged say, where the models hold the average's frozen threshold."""
        from demo.inference.averaged import averaged_reading
        from demo.language.reading_sentences import averaged_line

        reading = averaged_reading(case.readings, loaded.comparison.average_thresholds) if loaded.comparison else None
        if reading is None:
            return
        title, said = words("evaluation.against.average"), averaged_line(reading, words)
        self.averaged.setText(paragraph(f"<b>{escape(title)}</b> {escape(said)}", words.direction))
        self.averaged.setToolTip("" if reading.refused_by else words("compare.averaged.how"))
        self.averaged.show()


def _clear(layout: QGridLayout) -> None:
    while (item := layout.takeAt(0)) is not None:
        widget = item.widget()
        if widget is not None:
            widget.hide()
            widget.deleteLater()
