"""The page's figures drawn with QPainter: the same Plotly JSON of demo/figures, without Plotly and a browser.

It knows what those figures use: curves, marks and bars on linear or logarithmic axes, lines and frames behind them,
notes, a legend, and a second pair of axes.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import unescape
from typing import Any

from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QFontMetricsF, QPainter, QPalette, QPen, QPolygonF

from demo.desktop.drawing.theme import network_colour, subdued
from demo.language.colours import NETWORK_COLOURS
from demo.plots.parts import GRID, INK, PAPER, Figure, Json

LEGEND_LINE = 26  # pixels of a curve's sample
GAP = 6  # pixels
WANTED_TICKS = 6
AXIS_ROOM = (62.0, 14.0, 44.0)  # pixels beside, on the other side of and below the plot


@dataclass(frozen=True)
class Axis:
    """An axis of a figure: the values it runs over and the stretch of the picture it fills, from `start` to `end`."""

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool
    look: Json

    def at(self, value: float) -> float:
        """Where a value lies in the picture."""
        if self.logarithmic:
            value = math.log10(value) if value > 0 else self.low
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    def ticks(self) -> list[float]:
        """Round values, in the data's own unit."""
        if self.logarithmic:
            return [10.0**power for power in range(math.ceil(self.low), math.floor(self.high) + 1)]
        step = self.look.get("dtick") or _round_step((self.high - self.low) / self.look.get("nticks", WANTED_TICKS))
        first = math.ceil(self.low / step - 1e-9)
        return [step * place for place in range(first, math.floor(self.high / step + 1e-9) + 1)]

    def label(self, value: float) -> str:
        """A tick as text."""
        form = self.look.get("tickformat", "")
        if form.endswith("%"):
            return f"{value:{form}}"
        if form == ",d":
            return f"{value:,.0f}"
        return f"{value:.6g}"


def paint_figure(painter: QPainter, figure: Figure, frame: QRectF, palette: QPalette) -> None:
    """Draw a figure of demo/figures into a frame, in the colours of a palette."""
    layout = figure["layout"]
    legend = [trace for trace in figure["data"] if trace.get("name") and trace.get("showlegend", True)]
    height = _paint_legend(painter, legend, frame, palette)
    left, right, below = AXIS_ROOM
    plot = frame.adjusted(left, height + GAP, -right, -below)
    pairs = {}
    for mark in ("", "2"):
        x, y = layout.get(f"xaxis{mark}"), layout.get(f"yaxis{mark}")
        if x is None and y is None:
            continue
        of_pair = [trace for trace in figure["data"] if trace.get("yaxis", "y") == f"y{mark}"]
        across = _axis(x or layout["xaxis"], plot.left(), plot.right(), "x", of_pair)
        up = _axis(y, plot.bottom(), plot.top(), "y", of_pair)
        pairs[f"y{mark}"] = across, up
    first = pairs.pop("y")
    _paint_axes(painter, *first, palette)
    shapes = layout.get("shapes", ())
    for shape in shapes:
        if shape.get("layer") == "below":
            _paint_shape(painter, shape, first, plot, palette)
    for across, up in pairs.values():
        _paint_axes(painter, across, up, palette, across.look is not layout["xaxis"])
    pairs["y"] = first
    for trace in figure["data"]:
        across, up = pairs[trace.get("yaxis", "y")]
        painter.save()
        if trace.get("cliponaxis", trace["type"] != "scatter" or "lines" in trace.get("mode", "")):
            painter.setClipRect(_rectangle(across, up).adjusted(-1, -1, 1, 1))
        _paint_trace(painter, trace, across, up, palette)
        painter.restore()
    for shape in shapes:
        if shape.get("layer") != "below":
            _paint_shape(painter, shape, first, plot, palette)
    for note in layout.get("annotations", ()):
        x, y = first[0].at(note["x"]), plot.bottom() - note["y"] * plot.height()
        painter.setPen(palette.color(QPalette.ColorRole.Text))
        painter.drawText(QPointF(x + 3, y + QFontMetricsF(painter.font()).ascent()), plain(note["text"]))


def plain(text: str) -> str:
    """A text of a figure without what only a browser needs."""
    return unescape(text)


def _axis(look: Json, start: float, end: float, letter: str, traces: Sequence[Json]) -> Axis:
    if "domain" in look:
        low, high = look["domain"]
        start, end = start + low * (end - start), start + high * (end - start)
    logarithmic = look.get("type") == "log"
    if "range" in look:
        low, high = look["range"]
    else:  # it fits the data
        values = [value for trace in traces for value in trace[letter]]
        low, high = min(values, default=0.0), max(values, default=1.0)
        room = 0.05 * (high - low or 1.0)
        low, high = (0.0 if look.get("rangemode") == "tozero" else low - room), high + room
    return Axis(low, high, start, end, logarithmic, look)


def _rectangle(across: Axis, up: Axis) -> QRectF:
    return QRectF(QPointF(across.start, up.end), QPointF(across.end, up.start))


def _paint_axes(painter: QPainter, across: Axis, up: Axis, palette: QPalette, labelled: bool = True) -> None:
    """Draw both axes and their grid; `labelled` tells whether the one across has numbers and a name of its own."""
    faint, ink, text = _colour(GRID, palette), subdued(palette), QFontMetricsF(painter.font())
    frame = _rectangle(across, up)
    for value in across.ticks():
        x = across.at(value)
        painter.setPen(QPen(faint, 1))
        painter.drawLine(QLineF(x, frame.top(), x, frame.bottom()))
        painter.setPen(ink)
        label = across.label(value) if labelled else ""
        painter.drawText(QPointF(x - text.horizontalAdvance(label) / 2, frame.bottom() + text.ascent() + 3), label)
    for value in up.ticks():
        y = up.at(value)
        painter.setPen(QPen(faint, 1))
        painter.drawLine(QLineF(frame.left(), y, frame.right(), y))
        painter.setPen(ink)
        label = up.label(value)
        painter.drawText(QPointF(frame.left() - text.horizontalAdvance(label) - 5, y + text.ascent() / 2 - 1), label)
    painter.setPen(QPen(ink, 1))
    painter.drawLine(frame.bottomLeft(), frame.bottomRight())
    painter.drawLine(frame.bottomLeft(), frame.topLeft())
    name = plain(across.look["title"]["text"])
    if name and labelled:
        below = frame.bottom() + 2 * text.height() + 4
        painter.drawText(QPointF(frame.center().x() - text.horizontalAdvance(name) / 2, below), name)
    name = plain(up.look["title"]["text"])
    if name:
        painter.save()
        painter.translate(frame.left() - AXIS_ROOM[0] + text.ascent(), frame.center().y())
        painter.rotate(-90)
        painter.drawText(QPointF(-text.horizontalAdvance(name) / 2, 0), name)
        painter.restore()


def _paint_shape(painter: QPainter, shape: Json, axes: tuple[Axis, Axis], plot: QRectF, palette: QPalette) -> None:
    across, up = axes
    x0, x1, y0, y1 = (shape[name] for name in ("x0", "x1", "y0", "y1"))
    if shape.get("xref") == "paper":
        left, right = (plot.left() + share * plot.width() for share in (x0, x1))
    else:
        left, right = across.at(x0), across.at(x1)
    if shape.get("yref") == "paper":
        bottom, top = (plot.bottom() - share * plot.height() for share in (y0, y1))
    else:
        bottom, top = up.at(y0), up.at(y1)
    painter.setPen(_pen(shape["line"], palette))
    painter.setBrush(QBrush(_colour(shape["fillcolor"], palette)) if "fillcolor" in shape else Qt.BrushStyle.NoBrush)
    if shape["type"] == "line":
        painter.drawLine(QLineF(left, bottom, right, top))
    else:
        painter.drawRect(QRectF(QPointF(left, top), QPointF(right, bottom)))


def _paint_trace(painter: QPainter, trace: Json, across: Axis, up: Axis, palette: QPalette) -> None:
    painter.setOpacity(trace.get("opacity", 1.0))
    if trace["type"] == "bar":
        painter.setPen(_pen(trace["marker"]["line"], palette))
        painter.setBrush(_bar_brush(trace, palette))
        for x, y in zip(trace["x"], trace["y"], strict=True):
            half = trace["width"] / 2
            corners = QPointF(across.at(x - half), up.at(y)), QPointF(across.at(x + half), up.start)
            painter.drawRect(QRectF(*corners))
        return
    points = [QPointF(across.at(x), up.at(y)) for x, y in zip(trace["x"], trace["y"], strict=True)]
    if "lines" in trace["mode"]:
        painter.setPen(_pen(trace["line"], palette))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPolyline(QPolygonF(points))
    if "markers" in trace["mode"]:
        look = trace["marker"]
        for place, point in enumerate(points):
            _paint_mark(painter, point, {name: _nth(value, place) for name, value in look.items()}, palette)


def _paint_mark(painter: QPainter, at: QPointF, look: Json, palette: QPalette) -> None:
    symbol, half = look["symbol"], look["size"] / 2
    colour = _colour(look["color"], palette)
    hollow = symbol.endswith("-open")
    colour.setAlphaF(look.get("opacity", 1.0))
    painter.setPen(QPen(colour, 1.5) if hollow else _pen(look.get("line", {"color": PAPER, "width": 0}), palette))
    if look.get("opacity", 1.0) == 0:
        return
    painter.setBrush(Qt.BrushStyle.NoBrush if hollow else QBrush(colour))
    corners = {
        "square": ((-1, -1), (1, -1), (1, 1), (-1, 1)),
        "diamond": ((0, -1.3), (1.3, 0), (0, 1.3), (-1.3, 0)),
        "triangle-up": ((0, -1.15), (1.1, 0.9), (-1.1, 0.9)),
        "triangle-down": ((0, 1.15), (1.1, -0.9), (-1.1, -0.9)),
    }.get(symbol.removesuffix("-open"))
    if corners is None:
        painter.drawEllipse(at, half, half)
    else:
        painter.drawPolygon(QPolygonF([at + QPointF(x * half, y * half) for x, y in corners]))


def _paint_legend(painter: QPainter, traces: Sequence[Json], frame: QRectF, palette: QPalette) -> float:
    """Draw what each curve is called, in as many lines as it takes; returns their height."""
    text = QFontMetricsF(painter.font())
    x, y = frame.left(), frame.top()
    for trace in traces:
        name = plain(trace["name"])
        width = LEGEND_LINE + GAP + text.horizontalAdvance(name) + 3 * GAP
        if x > frame.left() and x + width > frame.right():
            x, y = frame.left(), y + text.height() + 2
        middle = y + text.height() / 2
        if trace["type"] == "bar":
            painter.setPen(_pen(trace["marker"]["line"], palette))
            painter.setBrush(_bar_brush(trace, palette))
            painter.drawRect(QRectF(x, y + 2, LEGEND_LINE, text.height() - 4))
        else:
            painter.setPen(_pen(trace["line"], palette))
            painter.drawLine(QLineF(x, middle, x + LEGEND_LINE, middle))
            if "markers" in trace["mode"]:
                look = {name: _nth(value, 0) for name, value in trace["marker"].items()} | {"size": 8}
                _paint_mark(painter, QPointF(x + LEGEND_LINE / 2, middle), look, palette)
        painter.setPen(palette.color(QPalette.ColorRole.Text))
        painter.drawText(QPointF(x + LEGEND_LINE + GAP, y + text.ascent()), name)
        x += width
    return y + text.height() - frame.top() if traces else 0.0


def _bar_brush(trace: Json, palette: QPalette) -> QBrush:
    look = trace["marker"]
    if "pattern" in look:
        return QBrush(_colour(look["pattern"]["fgcolor"], palette), Qt.BrushStyle.BDiagPattern)
    return QBrush(_colour(look["color"], palette))


def _pen(line: Json, palette: QPalette) -> QPen:
    if not line.get("width"):
        return QPen(Qt.PenStyle.NoPen)
    pen = QPen(_colour(line["color"], palette), line["width"])
    dash = line.get("dash", "solid")
    if dash != "solid":
        pen.setDashPattern([float(part.removesuffix("px")) / line["width"] for part in dash.split(",")])
        pen.setCapStyle(Qt.PenCapStyle.FlatCap)
    return pen


def _colour(name: str, palette: QPalette) -> QColor:
    """A colour of the figures in the theme of the window."""
    for network, colour in NETWORK_COLOURS.items():
        if name == colour:
            return network_colour(network, palette)
    if name == PAPER:
        return QColor(palette.color(QPalette.ColorRole.Base))
    if name == INK:
        return QColor(palette.color(QPalette.ColorRole.Text))
    if name == GRID:
        grid = QColor(palette.color(QPalette.ColorRole.Text))
        grid.setAlphaF(0.15)
        return grid
    return QColor(name) if QColor.isValidColorName(name) else QColor(0, 0, 0, 0)


def _nth(value: Any, place: int) -> Any:  # noqa: ANN401  # Plotly: one value for all marks, or one for each
    return value[place] if isinstance(value, list) else value


def _round_step(least: float) -> float:
    power = 10.0 ** math.floor(math.log10(least))
    return next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= least * (1 - 1e-9))
