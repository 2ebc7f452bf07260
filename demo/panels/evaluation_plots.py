"""The plots of the Evaluation panel: each with its title, how to read it, and its main figure in words."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from demo.bundle_evaluation import BundleEvaluation
from demo.figures.curve_figures import f1_figure, precision_recall_figure, roc_figure
from demo.figures.history_figures import history_figure
from demo.figures.plot_parts import SYMBOLS, Figure, ScoredNetwork, with_interval
from demo.figures.score_figures import histogram_figure, reliability_figure
from demo.measured import Measured
from demo.panels.threshold_table import percent, why_missing
from demo.reliability import BINS, reliability
from demo.wording import Wording
from train.operating_points import OPERATING_POINTS, auroc, average_precision

HISTORY_PLOTS = ("loss", "accuracy")
CURVE_PLOTS: dict[str, Callable[[Sequence[ScoredNetwork], Wording], Figure]] = {
    "roc": roc_figure,
    "pr": precision_recall_figure,
    "f1": f1_figure,
    "reliability": reliability_figure,
}
SHAPES = {"square": "■", "circle": "●", "triangle-up": "▲", "triangle-down": "▼"}


@dataclass(frozen=True)
class Plot:
    """One plot of the panel.

    Attributes:
        caption: HTML that stands above it and says what it shows.
        figure: None where there is nothing to draw; the caption says why.
    """

    caption: str
    figure: Figure | None


def plot_names(networks: Sequence[str]) -> tuple[str, ...]:
    """All plots of the panel, in their order."""
    return (*HISTORY_PLOTS, *CURVE_PLOTS, *(f"histogram_{network}" for network in networks))


def draw_plots(evaluations: Mapping[str, BundleEvaluation], split: str, words: Wording) -> dict[str, Plot]:
    """Draw every plot of `plot_names`, with the networks that have what it needs."""
    scored = {
        name: _scored(evaluation, split) for name, evaluation in evaluations.items() if split in evaluation.scores
    }
    faults = [why_missing(evaluation, split, words) for name, evaluation in evaluations.items() if name not in scored]
    plots = {name: _history_plot(name, evaluations, words) for name in HISTORY_PLOTS}
    for name, draw in CURVE_PLOTS.items():
        told = [_told(name, network, words) for network in scored.values()]
        figure = draw(tuple(scored.values()), words) if scored else None
        plots[name] = Plot(_caption(name, words, told, faults), figure)
    for network, evaluation in evaluations.items():
        title = words("evaluation.histogram.title", network=words(f"network.{network}"))
        if network in scored:
            told, figure = [_errors(scored[network], words)], histogram_figure(scored[network], words)
            plots[f"histogram_{network}"] = Plot(_caption("histogram", words, told, [], title), figure)
        else:
            fault = [why_missing(evaluation, split, words)]
            plots[f"histogram_{network}"] = Plot(_caption("histogram", words, [], fault, title), None)
    return plots


def marks_html(words: Wording) -> str:
    """Which mark on the curves is which operating point."""
    items = "".join(
        f"<li><span aria-hidden='true'>{SHAPES[SYMBOLS[point]]}</span> {escape(words(f'operating_point.{point}'))}</li>"
        for point in OPERATING_POINTS
    )
    return (
        f"<h2>{escape(words('evaluation.curves'))}</h2>"
        f"<div class='marks'><p>{escape(words('evaluation.marks'))}</p><ul>{items}</ul></div>"
    )


def _scored(evaluation: BundleEvaluation, split: str) -> ScoredNetwork:
    scores = evaluation.scores[split]
    area = evaluation.measured(split, "auroc") or Measured(auroc(scores.labels, scores.probabilities))
    precision = evaluation.measured(split, "average_precision") or Measured(
        average_precision(scores.labels, scores.probabilities)
    )
    return ScoredNetwork(
        evaluation.network,
        scores.labels,
        scores.probabilities,
        evaluation.thresholds,
        evaluation.card.default_operating_point,
        area,
        precision,
    )


def _history_plot(name: str, evaluations: Mapping[str, BundleEvaluation], words: Wording) -> Plot:
    histories = {
        network: evaluation.history
        for network, evaluation in evaluations.items()
        if any(name in epoch.figures for epoch in evaluation.history)
    }
    faults = [
        words("evaluation.broken", file="history.csv", network=words(f"network.{network}"))
        for network in evaluations
        if network not in histories
    ]
    told = []
    for network, epochs in histories.items():
        known = [epoch for epoch in epochs if f"val_{name}" in epoch.figures]
        if known:
            best = (min if name == "loss" else max)(known, key=lambda epoch: epoch.figures[f"val_{name}"])
            value = best.figures[f"val_{name}"]
            shown = f"{value:.3f}" if name == "loss" else percent(value, words)
            told.append(words(f"evaluation.{name}.figure", network=network.upper(), value=shown, epoch=best.number))
    figure = history_figure(name, histories, words) if histories else None
    return Plot(_caption(name, words, told, faults), figure)


def _told(name: str, scored: ScoredNetwork, words: Wording) -> str:
    if name == "reliability":
        error = reliability(scored.labels, scored.probabilities).expected_calibration_error
        values = {"points": f"{100 * error:.1f}", "bins": BINS}
    elif name == "f1":
        values = {
            "value": percent(scored.at(scored.point).f1, words),
            "threshold": f"{scored.thresholds[scored.point]:.3f}",
        }
    else:
        values = {"value": with_interval(scored.auroc if name == "roc" else scored.average_precision)}
    return words(f"evaluation.{name}.figure", network=scored.name, **values)


def _errors(scored: ScoredNetwork, words: Wording) -> str:
    counts = scored.at(scored.point)
    return words(
        "evaluation.histogram.figure",
        threshold=f"{scored.thresholds[scored.point]:.3f}",
        missed=counts.fn,
        ill=counts.tp + counts.fn,
        alarms=counts.fp,
        well=counts.fp + counts.tn,
    )


def _caption(name: str, words: Wording, told: Sequence[str], faults: Sequence[str], title: str | None = None) -> str:
    title = title or words(f"evaluation.{name}.title")
    sentences = "".join(f"<li>{escape(sentence)}</li>" for sentence in told)
    notices = "".join(f"<p class='notice'>{escape(fault)}</p>" for fault in faults)
    return (
        f"<h3>{escape(title)}</h3><p class='how'>{escape(words(f'evaluation.{name}.how'))}</p>"
        f"<ul class='told'>{sentences}</ul>{notices}"
    )
