"""A figure as Gradio's plot takes it, made without the plotly package."""

import json

import gradio as gr
from gradio.components.plot import PlotData

from demo.plots.parts import Figure


def plot_update(figure: Figure | None) -> dict:
    """Show a figure; None hides the plot."""
    if figure is None:
        return gr.update(value=None, visible=False)
    return gr.update(value=plot_data(figure), visible=True)


def plot_data(figure: Figure) -> PlotData:
    """A figure as `gr.Plot` takes it."""
    return PlotData(type="plotly", plot=json.dumps(figure, separators=(",", ":"), ensure_ascii=False, allow_nan=False))
