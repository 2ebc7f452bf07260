"""How the calibrated probabilities lie: whether they mean what they say, and where each class falls."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from demo.language.catalogue import Wording
from demo.language.colours import NETWORK_COLOURS
from demo.plots.parts import (
    DASHES,
    INK,
    PAPER,
    SYMBOLS,
    Figure,
    Json,
    ScoredNetwork,
    axis,
    figure_text,
    guide,
    make_figure,
    marks,
    numbers,
)
from train.metrics.reliability import expected_calibration_error, reliability_diagram

HISTOGRAM_BINS = 40
SMALLEST_MARK, LARGEST_MARK = 6, 24  # pixels across, of a bin of one film and of all films
BELOW_ONE = -0.3  # where the logarithmic axis begins, so that a bar of one film has a height
PNEUMONIA_ROW, NORMAL_ROW = (0, 0.47), (0.53, 1)  # shares of the plot's height
ROOM_FOR_MARKS = 0.6  # decades above the highest bar
MARKERS = {"a": "circle", "b": "diamond"}


def reliability_figure(networks: Sequence[ScoredNetwork], words: Wording) -> Figure:
    """Share of films with pneumonia against the probability they were given; a mark's area tells how many films."""
    low, high = (figure_text(words(f"evaluation.axis.{name}"), words) for name in ("probability", "observed"))
    films = figure_text(words("evaluation.axis.films"), words)
    traces: list[Json] = []
    for scored in networks:
        bins = reliability_diagram(scored.labels, scored.probabilities)
        colour = NETWORK_COLOURS[scored.network]
        share = np.sqrt(bins.films / bins.films.sum())
        look = {
            "symbol": MARKERS[scored.network],
            "size": numbers(SMALLEST_MARK + (LARGEST_MARK - SMALLEST_MARK) * share),
            "color": colour,
            "opacity": 0.85,
            "line": {"color": PAPER, "width": 1},
        }
        error = f"{expected_calibration_error(scored.labels, scored.probabilities):.3f}"
        legend = words("evaluation.reliability.legend", network=scored.name, value=error)
        hover = f"<b>{scored.name}</b><br>{low} %{{x:.1%}}<br>{high} %{{y:.1%}}<br>{films} %{{customdata}}"
        traces.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": figure_text(legend, words),
                "x": numbers(bins.mean),
                "y": numbers(bins.observed),
                "customdata": bins.films.tolist(),
                "marker": look,
                "line": {"color": colour, "width": 1.5, "dash": DASHES[scored.network]},
                "hovertemplate": f"{hover}<extra></extra>",
                "cliponaxis": False,
            }
        )
    x, y = axis(low, -0.02, 1.03, tickformat=".0%"), axis(high, -0.03, 1.04, tickformat=".0%")
    return make_figure("reliability", traces, words, x, y, shapes=[guide((0, 1), (0, 1))])


def histogram_figure(scored: ScoredNetwork, words: Wording) -> Figure:
    """How many films of each class got which probability, and the operating points' thresholds among them.

    Normal films stand above (hatched), films with pneumonia below (solid), both on the same logarithmic scale.
    """
    edges = np.linspace(0, 1, HISTOGRAM_BINS + 1)
    counts = [np.histogram(scored.probabilities[scored.labels == label], edges)[0] for label in (0, 1)]
    traces = [_bars(scored, label, counts[label], edges, words) for label in (0, 1)]
    top = float(np.log10(max(1, *map(np.max, counts)))) + ROOM_FOR_MARKS
    heights = dict.fromkeys(scored.thresholds, 10 ** (top - ROOM_FOR_MARKS / 3))
    traces.append(marks(scored, scored.thresholds, heights, words) | {"yaxis": "y2"})
    low, high = (figure_text(words(f"evaluation.axis.{name}"), words) for name in ("probability", "films"))
    rows = {"type": "log", "dtick": 1, "tickformat": ",d"}
    layout = {
        "bargap": 0,
        "yaxis2": axis(high, BELOW_ONE, top, domain=NORMAL_ROW, **rows),
        "shapes": [_threshold(scored.thresholds[point]) for point in scored.thresholds if point in SYMBOLS],
    }
    x, y = axis(low, -0.02, 1.02), axis(high, BELOW_ONE, top, domain=PNEUMONIA_ROW, **rows)
    return make_figure(f"probabilities-{scored.network}", traces, words, x, y, **layout)


def _bars(
    scored: ScoredNetwork, label: int, counts: NDArray[np.int64], edges: NDArray[np.float64], words: Wording
) -> Json:
    colour = NETWORK_COLOURS[scored.network]
    hatched = {"shape": "/", "fgcolor": colour, "size": 5, "solidity": 0.35}
    looks = (
        {"color": "rgba(0,0,0,0)", "line": {"color": colour, "width": 1}, "pattern": hatched},
        {"color": colour, "line": {"color": colour, "width": 1}},
    )
    held = np.flatnonzero(counts)
    name = figure_text(words(f"evaluation.{('normal', 'pneumonia')[label]}"), words)
    low = figure_text(words("evaluation.axis.probability"), words)
    return {
        "type": "bar",
        "name": name,
        "x": numbers((edges[held] + edges[held + 1]) / 2),
        "y": counts[held].tolist(),
        "yaxis": ("y2", "y")[label],
        "width": 1 / HISTOGRAM_BINS,
        "customdata": [f"{edges[row]:.3f}–{edges[row + 1]:.3f}" for row in held],
        "marker": looks[label],
        "hovertemplate": f"{name}: %{{y}}<br>{low} %{{customdata}}<extra></extra>",
    }


def _threshold(at: float) -> Json:
    stroke = {"color": INK, "width": 1, "dash": "2px,2px"}
    ends = {"x0": at, "x1": at, "y0": 0, "y1": 1, "yref": "paper"}
    return {"type": "line", "layer": "above", "line": stroke, "opacity": 0.6, **ends}
