"""The curves of networks over all thresholds: ROC, precision-recall, F1. Both networks in one plot.

All are computed from scores on the calibrated scale, the scale of the thresholds that are marked on them.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from demo.language.catalogue import Wording
from demo.language.numbers import isolated
from demo.plots.parts import (
    PAPER,
    Figure,
    Json,
    ScoredNetwork,
    axis,
    centres,
    figure_text,
    guide,
    line,
    make_figure,
    marks,
)
from train.metrics.operating_points import f1_curve, precision_recall_curve, roc_curve
from train.metrics.thin_curve import thin_curve

INSET_X, INSET_Y = (0.47, 0.985), (0.13, 0.62)  # where the magnified corner of the ROC stands, in shares of the plot
CLEARED = (0.38, 1.0), (0.02, 0.66)  # the same with its numbers: nothing else is drawn there
FRAME = {"color": "#8a8a8a", "width": 1}
CORNER = 0.3  # how much of the ROC's upper left corner it shows

Floats = NDArray[np.float64]


def roc_figure(networks: Sequence[ScoredNetwork], words: Wording) -> Figure:
    """ROC curves, with the upper left corner magnified where no curve runs through the place for that."""
    traces: list[Json] = []
    low, high = _axis("false_positive_rate", words), _axis("sensitivity", words)
    hover = f"{low} %{{x:.1%}}<br>{high} %{{y:.1%}}"
    for scored in networks:
        curve = roc_curve(scored.labels, scored.probabilities)
        kept = thin_curve(curve.false_positive_rate, curve.sensitivity)
        x, y = curve.false_positive_rate[kept], curve.sensitivity[kept]
        name = f"{scored.name}: AUROC {scored.auroc}"
        traces.append(line(scored.network, x, y, name, f"<b>{scored.name}</b><br>{hover}"))
    for scored in networks:
        counts = {point: scored.at(point) for point in scored.thresholds}
        rates = {point: 1 - found.specificity for point, found in counts.items()}
        found = {point: found.sensitivity for point, found in counts.items()}
        on_curve = marks(scored, rates, found, words)
        traces += [on_curve, centres(on_curve)]
    shapes = [guide((0, 1), (0, 1))]
    layout = {}
    if not any(_crosses_inset(trace) for trace in traces):
        magnified = {"xaxis": "x2", "yaxis": "y2", "showlegend": False, "cliponaxis": True}
        traces += [trace | magnified for trace in traces]
        place: Json = {"xref": "paper", "yref": "paper", "fillcolor": PAPER, "line": {"width": 0}}
        shapes += [_rectangle(*CLEARED, **place), _rectangle((0, CORNER), (1 - CORNER, 1), line=FRAME)]
        layout = {
            "xaxis2": axis("", 0, CORNER, domain=INSET_X, anchor="y2", tickformat=".0%", nticks=4),
            "yaxis2": axis("", 1 - CORNER, 1.02, domain=INSET_Y, anchor="x2", tickformat=".0%", nticks=4),
        }
    across, up = axis(low, -0.02, 1.01, tickformat=".0%"), axis(high, -0.01, 1.04, tickformat=".0%")
    return make_figure("roc", traces, words, across, up, shapes=shapes, **layout)


def precision_recall_figure(networks: Sequence[ScoredNetwork], words: Wording) -> Figure:
    """Precision-recall curves, drawn as the steps that average precision sums up."""
    traces: list[Json] = []
    low, high = _axis("recall", words), _axis("precision", words)
    lowest = 1.0
    for scored in networks:
        curve = precision_recall_curve(scored.labels, scored.probabilities)
        x, y = _stepped(curve.recall, curve.precision)
        area = isolated(str(scored.average_precision), words)
        name = figure_text(words("evaluation.pr.legend", network=scored.name, value=area), words)
        hover = f"<b>{scored.name}</b><br>{low} %{{x:.1%}}<br>{high} %{{y:.1%}}"
        traces.append(line(scored.network, x, y, name, hover))
        lowest = min(lowest, scored.prevalence)
    for scored in networks:
        counts = {point: scored.at(point) for point in scored.thresholds}
        recall = {point: found.sensitivity for point, found in counts.items()}
        precision = {point: found.ppv for point, found in counts.items()}
        on_curve = marks(scored, recall, precision, words)
        traces += [on_curve, centres(on_curve)]
        lowest = min([lowest, *(value for value in precision.values() if math.isfinite(value))])
    across = axis(low, -0.01, 1.015, tickformat=".0%")
    up = axis(high, _floor(lowest), 1.01, tickformat=".0%")
    guesses = sorted({scored.prevalence for scored in networks})
    return make_figure("precision-recall", traces, words, across, up, shapes=[guide((0, 1), (g, g)) for g in guesses])


def f1_figure(networks: Sequence[ScoredNetwork], words: Wording) -> Figure:
    """F1 against the threshold, from 0 to 1: it steps at the films' probabilities."""
    traces: list[Json] = []
    low, high = _axis("threshold", words), "F1"
    lowest = 1.0
    for scored in networks:
        x, y = _f1_steps(scored)
        hover = f"<b>{scored.name}</b><br>{low} %{{x:.3f}}<br>{high} %{{y:.1%}}"
        traces.append(line(scored.network, x, y, scored.name, hover))
        lowest = min(lowest, float(y[0]))
    for scored in networks:
        f1 = {point: scored.at(point).f1 for point in scored.thresholds}
        on_curve = marks(scored, scored.thresholds, f1, words)
        traces += [on_curve, centres(on_curve)]
        lowest = min(lowest, *f1.values())
    up = axis(high, _floor(lowest), 1.01, tickformat=".0%")
    return make_figure("f1-threshold", traces, words, axis(low, -0.01, 1.01), up)


def _f1_steps(scored: ScoredNetwork) -> tuple[Floats, Floats]:
    curve = f1_curve(scored.labels, scored.probabilities)
    # Rising: each film's probability ends the stretch of thresholds that still call it positive.
    ends, f1 = curve.thresholds[:0:-1], curve.f1[:0:-1]
    thresholds, values = np.concatenate([[0.0], ends]), np.concatenate([f1[:1], f1])
    if ends[-1] < 1:
        thresholds, values = np.append(thresholds, 1.0), np.append(values, 0.0)  # nothing is called positive
    return _stepped(thresholds, values)


def _stepped(x: Floats, y: Floats, limit: int = 600) -> tuple[Floats, Floats]:
    """The corners of a curve that has the value y[i] from just above x[i - 1] up to x[i], thinned."""
    corners_x, corners_y = np.repeat(x, 2)[:-1], np.repeat(y, 2)[1:]
    kept = thin_curve(corners_x, corners_y, limit)
    return corners_x[kept], corners_y[kept]


def _crosses_inset(trace: Json) -> bool:
    (left, _), (_, top) = CLEARED
    return bool(np.any((np.array(trace["x"]) > left) & (np.array(trace["y"]) < top)))


def _rectangle(x: tuple[float, float], y: tuple[float, float], **look: Any) -> Json:
    return {"type": "rect", "layer": "below", "x0": x[0], "x1": x[1], "y0": y[0], "y1": y[1]} | look


def _floor(lowest: float) -> float:
    """Where an axis that ends at 1 begins: a round number with some room below the lowest value."""
    return max(0.0, math.floor((lowest - 0.05) * 10) / 10)


def _axis(name: str, words: Wording) -> str:
    return figure_text(words(f"evaluation.axis.{name}"), words)
