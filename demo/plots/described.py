"""The figures of the networks' evaluation, each with its title, how to read it, and its main figures in words."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from demo.evaluation.sorted_scores import averaged_probabilities
from demo.language.catalogue import Wording
from demo.language.numbers import isolated, percent
from demo.plots.curves import f1_figure, precision_recall_figure, roc_figure
from demo.plots.history import history_figure
from demo.plots.net_benefit import net_benefit_figure
from demo.plots.parts import Figure, ScoredNetwork
from demo.plots.scores import histogram_figure, reliability_figure
from export.bundle.evaluation import BundleEvaluation
from export.bundle.metric import Metric
from train.metrics.net_benefit import net_benefit, treat_all
from train.metrics.operating_points import auroc, average_precision
from train.metrics.reliability import BINS, expected_calibration_error

HISTORIES = ("loss", "accuracy")
NET_BENEFIT = "net_benefit"
CURVES: dict[str, Callable[[Sequence[ScoredNetwork], Wording], Figure]] = {
    "roc": roc_figure,
    "pr": precision_recall_figure,
    "f1": f1_figure,
    "reliability": reliability_figure,
}
#: Plain text for plot_parts' SYMBOLS.
SHAPES = {"square": "■", "circle": "●", "triangle-up": "▲", "triangle-down": "▼", "diamond": "◆"}


@dataclass(frozen=True)
class DescribedPlot:
    """One figure and what it shows, in plain text.

    Attributes:
        sentences: its main figures, a sentence a network.
        faults: what is missing and why.
        figure: None where there is nothing to draw; the faults say why.
    """

    title: str
    how: str
    sentences: tuple[str, ...]
    faults: tuple[str, ...]
    figure: Figure | None = field(repr=False)


def figure_names(networks: Sequence[str]) -> tuple[str, ...]:
    """All figures, in their order."""
    return (*CURVES, *(f"histogram_{network}" for network in networks), NET_BENEFIT, *HISTORIES)


def described_plots(
    evaluations: Mapping[str, BundleEvaluation], split: str, words: Wording
) -> dict[str, DescribedPlot]:
    """Every figure of `figure_names`, with the networks that have what it needs."""
    scored = {name: _scored(found, split) for name, found in evaluations.items() if split in found.scores}
    faults = tuple(why_missing(found, split, words) for name, found in evaluations.items() if name not in scored)
    figures = {}
    for name, draw in CURVES.items():
        sentences = tuple(_sentence(name, network, words) for network in scored.values())
        figure = draw(tuple(scored.values()), words) if scored else None
        figures[name] = _figure(name, words, sentences, faults, figure)
    for name, found in evaluations.items():
        title = words("evaluation.histogram.title", network=words(f"network.{name}"))
        how = words("evaluation.histogram.how")
        if name in scored:
            sentences, figure = (_errors(scored[name], words),), histogram_figure(scored[name], words)
            figures[f"histogram_{name}"] = DescribedPlot(title, how, sentences, (), figure)
        else:
            figures[f"histogram_{name}"] = DescribedPlot(title, how, (), (why_missing(found, split, words),), None)
    sentences = tuple(_benefit(network, words) for network in scored.values())
    average = averaged_probabilities(evaluations, split)
    figure = net_benefit_figure(tuple(scored.values()), average, words) if scored else None
    figures[NET_BENEFIT] = _figure(NET_BENEFIT, words, sentences, faults, figure)
    return figures | {name: _history(name, evaluations, words) for name in HISTORIES}


def why_missing(evaluation: BundleEvaluation, split: str, words: Wording) -> str:
    """Why a network has no scores of a split."""
    network = words(f"network.{evaluation.network}")
    if "scores.csv" in evaluation.broken:
        return words("evaluation.broken", file="scores.csv", network=network)
    if split == "test" and evaluation.card.metrics.test is None:
        return words("evaluation.unread", network=network)
    return words("evaluation.no_films", network=network)


def _figure(
    name: str, words: Wording, sentences: tuple[str, ...], faults: tuple[str, ...], figure: Figure | None
) -> DescribedPlot:
    return DescribedPlot(words(f"evaluation.{name}.title"), words(f"evaluation.{name}.how"), sentences, faults, figure)


def _scored(evaluation: BundleEvaluation, split: str) -> ScoredNetwork:
    scores = evaluation.scores[split]
    area = evaluation.measured(split, "auroc") or Metric(auroc(scores.labels, scores.probabilities))
    precision = evaluation.measured(split, "average_precision") or Metric(
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


def _history(name: str, evaluations: Mapping[str, BundleEvaluation], words: Wording) -> DescribedPlot:
    histories = {
        network: evaluation.history
        for network, evaluation in evaluations.items()
        if any(name in epoch.figures for epoch in evaluation.history)
    }
    faults = tuple(
        words("evaluation.broken", file="history.csv", network=words(f"network.{network}"))
        for network in evaluations
        if network not in histories
    )
    sentences = []
    for network, epochs in histories.items():
        known = [epoch for epoch in epochs if f"val_{name}" in epoch.figures]
        if known:
            best = (min if name == "loss" else max)(known, key=lambda epoch: epoch.figures[f"val_{name}"])
            value = best.figures[f"val_{name}"]
            shown = f"{value:.3f}" if name == "loss" else percent(value, words)
            sentences.append(
                words(f"evaluation.{name}.figure", network=network.upper(), value=shown, epoch=best.number)
            )
    figure = history_figure(name, histories, words) if histories else None
    return _figure(name, words, tuple(sentences), faults, figure)


def _sentence(name: str, scored: ScoredNetwork, words: Wording) -> str:
    if name == "reliability":
        error = expected_calibration_error(scored.labels, scored.probabilities)
        values = {"points": f"{100 * error:.1f}", "bins": BINS}
    elif name == "f1":
        values = {
            "value": percent(scored.at(scored.point).f1, words),
            "threshold": f"{scored.thresholds[scored.point]:.3f}",
        }
    else:
        values = {"value": isolated(str(scored.auroc if name == "roc" else scored.average_precision), words)}
    return words(f"evaluation.{name}.figure", network=scored.name, **values)


def _benefit(scored: ScoredNetwork, words: Wording) -> str:
    threshold = scored.thresholds[scored.point]
    if not 0 <= threshold < 1:  # no odds to weigh by
        return words("evaluation.net_benefit.unknown", network=scored.name)
    return words(
        "evaluation.net_benefit.figure",
        network=scored.name,
        value=_signed(net_benefit(scored.labels, scored.probabilities, threshold)[0], words),
        threshold=f"{threshold:.3f}",
        all=_signed(treat_all(threshold, scored.prevalence)[0], words),
    )


def _signed(value: float, words: Wording) -> str:
    return isolated(f"{value:.3f}".replace("-", "−"), words)


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
