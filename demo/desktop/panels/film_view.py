"""The film on screen: zoom, pan, window and level by mouse and keyboard as in other viewers, a heatmap over it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, QPointF, QRect, QRectF, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPalette,
    QPen,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from demo.desktop.drawing.window_level import GreyWindow

if TYPE_CHECKING:
    import numpy as np

    from demo.desktop.drawing.film_images import FilmLayer

ZOOM_STEP = 1.25
MOST_ZOOM = 32.0  # screen pixels per pixel of the film
KEY_PAN = 60  # pixels of the screen
KEY_GREY = 8.0  # grey levels
GREY_PER_PIXEL = 1.0  # grey levels per pixel the mouse is dragged
WHEEL_NOTCH = 120.0  # eighths of a degree


class FilmView(QWidget):
    """Left button: window and level. Right or middle button, or Shift and left: pan. Wheel: zoom. Double click: fit.

    With two layers the film is there twice, side by side, and both move together.

    Keys: + and − zoom, 0 fits, 1 shows one film pixel as one of the screen, arrows pan, Shift and arrows change window
    and level, I inverts, R sets all greys back.
    """

    asked_to_open = Signal()  # a click while no film is shown
    view_changed = Signal()  # zoom, window or level are others now
    first_drawn = Signal()  # once: the window is on the screen

    def __init__(self) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMinimumSize(260, 260)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.window_level = GreyWindow()
        self.zoom = 1.0
        self.hint = ""
        self._copies: Sequence[np.ndarray] = ()
        self._centre = QPointF()  # of the view, in the film's pixels
        self._fitted = True
        self._layers: Sequence[FilmLayer] = ()
        self._opacity = 0.6
        self._dragged_from: QPoint | None = None
        self._panning = False
        self._drawn = False

    @property
    def shape(self) -> tuple[int, int] | None:
        """Of the film, (H, W)."""
        return self._copies[0].shape if self._copies else None

    @property
    def _panes(self) -> int:
        """How often the film is there, side by side."""
        return max(len(self._layers), 1)

    @property
    def _pane_width(self) -> float:
        return self.width() / self._panes

    def show_film(self, copies: "Sequence[np.ndarray]") -> None:
        """Show a film, as `half_copies` makes it, whole and as it is; no copies show none."""
        self._copies, self._layers = copies, ()
        self.window_level = GreyWindow()
        self.fit()

    def show_layers(self, layers: "Sequence[FilmLayer]") -> None:
        """Lay heatmaps over the whole film, each over one of its own, or none."""
        anew = max(len(layers), 1) != self._panes
        self._layers = tuple(layers)
        if anew and self._fitted:
            self.fit()
        self.update()

    def set_opacity(self, opacity: float) -> None:
        """How much of a layer's colours is seen, 0..1."""
        self._opacity = opacity
        self.update()

    def fit(self) -> None:
        """Show the whole film, as large as the window allows."""
        self._fitted = True
        if self._copies:
            height, width = self._copies[0].shape
            self.zoom = min(self._pane_width / width, self.height() / height, MOST_ZOOM)
            self._centre = QPointF(width / 2, height / 2)
        self._changed()

    def zoom_by(self, factor: float, at: QPointF | None = None) -> None:
        """Zoom; the point under `at`, of the widget, stays where it is."""
        if not self._copies:
            return
        height, width = self._copies[0].shape
        least = min(self._pane_width / width, self.height() / height, 1.0) / 2
        middle = QPointF(self._pane_width / 2, self.height() / 2)
        away = QPointF(at.x() % self._pane_width, at.y()) - middle if at else QPointF()
        zoom = min(max(self.zoom * factor, least), MOST_ZOOM)
        self._centre += away / self.zoom - away / zoom
        self.zoom, self._fitted = zoom, False
        self._keep_in_sight()
        self._changed()

    def show_pixels(self) -> None:
        """Show one pixel of the film as one of the screen's own."""
        self.zoom_by(1 / (self.zoom * self.devicePixelRatioF()))

    def pan_by(self, right: float, down: float) -> None:
        """Move the film by pixels of the screen."""
        self._centre -= QPointF(right, down) / self.zoom
        self._fitted = False
        self._keep_in_sight()
        self._changed()

    def change_window(self, level: float, width: float) -> None:
        """Shift and widen the grey window."""
        self.window_level = self.window_level.moved(level, width)
        self._changed()

    def invert(self) -> None:
        """Show black for white, or as before."""
        self.window_level = replace(self.window_level, inverted=not self.window_level.inverted)
        self._changed()

    def reset_window(self) -> None:
        """Show the grey levels as they are in the film."""
        self.window_level = GreyWindow()
        self._changed()

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802  # Qt's name
        """Zoom about the pointer."""
        self.zoom_by(ZOOM_STEP ** (event.angleDelta().y() / WHEEL_NOTCH), event.position())

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Begin to drag."""
        if not self._copies:
            if event.button() == Qt.MouseButton.LeftButton:
                self.asked_to_open.emit()
            return
        left = event.button() == Qt.MouseButton.LeftButton
        self._panning = not left or bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        self._dragged_from = event.position().toPoint()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Pan, or change window (sideways) and level (up is brighter)."""
        if self._dragged_from is None:
            return
        here = event.position().toPoint()
        moved, self._dragged_from = here - self._dragged_from, here
        if self._panning:
            self.pan_by(moved.x(), moved.y())
        else:
            self.change_window(moved.y() * GREY_PER_PIXEL, moved.x() * GREY_PER_PIXEL)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: ARG002, N802
        """End dragging."""
        self._dragged_from = None

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: ARG002, N802
        """Show the whole film."""
        self.fit()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """What the mouse does, by keys."""
        key, shifted = event.key(), bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        steps = {
            Qt.Key.Key_Left: (1, 0),
            Qt.Key.Key_Right: (-1, 0),
            Qt.Key.Key_Up: (0, 1),
            Qt.Key.Key_Down: (0, -1),
        }
        if not self._copies:
            if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
                self.asked_to_open.emit()
            else:
                super().keyPressEvent(event)
        elif key in steps:
            right, down = steps[Qt.Key(key)]
            if shifted:
                self.change_window(-down * KEY_GREY, -right * KEY_GREY)
            else:
                self.pan_by(right * KEY_PAN, down * KEY_PAN)
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal):
            self.zoom_by(ZOOM_STEP)
        elif key == Qt.Key.Key_Minus:
            self.zoom_by(1 / ZOOM_STEP)
        elif key == Qt.Key.Key_0:
            self.fit()
        elif key == Qt.Key.Key_1:
            self.show_pixels()
        elif key == Qt.Key.Key_I:
            self.invert()
        elif key == Qt.Key.Key_R:
            self.reset_window()
        else:
            super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: ARG002, N802
        """A film that filled the view goes on filling it."""
        if self._fitted:
            self.fit()

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        """Show where the keyboard is."""
        super().focusInEvent(event)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002, N802
        """Draw what is in sight."""
        painter = QPainter(self)
        if self._copies:
            painter.fillRect(self.rect(), QColor("black"))
            for pane in range(self._panes):
                self._paint_pane(painter, pane)
        else:
            self._paint_hint(painter)
        if self.hasFocus():
            painter.setPen(QPen(self.palette().color(QPalette.ColorRole.Highlight), 3))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(self.rect().adjusted(1, 1, -2, -2))
        if not self._drawn:
            self._drawn = True
            self.first_drawn.emit()

    def _paint_pane(self, painter: QPainter, pane: int) -> None:
        painter.save()
        painter.translate(pane * self._pane_width, 0)
        area = QRectF(0, 0, self._pane_width, self.height())
        painter.setClipRect(area)
        whole = self._paint_film(painter, area)
        if self._layers:
            layer = self._layers[pane]
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, True)
            painter.setOpacity(self._opacity)
            painter.drawImage(whole, layer.colours)
            painter.setOpacity(1.0)
            painter.drawImage(whole, layer.lines)
        if self._panes > 1:
            painter.fillRect(QRectF(-1, 0, 2, self.height()), QColor("white"))  # where one film ends
            self._paint_name(painter, self._layers[pane].name)
        painter.restore()

    def _paint_film(self, painter: QPainter, area: QRectF) -> QRectF:
        """Draw what of the film is in sight of an area, and return where the whole film would be."""
        from demo.desktop.drawing.film_images import grey_picture

        height, width = self._copies[0].shape
        corner = area.center() - self._centre * self.zoom
        whole = QRectF(corner.x(), corner.y(), width * self.zoom, height * self.zoom)
        copy = self._copy_for(self.zoom * self.devicePixelRatioF())
        across, down = whole.width() / copy.shape[1], whole.height() / copy.shape[0]  # screen pixels per copy's pixel
        seen = whole.intersected(area).translated(-corner)
        first = QPoint(max(int(seen.left() / across) - 1, 0), max(int(seen.top() / down) - 1, 0))
        last = QPoint(
            min(int(seen.right() / across) + 2, copy.shape[1]), min(int(seen.bottom() / down) + 2, copy.shape[0])
        )
        part = QRect(first, last - QPoint(1, 1))
        if not part.isEmpty():
            pixels = copy[part.top() : part.bottom() + 1, part.left() : part.right() + 1]
            place = QRectF(part.left() * across, part.top() * down, part.width() * across, part.height() * down)
            # Far in, single pixels are what one wants to see.
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, across < 4)
            painter.drawImage(place.translated(corner), grey_picture(pixels, self.window_level))
        return whole

    def _paint_name(self, painter: QPainter, name: str) -> None:
        badge = QRectF(8, 8, 26, 24)
        painter.fillRect(badge, QColor("black"))
        painter.setPen(QColor("white"))
        painter.drawRect(badge)
        painter.drawText(badge, Qt.AlignmentFlag.AlignCenter, name)

    def _paint_hint(self, painter: QPainter) -> None:
        palette = self.palette()
        painter.fillRect(self.rect(), palette.color(QPalette.ColorRole.Base))
        painter.setPen(QPen(palette.color(QPalette.ColorRole.Text), 2, Qt.PenStyle.DashLine))
        frame = self.rect().adjusted(12, 12, -12, -12)
        painter.drawRoundedRect(frame, 10, 10)
        wrapped = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
        painter.drawText(frame.adjusted(16, 16, -16, -16), wrapped, self.hint)

    def _copy_for(self, zoom: float) -> "np.ndarray":
        """The smallest copy that still has a pixel for each one of the screen."""
        width = self._copies[0].shape[1]
        fine = [copy for copy in self._copies if copy.shape[1] >= width * zoom]
        return fine[-1] if fine else self._copies[0]

    def _keep_in_sight(self) -> None:
        height, width = self._copies[0].shape if self._copies else (0, 0)
        self._centre = QPointF(min(max(self._centre.x(), 0), width), min(max(self._centre.y(), 0), height))

    def _changed(self) -> None:
        self.update()
        self.view_changed.emit()
