"""A against B on the same films, as HTML: who calls what, what each gets right, and how far they are apart."""

from collections.abc import Mapping
from html import escape
from typing import Any

from demo.language.catalogue import Wording
from demo.language.glossary import explained
from demo.page.panels.tables import figure_cell, p_value, wide_table
from export.bundle.evaluation import BundleEvaluation
from export.bundle.metric import Metric, measured
from export.bundle.metric_text import number

FIGURES = ("accuracy", "sensitivity", "specificity")
PREDICTIONS = ("both_positive", "only_first_positive", "only_second_positive", "both_negative")
Json = Mapping[str, Any]


def against_html(
    comparison: Json | None, evaluations: Mapping[str, BundleEvaluation], split: str, point: str, words: Wording
) -> str:
    """Both networks at one operating point; "" where the bundles hold no comparison on the films of this split.

    Args:
        comparison: as `export.bundle.comparison.read_comparison` gives it.
        evaluations: of A and B.
        split: "validation" or "test".
        point: the operating point of both.
        words: of the language.
    """
    films = _entry(comparison, split)
    at = _entry(films, "operating_points", point)
    predictions = [number(at, "agreement", name) for name in PREDICTIONS]
    if films is None or at is None or None in predictions:
        return ""
    both, only_a, only_b, neither = (int(count or 0) for count in predictions)
    counts = {"films": f"{both + only_a + only_b + neither:,}", "differ": f"{only_a + only_b:,}"}
    lines = [words("evaluation.against.differ", **counts), *_right(at, words)]
    rows = [("positive", both, only_a), ("negative", only_b, neither)]
    body = "".join(
        f"<tr><th scope='row'>{escape(words(f'evaluation.against.a_{name}'))}</th>"
        f"<td>{first:,}</td><td>{second:,}</td></tr>"
        for name, first, second in rows
    )
    columns = [escape(words(f"evaluation.against.{name}")) for name in ("films", "b_positive", "b_negative")]
    agreement = wide_table("agreement-table", words("evaluation.against.agreement"), columns, f"<tbody>{body}</tbody>")
    told = "".join(f"<li>{escape(line)}</li>" for line in lines)
    how = words("evaluation.against.how", point=words(f"operating_point.{point}"), split=words(f"word.{split}"))
    return (
        f"<h2>{escape(words('evaluation.against'))}</h2><p class='how'>{escape(how)}</p><ul class='told'>{told}</ul>"
        f"<div class='pair'>{agreement}{_differences(comparison, evaluations, split, point, words)}</div>"
        f"<p class='how'>{explained('mcnemar', words)}: {escape(words('glossary.mcnemar'))}</p>"
    )


def _right(at: Json, words: Wording) -> list[str]:
    only_a, only_b, p = (number(at, "mcnemar", name) for name in ("only_first_right", "only_second_right", "p"))
    if only_a is None or only_b is None or p is None:
        return []
    return [words("evaluation.against.right", a=f"{only_a:.0f}", b=f"{only_b:.0f}", p=p_value(p))]


def _differences(
    comparison: Json | None, evaluations: Mapping[str, BundleEvaluation], split: str, point: str, words: Wording
) -> str:
    films, average = _entry(comparison, split), _entry(comparison, "average", split)
    rows = _area_row(films, average, words)
    for name in FIGURES:
        both = [figure_cell(found.measured_at(split, point, name), words) for found in evaluations.values()]
        difference = measured(_entry(films, "operating_points", point, "differences", name), lowest=-1)
        together = measured(_entry(average, "operating_points", point, name))
        said = words("evaluation.accuracy") if name == "accuracy" else words(f"word.{name}")
        rows += _row(said, [*both, figure_cell(difference, words, signed=True), figure_cell(together, words)])
    titles = [words("evaluation.figure"), "A", "B"]
    titles += [words("evaluation.against.difference"), words("evaluation.against.average")]
    columns = [escape(title) for title in titles]
    return wide_table("differences", words("evaluation.against.figures"), columns, f"<tbody>{rows}</tbody>")


def _area_row(films: Json | None, average: Json | None, words: Wording) -> str:
    areas = [number(films, "auroc", name) for name in ("first", "second")]
    if None in areas:
        return ""
    by_patients = measured(_entry(films, "auroc", "difference_over_patients"), lowest=-1)
    by_delong = measured(_entry(films, "auroc", "difference"), lowest=-1)
    difference = figure_cell(by_patients or by_delong, words, share=False, signed=True)
    p = number(films, "auroc", "p")
    if by_delong is not None and by_delong.low is not None and p is not None:
        ends = f"{by_delong.low:+.3f} – {by_delong.high:+.3f}".replace("-", "−")
        said = words("evaluation.against.delong", interval=ends, p=p_value(p))
        difference += f"<small>{escape(said)}</small>"
    each = [figure_cell(Metric(area or 0), words, share=False) for area in areas]
    return _row("AUROC", [*each, difference, figure_cell(measured(_entry(average, "auroc")), words, share=False)])


def _row(title: str, cells: list[str]) -> str:
    return f"<tr><th scope='row'>{escape(title)}</th>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _entry(found: Json | None, *path: str) -> Json | None:
    for key in path:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else None
