"""The first panel: a film on one side, on the other what both networks say of it."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSlider,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from demo.desktop.drawing.text_direction import line
from demo.desktop.panels.film_view import FilmView
from demo.desktop.panels.heatmap_legend import HeatmapLegend
from demo.desktop.panels.reading_view import ReadingView
from demo.desktop.panels.save_dialog import ask_where_to_save
from demo.desktop.workers.film_reader import OpenNetworks, ReadFilm
from demo.language.catalogue import Wording, wording
from train.common.errors import PneumoscopeError

if TYPE_CHECKING:
    import numpy as np

    from demo.desktop.drawing.film_images import FilmLayer

OPACITY = 60  # per cent, as `demo.inference.heatmap_drawing` has it, which imports more than a window needs to be drawn
NOBODY, BOTH = "", "ab"  # besides a network's name, what the layer's choice may be


class FilmPanel(QWidget):
    """Shows a film and its readings; remembers neither."""

    asked_to_open = Signal()
    film_shown = Signal()
    message = Signal(str)  # a line for the status bar

    def __init__(self) -> None:
        super().__init__()
        self._words = wording("en")
        self._networks: OpenNetworks | None = None
        self._film: ReadFilm | None = None
        self._name, self._state, self._fault = "", "desktop.loading", ""
        self.view, self.readings = FilmView(), ReadingView()
        self.title, self.facts, self.how, self.grey = QLabel(), QLabel(), QLabel(), QLabel()
        self.legend = HeatmapLegend()
        self.title.setTextFormat(Qt.TextFormat.PlainText)
        for label in (self.title, self.how):
            label.setWordWrap(True)
        self.fit_button, self.pixels_button, self.grey_button = QPushButton(), QPushButton("1:1"), QPushButton()
        self.invert_button = QPushButton()
        self.invert_button.setCheckable(True)
        self.layer, self.opacity = QComboBox(), QSlider(Qt.Orientation.Horizontal)
        self._layer_label, self._opacity_label = QLabel(), QLabel()
        self.report_button = QPushButton()
        self.opacity.setRange(0, 100)
        self.opacity.setValue(OPACITY)
        self.view.set_opacity(OPACITY / 100)
        self._layer_label.setBuddy(self.layer)
        self._opacity_label.setBuddy(self.opacity)
        self.view.asked_to_open.connect(self.asked_to_open)
        self.view.view_changed.connect(self._show_grey)
        self.fit_button.clicked.connect(self.view.fit)
        self.pixels_button.clicked.connect(self.view.show_pixels)
        self.invert_button.clicked.connect(self.view.invert)
        self.grey_button.clicked.connect(self.view.reset_window)
        self.layer.currentIndexChanged.connect(self._show_layer)
        self.readings.cover_moved.connect(self._show_layer)
        self.opacity.valueChanged.connect(self._show_opacity)
        self.report_button.clicked.connect(self.ask_for_report)
        self._lay_out()

    def take(self, networks: OpenNetworks) -> None:
        """Take the networks that read films here."""
        self._networks, self._state = networks, ""
        self._fill_layers()
        self._show()

    @property
    def film(self) -> ReadFilm | None:
        """The film on screen."""
        return self._film

    def wait_for(self, name: str) -> None:
        """Say that a film is being read."""
        self._film, self._state, self._fault = None, "desktop.reading", ""
        self._name = name
        self.view.show_film(())
        self._show_layer()
        self._show()

    def show_film(self, film: ReadFilm) -> None:
        """Show a film that was read."""
        self._film, self._state, self._fault = film, "", ""
        self._name = film.name
        self.readings.close_lids()
        self.view.show_film(film.copies)
        self._show_layer()
        self._show()
        self.film_shown.emit()

    def show_fault(self, fault: str, what: str = "compare.unreadable") -> None:
        """Say why there is no reading; `what` is the key of what that means."""
        self._film, self._name, self._state, self._fault = None, "", what, fault
        self.view.show_film(())
        self._show_layer()
        self._show()

    def cancel(self) -> None:
        """Say that nothing is being read any more."""
        if self._state == "desktop.reading":
            self._state, self._name = "", ""
            self._show()

    def set_operating_point(self, operating_point: str) -> None:
        """Evaluate the film at another operating point; no network runs."""
        if self._film is None or self._networks is None:
            return
        from demo.inference.compare import decide_case

        case = decide_case(self._film.case, self._networks.loaded.cards, operating_point)
        self._film = replace(self._film, case=case)
        self._show()

    def speak(self, words: Wording) -> None:
        """Take another language."""
        self._words = words
        self.view.hint = words("desktop.drop")
        self.how.setText(words("desktop.view_how"))
        self.fit_button.setText(words("desktop.fit"))
        self.pixels_button.setToolTip(words("viewer.actual"))
        self.pixels_button.setAccessibleName(words("viewer.actual"))
        self.invert_button.setText(words("desktop.invert"))
        self.invert_button.setToolTip(words("viewer.invert"))
        self.grey_button.setText(words("desktop.reset_grey"))
        self._layer_label.setText(words("compare.heatmap"))
        self._opacity_label.setText(words("compare.opacity"))
        self.report_button.setText(words("report.save"))
        self._fill_layers()
        self._show()
        self._show_layer()
        self._show_grey()

    def ask_for_report(self) -> None:
        """Ask where to, and save the film's report there."""
        if self._film is None:
            return
        from demo.desktop.workers.save_files import has_pdf_reports

        kinds = (".html", ".pdf") if has_pdf_reports() else (".html",)
        chosen = ask_where_to_save(self, self._words("report.save"), "pneumoscope-report.html", kinds)
        if chosen is not None:
            self.save_report(*chosen)

    def save_report(self, path: Path, kind: str) -> None:
        """Save the film's report as ".html" or ".pdf"; the status bar says whether that went well."""
        film, networks = self._film, self._networks
        if film is None or networks is None:
            return
        from demo.desktop.workers.save_files import film_report, save

        pdf = kind == ".pdf"
        try:
            cards, record = networks.loaded.cards, networks.track_record
            save(path, lambda: film_report(film.case, cards, record, pdf, self._words))
        except PneumoscopeError as error:
            self.message.emit(str(error))
        else:
            self.message.emit(self._words("desktop.saved", file=path.name))

    def _lay_out(self) -> None:
        film_side, right = QWidget(), _WholeColumn()
        column = QVBoxLayout(film_side)
        row = QHBoxLayout()
        row.addWidget(self.title, 1)
        row.addWidget(self.facts)
        column.addLayout(row)
        column.addWidget(self.view, 1)
        row = QHBoxLayout()
        for widget in (self.fit_button, self.pixels_button, self.invert_button, self.grey_button):
            row.addWidget(widget)
        row.addStretch()
        column.addLayout(row)
        column.addWidget(self.grey)
        column.addWidget(self.legend)
        column.addWidget(self.how)
        column = QVBoxLayout(right)
        column.addWidget(self.readings)
        row = QHBoxLayout()
        for control in (self._layer_label, self.layer, self._opacity_label, self.opacity):
            row.addWidget(control)
        column.addLayout(row)
        row = QHBoxLayout()
        row.addWidget(self.report_button)
        row.addStretch()
        column.addLayout(row)
        column.addStretch()
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        scroll.setWidget(right)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        splitter = QSplitter()
        splitter.addWidget(film_side)
        splitter.addWidget(scroll)
        splitter.setSizes([540, 650])
        splitter.setChildrenCollapsible(False)
        QVBoxLayout(self).addWidget(splitter)

    def _show(self) -> None:
        words = self._words
        case = self._film.case if self._film else None
        if self._networks is not None:
            self.readings.show_case(case, self._networks.loaded, self._networks.track_record, words)
        if case is None:
            waiting = words(self._state or "compare.waiting")
            if self._state == "compare.unreadable":
                waiting = f"{waiting} {words('compare.readable')}"
            self.readings.show_waiting(waiting, self._fault, words)
        self.report_button.setEnabled(self._film is not None and bool(self._film.case.readings))
        self._show_name()
        shape = self.view.shape
        alt = words("compare.film_alt", width=shape[1], height=shape[0]) if shape else words("desktop.drop")
        self.view.setAccessibleName(alt)
        self.view.setAccessibleDescription(words("desktop.view_how"))

    def _show_name(self) -> None:
        """What the film is called, how large it is, and how deep its samples are where its file says so."""
        # Isolated, so that it stands at the language's side and keeps its own order there.
        self.title.setText(line(f"\u2068{self._name}\u2069", self._words.direction) if self._name else "")
        facts = []
        if self._film is not None:
            height, width = self._film.case.film.shape
            facts.append(self._words("viewer.pixels", width=f"{width:,}", height=f"{height:,}"))
            if self._film.bits is not None:
                facts.append(self._words("viewer.bits", bits=self._film.bits))
        self.facts.setText(" · ".join(facts))

    def _fill_layers(self) -> None:
        words, chosen = self._words, self.layer.currentData()
        classifiers = self._networks.loaded.classifiers if self._networks else {}
        names = [name for name, classifier in classifiers.items() if "heatmap" in classifier.outputs]
        self.layer.blockSignals(True)
        self.layer.clear()
        self.layer.addItem(words("compare.heatmap.none"), NOBODY)
        for name in names:
            self.layer.addItem(words(f"network.{name}"), name)
        if len(names) > 1:
            self.layer.addItem(" | ".join(map(str.upper, names)), BOTH)
        self.layer.setCurrentIndex(max(self.layer.findData(chosen), 0))
        self.layer.blockSignals(False)
        for control in (self._layer_label, self.layer, self._opacity_label, self.opacity):
            control.setVisible(bool(names))

    def _show_layer(self) -> None:
        wanted, withheld = self._heatmaps_wanted(), self._withheld()
        shown = {network: heatmap for network, heatmap in wanted.items() if network not in withheld}
        self.view.show_layers([self._layer_of(network, heatmap) for network, heatmap in shown.items()])
        self.legend.show_heatmaps(shown, self._words, [withheld[name] for name in wanted if name in withheld])

    def _show_opacity(self, percent: int) -> None:
        self.view.set_opacity(percent / 100)
        self.legend.set_opacity(percent / 100)

    def _heatmaps_wanted(self) -> "dict[str, np.ndarray]":
        """By network, what is asked for of the film on screen."""
        if self._film is None:
            return {}
        chosen = self.layer.currentData()
        wanted = tuple(BOTH) if chosen == BOTH else (chosen,)
        return {
            reading.network: reading.heatmap
            for reading in self._film.case.readings
            if reading.network in wanted and reading.heatmap is not None
        }

    def _withheld(self) -> dict[str, str]:
        """By network whose heatmap is not to be seen while the lid of one that refuses the film is closed, why."""
        if self._film is None:
            return {}
        from demo.inference.compare import withheld_by
        from demo.language.heatmap_sentences import withheld_sentence

        return {
            network: withheld_sentence(network, refusing, self._words)
            for network, refusing in withheld_by(self._film.case.readings).items()
            if not self.readings.columns[refusing].cover.is_open
        }

    def _layer_of(self, network: str, heatmap: "np.ndarray") -> "FilmLayer":
        from demo.desktop.drawing.film_images import film_layer

        if self._film is None or self._networks is None:
            raise ValueError("no film is shown, or no networks are here to have read it")
        height, width = self._film.case.film.shape
        return film_layer(network.upper(), heatmap, (height, width), self._networks.loaded.cards[network].prepare)

    def _show_grey(self) -> None:
        grey, zoom = self.view.window_level, self.view.zoom
        shown = self.view.shape is not None
        values = {"zoom": f"{100 * zoom:.0f}", "level": f"{grey.level:.0f}", "width": f"{grey.width:.0f}"}
        self.grey.setText(self._words("desktop.grey", **values) if shown else "")
        for button in (self.fit_button, self.pixels_button, self.invert_button, self.grey_button):
            button.setEnabled(shown)
        self.invert_button.setChecked(grey.inverted)


class _WholeColumn(QWidget):
    """What a scroll area shows, as high as its wrapped lines need at its width; Qt asks for no more than its hint."""

    def event(self, event: QEvent) -> bool:
        """Measure anew when the width or what is inside changes."""
        done = super().event(event)
        if event.type() in (QEvent.Type.Resize, QEvent.Type.LayoutRequest):
            layout = self.layout()
            if layout is not None:
                self.setMinimumHeight(layout.totalHeightForWidth(self.width()))
        return done
