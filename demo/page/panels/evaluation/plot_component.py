"""A figure as Gradio's plot takes it, made without the plotly package."""

import json

from gradio.components.plot import PlotData

from demo.plots.parts import Figure


def plot_data(figure: Figure) -> PlotData:
    """A figure as `gr.Plot` takes it."""
    return PlotData(type="plotly", plot=json.dumps(figure, separators=(",", ":"), ensure_ascii=False, allow_nan=False))
