"""What the sliders change, as HTML: a network's confusion matrix and figures at a threshold and a prevalence.

It is drawn once, and `instrument.js` writes the figures anew: it finds them by the classes and data attributes here.
"""

from html import escape

from demo.evaluation.at_threshold import (
    PREVALENCE_DIGITS,
    THRESHOLD_DIGITS,
    MetricsAtThreshold,
    metrics_at_threshold,
    prevalence_of,
    snapped,
)
from demo.language.catalogue import Wording
from demo.language.numbers import percent
from demo.page.panels.shared import network_head
from demo.plots.described import why_missing
from export.bundle.evaluation import BundleEvaluation
from export.bundle.metric import Metric

INTERVALS = ("sensitivity", "specificity", "f1", "accuracy", "ppv", "npv")


def threshold_html(
    evaluation: BundleEvaluation, split: str, threshold: float, prevalence: float, point: str | None, words: Wording
) -> str:
    """The figures of one network; where it has no scores of the split, one line that says so.

    Args:
        evaluation: of the network.
        split: "validation" or "test".
        threshold: as the slider gives it; within its step of an operating point, that point's own threshold is meant.
        prevalence: likewise, 0..1; within its step of the cohort's, the cohort's own is meant.
        point: the operating point to take where two lie within a step.
        words: of the language.
    """
    name = evaluation.network
    head = f"<h3>{network_head(name, words)}</h3>"
    label = escape(words(f"network.{name}"), quote=True)
    open_section = f"<section class='network {name}' data-network='{name}' aria-label='{label}'>"
    if split not in evaluation.scores:
        notice = escape(why_missing(evaluation, split, words))
        return f"{open_section}{head}<p class='notice'>{notice}</p></section>"
    scores = evaluation.scores[split]
    point = snapped(threshold, evaluation.thresholds, THRESHOLD_DIGITS, point)
    cohort = snapped(prevalence, {"cohort": prevalence_of(scores)}, PREVALENCE_DIGITS) is not None
    figures = metrics_at_threshold(
        scores,
        evaluation.thresholds[point] if point else threshold,
        prevalence_of(scores) if cohort else prevalence,
    )
    key = "evaluation.at_point" if point else "evaluation.at_own"
    named = {"point": words(f"operating_point.{point}")} if point else {}
    at = escape(words(key, threshold=f"{figures.threshold:.3f}", **named))
    return (
        f"{open_section}{head}<p class='at'>{at}</p>"
        f"<div class='live'>{_matrix(evaluation, figures, words)}"
        f"{_figures(evaluation, split, figures, point, cohort, words)}</div>"
        f"<p class='thousand'>{escape(_of_thousand(figures, words))}</p></section>"
    )


def _matrix(evaluation: BundleEvaluation, figures: MetricsAtThreshold, words: Wording) -> str:
    counts = figures.confusion
    caption = words("evaluation.matrix", network=words(f"network.{evaluation.network}"))
    rows = (("pneumonia", ("tp", "right"), ("fn", "wrong")), ("normal", ("fp", "wrong"), ("tn", "right")))
    body = "".join(
        f"<tr><th scope='row'>{escape(words(f'evaluation.{truth}'))}</th>"
        + "".join(f"<td class='{kind}'>{_cell(cell, getattr(counts, cell), words)}</td>" for cell, kind in cells)
        + "</tr>"
        for truth, *cells in rows
    )
    columns = "".join(
        f"<th scope='col'>{escape(words(f'evaluation.{key}'))}</th>"
        for key in ("truth", "called_positive", "called_negative")
    )
    return (
        f"<table class='matrix'><caption>{escape(caption)}</caption>"
        f"<thead><tr>{columns}</tr></thead><tbody>{body}</tbody></table>"
    )


def _cell(cell: str, films: int, words: Wording) -> str:
    unseen = f"<span class='unseen'>{escape(words('evaluation.cell.list'))}</span>"
    return f"<button type='button' data-cell='{cell}'><span class='count'>{films:,}</span> {unseen}</button>"


def _figures(
    evaluation: BundleEvaluation,
    split: str,
    figures: MetricsAtThreshold,
    point: str | None,
    cohort: bool,
    words: Wording,
) -> str:
    counts = figures.confusion
    found = {
        "sensitivity": (words("word.sensitivity"), counts.sensitivity),
        "specificity": (words("word.specificity"), counts.specificity),
        "f1": ("F1", counts.f1),
        "accuracy": (words("evaluation.accuracy"), counts.accuracy),
        "ppv": ("PPV", figures.ppv),
        "npv": ("NPV", figures.npv),
    }
    rows = ""
    for name, (label, value) in found.items():
        if name == "ppv":
            at = words("evaluation.at_prevalence", prevalence=percent(figures.prevalence, words))
            rows += f"</tbody><tbody><tr><th class='group' scope='rowgroup' colspan='3'>{escape(at)}</th></tr>"
        known = cohort or name not in ("ppv", "npv")
        stored = evaluation.measured_at(split, point, name) if point is not None and known else None
        interval = interval_text(stored, words)
        rows += (
            f"<tr class='{name}'><th scope='row'>{escape(label)}</th>"
            f"<td>{escape(percent(value, words))}</td><td class='interval' dir='ltr'>{escape(interval)}</td></tr>"
        )
    caption = words("evaluation.figures", network=words(f"network.{evaluation.network}"))
    columns = "".join(
        f"<th scope='col'>{escape(words(f'evaluation.{key}'))}</th>" for key in ("figure", "value", "interval")
    )
    return (
        f"<table class='figures'><caption>{escape(caption)}</caption>"
        f"<thead><tr>{columns}</tr></thead><tbody>{rows}</tbody></table>"
    )


def interval_text(found: Metric | None, words: Wording) -> str:
    """An interval in percent, plain text; a dash where there is none."""
    if found is None or found.low is None or found.high is None:
        return "–"
    return f"{100 * found.low:.1f}–{percent(found.high, words)}"


def _of_thousand(figures: MetricsAtThreshold, words: Wording) -> str:
    ill = round(1000 * figures.prevalence)
    return words(
        "evaluation.of_thousand",
        prevalence=percent(figures.prevalence, words),
        found=round(ill * figures.confusion.sensitivity),
        ill=ill,
        alarms=round((1000 - ill) * (1 - figures.confusion.specificity)),
        well=1000 - ill,
    )
