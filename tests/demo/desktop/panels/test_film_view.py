"""The film on screen: what mouse and keys do to zoom, place, window and level."""

import numpy as np
import pytest

pytest.importorskip(
    "PySide6.QtWidgets", reason="needs PySide6 (extra desktop) and the system libraries of Qt", exc_type=ImportError
)

from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QImage, QWheelEvent
from PySide6.QtTest import QTest

from demo.desktop.drawing.film_images import FilmLayer, half_copies
from demo.desktop.drawing.window_level import GreyWindow
from demo.desktop.panels.film_view import FilmView


@pytest.fixture
def view(qt):
    view = FilmView()
    view.resize(400, 300)
    film = np.zeros((600, 800), np.uint8)
    film[:, 400:] = 200
    view.show_film(half_copies(film))
    view.show()
    yield view
    view.close()


def grey_at(view, x, y):
    return view.grab().toImage().pixelColor(x, y).red()


def film_point(view, at):
    """Which pixel of the film is drawn at a point of the widget."""
    middle = QPointF(view.width() / 2, view.height() / 2)
    return view._centre + (QPointF(at) - middle) / view.zoom


def drag(view, button, start, end, modifier=Qt.KeyboardModifier.NoModifier):
    QTest.mousePress(view, button, modifier, start)
    QTest.mouseMove(view, end)
    QTest.mouseRelease(view, button, modifier, end)


def test_a_film_fills_the_view_and_goes_on_filling_it(view, qt):
    assert view.zoom == pytest.approx(0.5)
    assert (grey_at(view, 100, 150), grey_at(view, 300, 150)) == (0, 200)
    view.resize(800, 600)
    qt.processEvents()
    assert view.zoom == pytest.approx(1.0)


def test_the_wheel_zooms_about_the_pointer(view):
    at = QPointF(310, 90)
    before = film_point(view, at)
    no_buttons, no_keys = Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier
    view.wheelEvent(
        QWheelEvent(at, at, QPoint(), QPoint(0, 240), no_buttons, no_keys, Qt.ScrollPhase.NoScrollPhase, False)
    )
    assert view.zoom == pytest.approx(0.5 * 1.25**2)
    after = film_point(view, at)
    assert (after.x(), after.y()) == pytest.approx((before.x(), before.y()))


def test_the_left_button_changes_window_and_level(view):
    drag(view, Qt.MouseButton.LeftButton, QPoint(100, 100), QPoint(80, 130))
    assert view.window_level == GreyWindow(127.5 + 30, 255 - 20)
    assert grey_at(view, 300, 150) == GreyWindow(157.5, 235).shown()[200]
    QTest.keyClick(view, Qt.Key.Key_R)
    assert view.window_level == GreyWindow()


def test_i_inverts_within_the_window_and_r_sets_back(view):
    QTest.keyClick(view, Qt.Key.Key_I)
    assert (grey_at(view, 100, 150), grey_at(view, 300, 150)) == (255, 55)
    drag(view, Qt.MouseButton.LeftButton, QPoint(100, 100), QPoint(80, 130))
    assert grey_at(view, 300, 150) == 255 - GreyWindow(157.5, 235).shown()[200]
    QTest.keyClick(view, Qt.Key.Key_I)
    assert grey_at(view, 300, 150) == GreyWindow(157.5, 235).shown()[200]
    QTest.keyClick(view, Qt.Key.Key_I)
    QTest.keyClick(view, Qt.Key.Key_R)
    assert (grey_at(view, 100, 150), grey_at(view, 300, 150)) == (0, 200)


def test_1_shows_a_pixel_of_the_film_as_one_of_the_screen(view):
    QTest.keyClick(view, Qt.Key.Key_1)
    assert view.zoom * view.devicePixelRatioF() == pytest.approx(1.0)
    at = film_point(view, QPoint(200, 150))
    assert (at.x(), at.y()) == (400, 300)


@pytest.mark.parametrize(
    ("button", "modifier"),
    [
        (Qt.MouseButton.RightButton, Qt.KeyboardModifier.NoModifier),
        (Qt.MouseButton.MiddleButton, Qt.KeyboardModifier.NoModifier),
        (Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ShiftModifier),
    ],
)
def test_other_buttons_move_the_film(view, button, modifier):
    before = film_point(view, QPoint(200, 150))
    drag(view, button, QPoint(200, 150), QPoint(240, 160), modifier)
    after = film_point(view, QPoint(240, 160))
    assert (after.x(), after.y()) == pytest.approx((before.x(), before.y()))
    assert view.window_level == GreyWindow()


def test_everything_can_be_done_by_keys(view):
    QTest.keyClick(view, Qt.Key.Key_Plus)
    assert view.zoom > 0.5
    before = film_point(view, QPoint(200, 150))
    QTest.keyClick(view, Qt.Key.Key_Right)
    assert film_point(view, QPoint(200, 150)).x() > before.x()
    QTest.keyClick(view, Qt.Key.Key_Up, Qt.KeyboardModifier.ShiftModifier)
    QTest.keyClick(view, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    assert view.window_level.level < 127.5
    assert view.window_level.width > 255
    QTest.keyClick(view, Qt.Key.Key_Minus)
    QTest.keyClick(view, Qt.Key.Key_0)
    assert view.zoom == pytest.approx(0.5)


def test_the_film_never_leaves_the_view(view):
    view.pan_by(1e6, -1e6)
    assert (view._centre.x(), view._centre.y()) == (0, 600)
    view.zoom_by(1e9)
    assert view.zoom == 32
    view.zoom_by(1e-9)
    assert view.zoom == pytest.approx(0.25)
    view.grab()


def layer(name, colour, line=Qt.GlobalColor.transparent):
    colours, lines = (QImage(2, 2, QImage.Format.Format_RGBA8888) for _ in range(2))
    colours.fill(colour)
    lines.fill(line)
    return FilmLayer(name, colours, lines)


def test_a_layers_colours_are_as_strong_as_asked_and_blended_as_anywhere(view):
    view.show_layers([layer("A", QColor(200, 100, 0))])
    view.set_opacity(0.0)
    assert grey_at(view, 100, 150) == 0
    view.set_opacity(1.0)
    assert view.grab().toImage().pixelColor(100, 150).red() == 200
    view.set_opacity(0.5)
    assert view.grab().toImage().pixelColor(100, 150).red() == pytest.approx(100, abs=1)
    # Over a film's 200 the green of 100 darkens, which a blending by screen would never do.
    assert view.grab().toImage().pixelColor(300, 150).green() == pytest.approx(150, abs=1)


def test_a_layers_lines_are_whole_whatever_the_opacity(view):
    view.show_layers([layer("A", QColor(200, 100, 0), QColor("white"))])
    view.set_opacity(0.0)
    assert grey_at(view, 100, 150) == 255


def test_two_layers_are_over_the_film_side_by_side_and_move_together(view):
    view.set_opacity(1.0)
    view.show_layers([layer("A", QColor(200, 0, 0)), layer("B", QColor(0, 0, 200))])
    picture, width = view.grab().toImage(), view.width()
    assert view.zoom == pytest.approx(0.25)  # each has half of the width
    assert picture.pixelColor(width // 4, view.height() // 2) == QColor(200, 0, 0)
    assert picture.pixelColor(3 * width // 4, view.height() // 2) == QColor(0, 0, 200)
    view.zoom_by(2.0, QPointF(3 * width / 4, view.height() / 2))
    left = (view._centre.x(), view._centre.y())
    view.fit()
    view.zoom_by(2.0, QPointF(width / 4, view.height() / 2))
    assert (view._centre.x(), view._centre.y()) == left
    view.fit()
    view.show_layers([])
    assert view.zoom == pytest.approx(0.5)


def test_an_empty_view_asks_for_a_film(qt):
    view, asked = FilmView(), []
    view.asked_to_open.connect(lambda: asked.append(True))
    view.show()
    QTest.mouseClick(view, Qt.MouseButton.LeftButton)
    QTest.keyClick(view, Qt.Key.Key_Return)
    assert len(asked) == 2
    for key in (Qt.Key.Key_Plus, Qt.Key.Key_0, Qt.Key.Key_R, Qt.Key.Key_Left):
        QTest.keyClick(view, key)
    view.grab()
    view.close()
