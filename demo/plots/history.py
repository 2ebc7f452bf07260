"""How the training went: a figure of every epoch of all stages, both networks in one plot."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

from demo.language.catalogue import Wording
from demo.language.colours import NETWORK_COLOURS
from demo.plots.parts import Figure, Json, axis, figure_text, line, make_figure, numbers
from demo.plots.scores import MARKERS
from export.bundle.evaluation import Epoch

KNOWN_STAGES = ("train", "head", "fine_tune")


def history_figure(name: str, histories: Mapping[str, Sequence[Epoch]], words: Wording) -> Figure:
    """Draw "loss" or "accuracy" of training (open marks) and of validation (filled marks).

    Args:
        name: a figure of `Epoch`; that of validation is `val_<name>`.
        histories: by network, each with at least one epoch.
        words: for axes and legend.
    """
    traces: list[Json] = []
    shapes: list[Json] = []
    notes: list[Json] = []
    for row, (network, epochs) in enumerate(histories.items()):
        for key, label in ((f"val_{name}", words("word.validation")), (name, words("evaluation.training"))):
            traces.append(_curve(network, epochs, key, figure_text(label, words), name, words))
        for before, after in pairwise(epochs):
            if after.stage != before.stage:
                border = (before.number + after.number) / 2
                shapes.append(_border(border, network))
                notes.append(_note(border, network, after.stage, row, words))
    last = max(epoch.number for epochs in histories.values() for epoch in epochs)
    x = axis(figure_text(words("evaluation.axis.epoch"), words), 0.7, last + 0.3, dtick=max(1, round(last / 10)))
    y = axis(figure_text(words(f"evaluation.axis.{name}"), words), **_scale(name))
    return make_figure(f"training-{name}", traces, words, x, y, shapes=shapes, annotations=notes)


def stage_name(stage: str, words: Wording) -> str:
    """A stage of training in words; one that is not known keeps its name."""
    return words(f"evaluation.stage.{stage}") if stage in KNOWN_STAGES else stage


def _curve(network: str, epochs: Sequence[Epoch], key: str, label: str, name: str, words: Wording) -> Json:
    known = [epoch for epoch in epochs if key in epoch.figures]
    filled = key.startswith("val_")
    letter = network.upper()
    value = "%{y:.1%}" if name == "accuracy" else "%{y:.4f}"
    epoch_label = figure_text(words("evaluation.axis.epoch"), words)
    hover = f"<b>{letter}</b> · {label}<br>{epoch_label} %{{x}}<br>{value}<br>%{{text}}"
    look = {"symbol": MARKERS[network] + ("" if filled else "-open"), "size": 8 if filled else 6}
    found = line(
        network,
        [epoch.number for epoch in known],
        [epoch.figures[key] for epoch in known],
        f"{letter}: {label}",
        hover,
        mode="lines+markers",
        marker=look | {"color": NETWORK_COLOURS[network]},
        text=[_hover_text(epoch, words) for epoch in known],
    )
    return found if filled else found | {"line": found["line"] | {"width": 1.2}, "opacity": 0.75}


def _hover_text(epoch: Epoch, words: Wording) -> str:
    lines = [figure_text(stage_name(epoch.stage, words), words)]
    if "val_auroc" in epoch.figures:
        lines.append(f"AUROC {epoch.figures['val_auroc']:.3f}")
    if "learning_rate" in epoch.figures:
        rate = figure_text(words("evaluation.learning_rate"), words)
        lines.append(f"{rate} {epoch.figures['learning_rate']:.2g}")
    return "<br>".join(lines)


def _border(at: float, network: str) -> Json:
    stroke = {"color": NETWORK_COLOURS[network], "width": 1, "dash": "2px,3px"}
    return {"type": "line", "line": stroke, "x0": at, "x1": at, "y0": 0, "y1": 1, "yref": "paper"}


def _note(at: float, network: str, stage: str, row: int, words: Wording) -> Json:
    label = words("evaluation.stage.starts", network=network.upper(), stage=stage_name(stage, words))
    place = {"x": numbers(at), "y": 1 - 0.08 * row, "yref": "paper", "xanchor": "left", "yanchor": "top"}
    return place | {"text": figure_text(f"{label} →", words), "showarrow": False, "font": {"size": 11}}


def _scale(name: str) -> Json:
    return {"tickformat": ".0%"} if name == "accuracy" else {"rangemode": "tozero"}
