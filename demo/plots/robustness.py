"""What harmless changes of the films do to the share that each network calls right."""

from collections.abc import Mapping, Sequence

from demo.language.catalogue import Wording
from demo.language.colours import NETWORK_COLOURS
from demo.plots.parts import Figure, Json, axis, figure_text, make_figure, numbers
from demo.plots.scores import MARKERS
from export.bundle.robustness import AS_IT_IS, Corruption

ROW = 30  # pixels
ROOM = 100  # pixels, for legend and axis
APART = 0.17  # of a row, from its middle: A above B
_REFERENCE_DASHES = {"a": "2px,3px", "b": "8px,3px,2px,3px"}  # colour is never the only cue
BEYOND = 0.02  # of the axis on either side of the intervals


def robustness_figure(changes: Mapping[str, Sequence[Corruption]], names: Mapping[str, str], words: Wording) -> Figure:
    """A row per change: each network's accuracy with its interval, and a dotted line where it is without a change.

    Args:
        changes: by network, each with an accuracy; those of the first network give the order.
        names: change → what it is called; it has all of them.
        words: of the language.
    """
    rows = {name: row for row, name in enumerate(names)}
    traces: list[Json] = []
    shapes: list[Json] = []
    for network, of_network in changes.items():
        traces.append(_marks(network, of_network, rows, names, words))
        shapes += [_unchanged(network, change.accuracy.value) for change in of_network if change.name == AS_IT_IS]
    found = [change.accuracy for of_network in changes.values() for change in of_network]
    low = min(one.value if one.low is None else one.low for one in found)
    x = axis(
        figure_text(words("evaluation.axis.accuracy"), words), max(low - BEYOND, 0.0), 1 + BEYOND / 2, tickformat=".0%"
    )
    ticks = {"tickvals": list(rows.values()), "ticktext": [figure_text(name, words) for name in names.values()]}
    y = axis("", len(rows) - 0.5, -0.5, **ticks)
    height = {"height": ROOM + ROW * len(rows), "margin": {"l": 108, "r": 14, "t": 8, "b": 48}}
    return make_figure("stress", traces, words, x, y, shapes=shapes, **height)


def _marks(
    network: str, changes: Sequence[Corruption], rows: Mapping[str, int], names: Mapping[str, str], words: Wording
) -> Json:
    colour = NETWORK_COLOURS[network]
    found = [change.accuracy for change in changes]
    above = [0 if one.high is None else one.high - one.value for one in found]
    below = [0 if one.low is None else one.value - one.low for one in found]
    aside = -APART if network == "a" else APART
    bars = {"type": "data", "symmetric": False, "array": numbers(above), "arrayminus": numbers(below)}
    return {
        "type": "scatter",
        "mode": "markers",
        "name": figure_text(words(f"network.{network}"), words),
        "x": numbers([one.value for one in found]),
        "y": numbers([rows[change.name] + aside for change in changes]),
        "error_x": bars | {"color": colour, "thickness": 1.5, "width": 3},
        "marker": {"symbol": MARKERS[network], "size": 8, "color": colour},
        "text": [_hover_text(network, change, names, words) for change in changes],
        "hovertemplate": "%{text}<extra></extra>",
    }


def _hover_text(network: str, change: Corruption, names: Mapping[str, str], words: Wording) -> str:
    lines = [f"<b>{network.upper()}</b> · {figure_text(names[change.name], words)}"]
    shown = (
        (words("evaluation.accuracy"), change.accuracy),
        ("AUROC", change.auroc),
        (words("evaluation.stress.shift"), change.probability_shift),
    )
    lines += [f"{figure_text(name, words)} {metric}" for name, metric in shown if metric is not None]
    return "<br>".join(lines)


def _unchanged(network: str, at: float) -> Json:
    stroke = {"color": NETWORK_COLOURS[network], "width": 1, "dash": _REFERENCE_DASHES[network]}
    return {"type": "line", "layer": "below", "line": stroke, "x0": at, "x1": at, "y0": 0, "y1": 1, "yref": "paper"}
