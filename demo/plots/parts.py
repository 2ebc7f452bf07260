"""What all plots of the page share: their frame, their lines, and the marks of the operating points.

A figure is Plotly's JSON as plain dicts (data, layout, config), made without the plotly package: the browser has
its own. Colours are those of the light theme, which a saved picture keeps; on the page, CSS lets ink, grid and
network colours follow the theme (panels/evaluation.css).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from demo.language.catalogue import Wording
from demo.language.colours import NETWORK_COLOURS
from export.bundle.metric import Metric
from train.metrics.operating_points import Confusion, confusion

Figure = dict[str, Any]
Json = dict[str, Any]

INK, GRID, PAPER = "#333333", "#d9d9d9", "#ffffff"
DASHES = {"a": "solid", "b": "6px,3px"}  # colour is never the only cue
SYMBOLS = {
    "f1": "square",
    "youden": "circle",
    "sensitivity_95": "triangle-up",
    "specificity_95": "triangle-down",
    "half": "diamond",
}
HEIGHT = 340  # pixels
LEGEND = {
    "orientation": "h",
    "x": 0,
    "y": 1.02,
    "yanchor": "bottom",
    "itemwidth": 30,  # pixels, the least that Plotly takes
    "font": {"size": 11},
    "bgcolor": "rgba(0,0,0,0)",
    "itemclick": False,
    "itemdoubleclick": False,
}
DECIMALS = 5
NEAREST = 6  # pixels across: a mark of this size is as near as a curve, and the later of the two is shown
ISOLATED_RTL, ISOLATED_END = "\u2067", "\u2069"  # Unicode's RLI and PDI


@dataclass(frozen=True, eq=False)
class ScoredNetwork:
    """One network's films of one split, as the plots need them.

    Attributes:
        network: "a" or "b".
        labels: 0 or 1, [N], both present.
        probabilities: calibrated, 0..1, [N].
        thresholds: of the operating points, on the same scale.
        point: the operating point that is meant where only one is shown.
        auroc: with its interval, where known.
        average_precision: likewise.
    """

    network: str
    labels: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    thresholds: Mapping[str, float]
    point: str
    auroc: Metric
    average_precision: Metric

    @property
    def name(self) -> str:
        """The letter that stands for the network."""
        return self.network.upper()

    @property
    def prevalence(self) -> float:
        """Share of films with pneumonia, 0..1."""
        return float(self.labels.mean())

    def at(self, point: str) -> Confusion:
        """The counts at an operating point."""
        return confusion(self.labels, self.probabilities, self.thresholds[point])


def make_figure(name: str, data: Sequence[Json], words: Wording, x: Json, y: Json, **layout: Any) -> Figure:
    """Frame traces.

    Args:
        name: of the picture that the browser may save.
        data: Plotly traces.
        words: for the buttons.
        x, y: axes, as `axis` makes them.
        layout: what else the layout needs.
    """
    frame = {
        "height": HEIGHT,
        "margin": {"l": 58, "r": 14, "t": 8, "b": 48},
        "font": {"family": "system-ui, sans-serif", "size": 12, "color": INK},
        "paper_bgcolor": PAPER,
        "plot_bgcolor": PAPER,
        "hovermode": "closest",
        "dragmode": False,  # a finger scrolls the page; the zoom button changes that
        "legend": LEGEND,
        "showlegend": True,
        "xaxis": x,
        "yaxis": y,
    }
    return {"data": list(data), "layout": frame | layout, "config": _config(name, words)}


def axis(title: str, low: float | None = None, high: float | None = None, **more: Any) -> Json:
    """An axis with faint grid lines; without bounds it fits the data."""
    bounds = {} if low is None or high is None else {"range": [low, high]}
    ends = {"gridcolor": GRID, "linecolor": GRID, "zeroline": False, "showline": True, "ticks": ""}
    return {"title": {"text": title, "standoff": 8}, **ends, **bounds, **more}


def line(network: str, x: ArrayLike, y: ArrayLike, name: str, hover: str, **more: Any) -> Json:
    """A network's curve: its colour, its dash; `hover` is Plotly's template."""
    stroke = {"color": NETWORK_COLOURS[network], "width": 2, "dash": DASHES[network]}
    trace = {"type": "scatter", "mode": "lines", "name": name, "x": numbers(x), "y": numbers(y), "line": stroke}
    return trace | {"hovertemplate": f"{hover}<extra></extra>"} | more


def marks(scored: ScoredNetwork, x: Mapping[str, float], y: Mapping[str, float], words: Wording) -> Json:
    """The operating points on a network's curve, by name; hovering tells what they do."""
    names = [point for point in scored.thresholds if point in SYMBOLS and np.isfinite([x[point], y[point]]).all()]
    hover = [_hover_text(scored, point, words) for point in names]
    look = {
        "symbol": [SYMBOLS[point] for point in names],
        "size": 10,
        "color": NETWORK_COLOURS[scored.network],
        "line": {"color": PAPER, "width": 1.5},
        "opacity": 1,
    }
    return {
        "type": "scatter",
        "mode": "markers",
        "name": scored.name,
        "showlegend": False,
        "x": numbers([x[point] for point in names]),
        "y": numbers([y[point] for point in names]),
        "marker": look,
        "text": hover,
        "hovertemplate": "%{text}<extra></extra>",
        "cliponaxis": False,
    }


def centres(drawn: Json) -> Json:
    """The middles of `marks`, unseen: Plotly takes a curve for nearer than a large mark that lies on it."""
    return drawn | {"marker": drawn["marker"] | {"size": NEAREST, "opacity": 0}}


def guide(x: Sequence[float], y: Sequence[float]) -> Json:
    """A dotted line to compare with, such as the ROC of a network that guesses."""
    stroke = {"color": "#8a8a8a", "width": 1, "dash": "2px,3px"}
    ends = {"x0": x[0], "x1": x[1], "y0": y[0], "y1": y[1]}
    return {"type": "line", "layer": "below", "line": stroke, **ends}


def figure_text(text: str, words: Wording) -> str:
    """A text of the catalogue for Plotly, whose SVG is always laid out from left to right."""
    return f"{ISOLATED_RTL}{escape(text)}{ISOLATED_END}" if words.direction == "rtl" else escape(text)


def numbers(values: ArrayLike) -> list[float]:
    """Numbers for JSON, with no more decimals than a plot can show."""
    return np.round(np.asarray(values, dtype=np.float64), DECIMALS).tolist()


def _hover_text(scored: ScoredNetwork, point: str, words: Wording) -> str:
    counts = scored.at(point)
    lines = [
        (words("word.threshold"), f"{scored.thresholds[point]:.3f}"),
        (words("word.sensitivity"), f"{counts.sensitivity:.1%}"),
        (words("word.specificity"), f"{counts.specificity:.1%}"),
        ("F1", f"{counts.f1:.1%}"),
    ]
    head = f"<b>{scored.name}</b> · {figure_text(words(f'operating_point.{point}'), words)}"
    return "<br>".join([head, *(f"{figure_text(name, words)} {value}" for name, value in lines)])


def _config(name: str, words: Wording) -> Json:
    labels = {
        "Zoom": words("evaluation.plot.zoom"),
        "Reset axes": words("evaluation.plot.reset"),
        "Download plot as a PNG": words("evaluation.plot.save"),
        "Download plot": words("evaluation.plot.save"),
        "Taking snapshot - this may take a few seconds": words("evaluation.plot.saving"),
        "Snapshot succeeded": words("evaluation.plot.saved"),
    }
    return {
        "displaylogo": False,
        "modeBarButtons": [["zoom2d", "resetScale2d", "toImage"]],
        "toImageButtonOptions": {"filename": f"pneumoscope-{name}", "scale": 2},
        "showTips": False,
        "locale": "page",  # not a language of Plotly's: only the words change, never the numbers
        "locales": {"page": {"dictionary": labels, "format": {}}},
    }
