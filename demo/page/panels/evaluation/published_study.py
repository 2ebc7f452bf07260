"""The report's figures beside ours, as an HTML table."""

from collections.abc import Iterator, Mapping
from html import escape

from demo.evaluation.published import Published, published
from demo.evaluation.track_record import QUOTED_SPLITS
from demo.language.catalogue import Wording
from demo.language.numbers import percent
from demo.page.panels.shared import network_head
from export.bundle.evaluation import BundleEvaluation
from export.bundle.metric import Metric

COLUMNS = ("auroc", "accuracy", "sensitivity", "specificity", "f1")

Cells = dict[str, str]  # HTML by column


def report_html(evaluations: Mapping[str, BundleEvaluation], words: Wording) -> str:
    """Each network at its default operating point on validation and test, as the report counts, and as published.

    A figure that a bundle does not have is a dash; a row of nothing but dashes is left out.
    """
    names = {"auroc": "AUROC", "f1": "F1", "accuracy": words("evaluation.accuracy")}
    names |= {key: words(f"word.{key}") for key in ("sensitivity", "specificity")}
    columns = "".join(f"<th scope='col'>{escape(names[column])}</th>" for column in COLUMNS)
    body = ""
    for network, evaluation in evaluations.items():
        rows = [*_ours(evaluation, words), *_published(network, words)]
        lines = "".join(_row(title, cells) for title, cells in rows if cells)
        head = f"<tr><th scope='rowgroup' colspan='{len(COLUMNS) + 1}'>{network_head(network, words)}</th></tr>"
        body += f"<tbody class='network-rows {network}'>{head}{lines}</tbody>"
    broken = "".join(
        f"<p class='notice'>{escape(_broken(evaluation, words))}</p>"
        for evaluation in evaluations.values()
        if "evaluation.json" in evaluation.broken
    )
    caption = escape(words("evaluation.report.caption"))
    return (
        f"<h2>{escape(words('evaluation.report'))}</h2><p class='how'>{escape(words('evaluation.report.how'))}</p>"
        f"{broken}<div class='wide' role='region' tabindex='0' aria-label='{caption}'>"
        f"<table class='report-table'><caption>{caption}</caption>"
        f"<thead><tr><th scope='col'>{escape(words('evaluation.report.row'))}</th>{columns}</tr></thead>{body}"
        "</table></div>"
    )


def _ours(evaluation: BundleEvaluation, words: Wording) -> Iterator[tuple[str, Cells]]:
    point = evaluation.card.default_operating_point
    threshold = evaluation.thresholds[point]
    for split in QUOTED_SPLITS:
        found = {name: evaluation.measured_at(split, point, name) for name in COLUMNS}
        found["auroc"] = evaluation.measured(split, "auroc")
        cells = {name: _cell(value, words, name) for name, value in found.items() if value is not None}
        title = words("evaluation.report.ours", split=words(f"word.{split}"))
        at = words("evaluation.at_point", threshold=f"{threshold:.3f}", point=words(f"operating_point.{point}"))
        yield f"{escape(title)}<small>{escape(at)}</small>", cells
    counted = evaluation.as_report("test")
    if counted is not None:
        accuracy, f1, highest_at = counted
        cells = {"accuracy": _cell(accuracy, words, "accuracy", 0.5), "f1": _cell(f1, words, "f1", highest_at)}
        yield escape(words("evaluation.report.as_report", split=words("word.test"))), cells


def _published(network: str, words: Wording) -> Iterator[tuple[str, Cells]]:
    for row in published():
        if row.network == network:
            key = "published_head" if row.stage == "head" else "published"
            yield escape(words(f"evaluation.report.{key}")), _published_cells(row, words)


def _published_cells(row: Published, words: Wording) -> Cells:
    cells = {"accuracy": _cell(Metric(row.accuracy), words, "accuracy", 0.5)}
    if row.f1 is not None:
        cells["f1"] = _cell(Metric(row.f1), words, "f1", row.threshold)
    return cells


def _cell(found: Metric, words: Wording, column: str, threshold: float | None = None) -> str:
    plain = column == "auroc"  # an area, not a share of films
    lines = [f"{found.value:.3f}" if plain else escape(percent(found.value, words))]
    if found.low is not None and found.high is not None:
        ends = (found.low, found.high)
        low, high = (f"{end:.3f}" if plain else f"{100 * end:.1f}" for end in ends)
        lines.append(f"<small><bdi dir='ltr'>{low}–{high}</bdi></small>")
    if threshold is not None:
        lines.append(f"<small>{escape(words('evaluation.report.at', threshold=f'{threshold:.3g}'))}</small>")
    return "".join(lines)


def _row(title: str, cells: Cells) -> str:
    values = "".join(f"<td>{cells.get(column, '–')}</td>" for column in COLUMNS)
    return f"<tr><th scope='row'>{title}</th>{values}</tr>"


def _broken(evaluation: BundleEvaluation, words: Wording) -> str:
    network = words(f"network.{evaluation.network}")
    return words("evaluation.broken", file="evaluation.json", network=network)
