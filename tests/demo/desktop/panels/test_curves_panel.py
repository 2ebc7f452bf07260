"""The curves: the page's figures, drawn; and the cards."""

import numpy as np
import pytest

pytest.importorskip(
    "PySide6.QtWidgets", reason="needs PySide6 (extra desktop) and the system libraries of Qt", exc_type=ImportError
)

from PySide6.QtCore import QRectF
from PySide6.QtGui import QColor, QImage, QPainter, QPalette

from demo.desktop.drawing.plot_painter import Axis, paint_figure, plain
from demo.desktop.drawing.theme import DARK_NETWORK_COLOURS
from demo.desktop.panels.cards_panel import CardsPanel
from demo.desktop.panels.curves_panel import CurvesPanel, CurveView
from demo.inference.networks import load_models
from demo.language.catalogue import LANGUAGES, wording
from demo.language.colours import NETWORK_COLOURS
from demo.plots.described import CURVES, HISTORIES


@pytest.fixture(scope="module")
def loaded():
    return load_models(device="cpu")


@pytest.fixture
def panel(qt, loaded):
    panel = CurvesPanel()
    panel.speak(wording("en"))
    panel.take(loaded)
    panel.resize(900, 700)
    panel.show()
    panel.draw()
    yield panel
    panel.close()


def painted(figure, palette, size=(600, 340)):
    picture = QImage(*size, QImage.Format.Format_RGB32)
    picture.fill("white")
    painter = QPainter(picture)
    paint_figure(painter, figure, QRectF(0, 0, *size), palette)
    painter.end()
    return picture


def colours_of(picture):
    pixels = np.frombuffer(picture.constBits(), np.uint32) & 0xFFFFFF
    return {f"#{colour:06x}" for colour in np.unique(pixels).tolist()}


def test_every_figure_of_the_page_is_drawn_in_both_networks_colours(panel, qt):
    drawn = panel.figures("validation")
    assert len(drawn) == len(CURVES) + 2 + 1 + len(HISTORIES)  # histograms, net benefit
    for plot in drawn:
        traces = plot.figure["data"]
        networks = {trace.get("line", trace.get("marker", {})).get("color") for trace in traces}
        found = colours_of(painted(plot.figure, qt.palette()))
        expected = {colour for colour in NETWORK_COLOURS.values() if colour in networks}
        assert expected, plot.title
        assert expected <= found, plot.title
        assert plot.sentences, plot.title


def test_on_a_dark_window_the_curves_take_its_colours(panel):
    dark = QPalette(QColor("#35363a"), QColor("#2b2c2f"))
    found = colours_of(painted(panel.figures("validation")[0].figure, dark))
    assert set(DARK_NETWORK_COLOURS.values()) <= found
    assert not set(NETWORK_COLOURS.values()) & found


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("split", ["validation", "test"])
def test_the_panel_draws_every_split_in_every_language(panel, qt, language, split):
    panel.speak(wording(language))
    panel.split.setCurrentIndex(panel.split.findData(split))
    views = panel.findChildren(CurveView)
    assert len(views) == 9
    for view in views:
        view.grab()
        assert view.accessibleName()


def test_broken_scores_are_said_and_nothing_is_drawn(qt, models, tmp_path):
    (models / "a" / "scores.csv").unlink()
    panel = CurvesPanel()
    panel.take(load_models(models, "cpu"))
    panel.draw()
    assert all(plot.figure is None for plot in panel.figures("validation"))
    panel.close()


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]), (-0.01, 1.01, [0, 0.2, 0.4, 0.6, 0.8, 1]), (0.7, 3.3, [1, 1.5, 2, 2.5, 3])],
)
def test_ticks_are_round(low, high, expected):
    axis = Axis(low, high, 0, 100, False, {})
    assert axis.ticks() == pytest.approx(expected)
    assert axis.at(low) == 0
    assert axis.at(high) == 100


def test_a_logarithmic_axis_has_powers_of_ten():
    axis = Axis(-0.3, 2.6, 0, 290, True, {"tickformat": ",d"})
    assert axis.ticks() == pytest.approx([1, 10, 100])
    assert axis.at(10) == pytest.approx(130)
    assert axis.label(1000) == "1,000"


def test_marks_for_browsers_are_taken_out():
    assert plain("a &lt; b") == "a < b"


def test_the_cards_say_what_the_bundles_say(qt, loaded):
    panel = CardsPanel()
    panel.take(loaded)
    for name, card in panel.cards.items():
        text = card.toPlainText()
        assert loaded.cards[name].split_fingerprint in text
        assert card.accessibleName()
    panel.resize(1000, 600)
    panel.show()
    qt.processEvents()
    for card in panel.cards.values():
        down, across = card.verticalScrollBar(), card.horizontalScrollBar()
        assert down.value() == 0
        assert down.maximum() > card.height()  # long, and read from its beginning
        assert across.maximum() == 0
    panel.close()
