"""The plots of the Evaluation panel, each under a caption in HTML.

The browser draws a plot in its place when it is scrolled to (`instrument.js`).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from html import escape

from demo.language.catalogue import Wording
from demo.plots.described import SHAPES, DescribedPlot, described_plots
from demo.plots.parts import SYMBOLS, Figure
from export.bundle.evaluation import BundleEvaluation
from train.metrics.operating_points import POINT_NAMES


@dataclass(frozen=True)
class Plot:
    """One plot of the panel.

    Attributes:
        caption: HTML that stands above it and says what it shows.
        figure: None where there is nothing to draw; the caption says why.
    """

    caption: str
    figure: Figure | None


def draw_plots(evaluations: Mapping[str, BundleEvaluation], split: str, words: Wording) -> dict[str, Plot]:
    """Draw every figure of `figure_names`."""
    figures = described_plots(evaluations, split, words)
    return {name: Plot(caption_html(plot), plot.figure) for name, plot in figures.items()}


def marks_html(words: Wording, points: Collection[str]) -> str:
    """Which mark on the curves is which of these operating points."""
    items = "".join(
        f"<li><span aria-hidden='true'>{SHAPES[SYMBOLS[point]]}</span> {escape(words(f'operating_point.{point}'))}</li>"
        for point in POINT_NAMES
        if point in points
    )
    return (
        f"<h2>{escape(words('evaluation.curves'))}</h2>"
        f"<div class='marks'><p>{escape(words('evaluation.marks'))}</p><ul>{items}</ul></div>"
    )


def plot_cards_html(plots: Mapping[str, Plot]) -> str:
    """A card for each plot: its caption, and the place where it is drawn."""
    return f"<div class='plot-grid'>{''.join(plot_card(name, plot) for name, plot in plots.items())}</div>"


def plot_card(name: str, plot: Plot) -> str:
    """One card; without a figure it is a caption alone, which says why."""
    place = ""
    if plot.figure is not None:
        height = plot.figure["layout"]["height"]
        place = f"<div class='plot' data-figure='{name}' style='block-size:{height}px'></div>"
    return f"<div class='plot-card {name}'>{plot.caption}{place}</div>"


def caption_html(plot: DescribedPlot) -> str:
    """What stands above a plot: its title, how it is read, what it shows in words."""
    sentences = "".join(f"<li>{escape(sentence)}</li>" for sentence in plot.sentences)
    notices = "".join(f"<p class='notice'>{escape(fault)}</p>" for fault in plot.faults)
    return (
        f"<h3>{escape(plot.title)}</h3><p class='how'>{escape(plot.how)}</p><ul class='told'>{sentences}</ul>{notices}"
    )
