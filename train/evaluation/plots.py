"""Pictures of an evaluation and of a training: ROC, precision-recall, F1 against threshold, history.

Drawn on Figure objects of their own with the Agg canvas: no pyplot, no global state, no display.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from train.common.atomic import replace_file
from train.common.errors import PneumoscopeError
from train.metrics.operating_points import POINT_NAMES

# Okabe & Ito's colours (Color Universal Design, 2008): told apart under every common colour vision.
COLOURS = {"train": "#8a8a8a", "validation": "#0072b2", "test": "#d55e00", "external": "#009e73"}
MARKERS = {"f1": "s", "youden": "o", "sensitivity_95": "^", "specificity_95": "v", "half": "D"}
NAMES = {
    "f1": "best F1",
    "youden": "Youden",
    "sensitivity_95": "sensitivity ≥ 0.95",
    "specificity_95": "specificity ≥ 0.95",
    "half": "0.5",
}
INK, FAINT = "#333333", "#d9d9d9"
DOTS_PER_INCH = 150

Json = Mapping[str, Any]


def plot_curves(evaluation: Json, folder: Path, history: Sequence[Mapping[str, object]] = ()) -> list[Path]:
    """Write roc.png, precision_recall.png and f1_threshold.png, and history.png where there is a history.

    Args:
        evaluation: as `train.evaluation.evaluation` makes it; test is drawn too where it is there. Operating points are
            the thresholds frozen on validation, on each split's curve.
        folder: made where missing.
        history: rows of history.csv, see `train.runs.finished.read_history`.

    Returns:
        The files written, each atomically.
    """
    splits = {split: evaluation[split] for split in ("validation", "test") if evaluation.get(split)}
    title = f"Network {str(evaluation['network']).upper()}"
    figures = {
        "roc.png": _roc(splits, title),
        "precision_recall.png": _precision_recall(splits, title),
        "f1_threshold.png": _f1(splits, title),
    }
    if history:
        figures["history.png"] = _history(history, title)
    for name, figure in figures.items():
        with replace_file(folder / name) as temporary:
            figure.savefig(temporary, dpi=DOTS_PER_INCH)
    return [folder / name for name in figures]


def plot_robustness(stress: Json, path: Path) -> None:
    """Write a picture of stress.json: balanced accuracy, AUROC and mean |Δp| under each change, with intervals."""
    splits = {split: stress[split] for split in ("validation", "test", "external") if stress.get(split)}
    names = list(next(iter(splits.values()))["changes"])
    figure = _figure((9.6, 1.4 + 0.34 * len(names)))
    measures = {"balanced_accuracy": "balanced accuracy", "auroc": "AUROC", "probability_shift": "mean |Δp|"}
    for axes, (key, label) in zip(figure.subplots(1, 3, sharey=True), measures.items(), strict=True):
        _plain(axes)
        axes.set_xlabel(label, color=INK)
        for number, (split, part) in enumerate(splits.items()):
            rows = [part["changes"][name][key] for name in names]
            values = [row["value"] for row in rows]
            errors = [[row["value"] - row["low"] for row in rows], [row["high"] - row["value"] for row in rows]]
            places = [place + 0.22 * number for place in range(len(names))]
            axes.errorbar(values, places, xerr=errors, fmt="o", color=COLOURS[split], markersize=4, linewidth=1.2)
            axes.axvline(values[0], color=COLOURS[split], linewidth=0.8, linestyle=(0, (4, 3)))
    axes = figure.axes[0]
    axes.set_yticks(range(len(names)), [next(iter(splits.values()))["changes"][name]["what"] for name in names])
    axes.invert_yaxis()
    figure.suptitle(f"Network {str(stress['network']).upper()}: films changed", x=0.01, ha="left", color=INK)
    handles = [Line2D([], [], color=COLOURS[split], marker="o", label=split) for split in splits]
    figure.axes[2].legend(handles=handles, loc="lower right", fontsize=8.5, edgecolor=FAINT)
    with replace_file(path) as temporary:
        figure.savefig(temporary, dpi=DOTS_PER_INCH)


def _roc(splits: Json, title: str) -> Figure:
    figure, axes = _square(f"{title}: ROC", "false positive rate (1 − specificity)", "sensitivity")
    axes.plot([0, 1], [0, 1], color=FAINT, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
    areas = [axes]
    if all(part["metrics"]["auroc"]["value"] >= 0.9 for part in splits.values()):
        areas.append(_magnified(axes, (0.43, 0.355, 0.54, 0.42), (-0.01, 0.4), (0.75, 1.01)))
    for split, part in splits.items():
        curve = part["curves"]["roc"]
        for area in areas:
            area.plot(curve["false_positive_rate"], curve["sensitivity"], color=COLOURS[split], linewidth=1.8)
            for name, point in part["metrics"]["operating_points"].items():
                _mark(area, name, split, 1 - point["specificity"]["value"], point["sensitivity"]["value"])
    _legend(axes, _split_handles(splits, "AUROC", "auroc"), "right")
    return figure


def _precision_recall(splits: Json, title: str) -> Figure:
    figure, axes = _square(f"{title}: precision and recall", "recall (sensitivity)", "precision (PPV)")
    lowest = 1.0
    for split, part in splits.items():
        curve, prevalence = part["curves"]["precision_recall"], part["metrics"]["prevalence"]
        axes.plot(curve["recall"], curve["precision"], color=COLOURS[split], linewidth=1.8)
        axes.axhline(prevalence, color=COLOURS[split], linewidth=1, linestyle=(0, (4, 3)), alpha=0.6)
        axes.annotate(
            f"{prevalence:.0%} of the {split} films are pneumonia",
            (0.01, prevalence),
            xytext=(0, 3),
            textcoords="offset points",
            fontsize=8,
            color=COLOURS[split],
        )
        for name, point in part["metrics"]["operating_points"].items():
            if point["ppv"]["value"] is not None:
                _mark(axes, name, split, point["sensitivity"]["value"], point["ppv"]["value"])
        lowest = min(lowest, prevalence, *curve["precision"])
    _room_below(axes, lowest)
    _legend(axes, _split_handles(splits, "AP", "average_precision"), "left")
    return figure


def _f1(splits: Json, title: str) -> Figure:
    figure, axes = _square(f"{title}: F1 against threshold", "threshold on the probability", "F1")
    handles = []
    lowest = 1.0
    for split, part in splits.items():
        curve, metrics = part["curves"]["f1"], part["metrics"]
        # Below the lowest score every film is positive, so F1 stays what it is there.
        thresholds, f1 = [*curve["thresholds"], 0.0], [*curve["f1"], curve["f1"][-1]]
        axes.plot(thresholds, f1, color=COLOURS[split], linewidth=1.8)
        for name, point in metrics["operating_points"].items():
            _mark(axes, name, split, point["threshold"], point["f1"]["value"])
        best = metrics["as_report"]["f1_maximum"]
        axes.plot(
            best["threshold"], best["value"], "x", color=COLOURS[split], markersize=8, markeredgewidth=2, zorder=6
        )
        label = f"{split}: maximum F1 {best['value']:.3f} at {best['threshold']:.2f}"
        handles.append(Line2D([], [], color=COLOURS[split], marker="x", markeredgewidth=2, label=label))
        lowest = min(lowest, f1[-1], *(point["f1"]["value"] for point in metrics["operating_points"].values()))
    _room_below(axes, lowest)
    axes.axvline(0.5, color=FAINT, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
    _legend(axes, handles, "left")
    return figure


def _history(rows: Sequence[Mapping[str, object]], title: str) -> Figure:
    figure = _figure((7.6, 7.2))
    panels = figure.subplots(3, 1, sharex=True, height_ratios=(3, 3, 1.4))
    for axes, measure in zip(panels, ("loss", "accuracy", "learning_rate"), strict=True):
        _plain(axes, ylabel=measure.replace("_", " "))
        for prefix, split in (("", "train"), ("val_", "validation")):
            values = _column(rows, prefix + measure)
            if any(map(math.isfinite, values)):
                colour = COLOURS[split] if measure != "learning_rate" else INK
                axes.plot(range(1, len(rows) + 1), values, ".-", color=colour, linewidth=1.6, markersize=5)
        _stages(axes, rows, labelled=measure == "loss")
    _log_where_wide(panels[0], [*_column(rows, "loss"), *_column(rows, "val_loss")], ratio=30)
    _log_where_wide(panels[2], _column(rows, "learning_rate"), ratio=1)
    handles = [
        Line2D([], [], color=COLOURS["train"], marker=".", label="training"),
        Line2D([], [], color=COLOURS["validation"], marker=".", label="validation"),
    ]
    val_loss = _column(rows, "val_loss")
    if any(map(math.isfinite, val_loss)):
        best = min(range(len(rows)), key=lambda row: (not math.isfinite(val_loss[row]), val_loss[row]))
        for axes in panels[:2]:
            axes.axvline(best + 1, color=COLOURS["validation"], linewidth=1, linestyle=":")
        handles.append(
            Line2D(
                [], [], color=COLOURS["validation"], linestyle=":", label=f"lowest validation loss: epoch {best + 1}"
            )
        )
    panels[1].legend(handles=handles, loc="lower right", fontsize=8.5, frameon=True, edgecolor=FAINT)
    panels[2].set_xlabel("epoch", color=INK)
    panels[2].set_xlim(0.4, len(rows) + 0.6)
    panels[2].xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    panels[0].set_title(f"{title}: training", loc="left", fontsize=13, color=INK, pad=20)
    return figure


def _stages(axes: Axes, rows: Sequence[Mapping[str, object]], labelled: bool) -> None:
    """A line before the first epoch of every further stage, and the stages' names above the panel."""
    names = [str(row["stage"]) for row in rows]
    starts = [row for row in range(len(names)) if row == 0 or names[row] != names[row - 1]]
    for start in starts:
        if start:
            axes.axvline(start + 0.5, color=INK, linewidth=0.8)
        if labelled and len(starts) > 1:
            label = names[start].replace("_", " ")
            place = axes.get_xaxis_transform()
            axes.text(start + 0.6, 1.02, label, transform=place, fontsize=9, color=INK, va="bottom")


def _column(rows: Sequence[Mapping[str, object]], name: str) -> list[float]:
    """A column as numbers; NaN where a row has none."""
    cells = [str(row.get(name, "")) for row in rows]
    try:
        return [float(cell) if cell not in ("", "None") else math.nan for cell in cells]
    except ValueError:
        raise PneumoscopeError(f"the history's column {name} must hold numbers. Received: {cells}") from None


def _log_where_wide(axes: Axes, values: Sequence[float], ratio: float) -> None:
    positive = [value for value in values if math.isfinite(value) and value > 0]
    if positive and max(positive) > ratio * min(positive):
        axes.set_yscale("log")


def _figure(size: tuple[float, float]) -> Figure:
    figure = Figure(figsize=size, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def _square(title: str, xlabel: str, ylabel: str) -> tuple[Figure, Axes]:
    figure = _figure((6.8, 6.2))
    axes = figure.subplots()
    _plain(axes, ylabel)
    axes.set_xlabel(xlabel, color=INK)
    axes.set_title(title, loc="left", fontsize=13, color=INK, pad=10)
    axes.set_xlim(-0.015, 1.015)
    axes.set_ylim(-0.015, 1.015)
    return figure, axes


def _plain(axes: Axes, ylabel: str = "") -> None:
    axes.set_ylabel(ylabel, color=INK)
    axes.grid(color=FAINT, linewidth=0.5)
    axes.set_axisbelow(True)
    axes.tick_params(colors=INK, labelsize=9, length=0, which="both")
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)


def _magnified(
    axes: Axes, place: tuple[float, float, float, float], across: tuple[float, float], up: tuple[float, float]
) -> Axes:
    """An inset that repeats a part of the axes larger."""
    inset = axes.inset_axes(place, xlim=across, ylim=up)
    _plain(inset)
    inset.tick_params(labelsize=8)
    inset.spines[:].set(visible=True, color=FAINT)
    inset.set_yticks([tick for tick in inset.get_yticks() if up[0] < tick <= 1])
    frame = axes.indicate_inset_zoom(inset, edgecolor=INK, alpha=0.35)
    for connector in frame.connectors or ():
        connector.set_visible(False)
    return inset


def _mark(axes: Axes, name: str, split: str, x: float, y: float) -> None:
    # Hollow, because two operating points are often one and the same cut: all shapes stay visible.
    axes.plot(x, y, color=COLOURS[split], zorder=5, **_marker(name))


def _marker(name: str) -> dict[str, Any]:
    size = 10 if name in ("f1", "youden") else 8
    return {"marker": MARKERS[name], "markersize": size, "fillstyle": "none", "markeredgewidth": 1.6, "linestyle": ""}


def _split_handles(splits: Json, measure: str, key: str) -> list[Line2D]:
    handles = []
    for split, part in splits.items():
        area, n = part["metrics"][key], part["metrics"]["n"]
        label = f"{split}: {measure} {area['value']:.3f} ({area['low']:.3f}–{area['high']:.3f}), {n:,} films"
        handles.append(Line2D([], [], color=COLOURS[split], linewidth=1.8, label=label))
    return handles


def _legend(axes: Axes, handles: Sequence[Line2D], side: str) -> None:
    """The splits in one legend and below it the operating points, in the lower left or lower right corner."""
    points = [
        Line2D([], [], color="#777777", label=NAMES[name], **_marker(name) | {"markersize": 7}) for name in POINT_NAMES
    ]
    x = 0.015 if side == "left" else 0.985
    style: dict[str, Any] = {"loc": f"lower {side}", "fontsize": 8.5, "edgecolor": FAINT, "framealpha": 0.95}
    axes.add_artist(axes.legend(handles=handles, bbox_to_anchor=(x, 0.145), borderaxespad=0, **style))
    axes.legend(
        handles=points,
        bbox_to_anchor=(x, 0.015),
        borderaxespad=0,
        ncols=3,
        title="thresholds chosen on validation",
        title_fontsize=8.5,
        alignment="left",
        **style,
    )


def _room_below(axes: Axes, lowest: float) -> None:
    """Let the vertical axis begin so far below the lowest value shown that the legends find room there."""
    bottom = max(0.0, math.floor((lowest - 0.34) / 0.66 * 20) / 20)
    axes.set_ylim(bottom, 1 + 0.02 * (1 - bottom))
