"""A against B on the same films, as HTML: who predicts what, what each gets right, and how far they are apart."""

from collections.abc import Mapping
from html import escape

from demo.language.catalogue import Wording
from demo.language.glossary import explained
from demo.page.panels.tables import figure_cell, p_value, wide_table
from export.bundle.comparison import EnsembleMetrics, FilmsComparison, McNemar, NetworkComparison, PointComparison
from export.bundle.evaluation import BundleEvaluation, OperatingMetrics
from export.bundle.metric import Metric

FIGURES = ("accuracy", "sensitivity", "specificity")


def against_html(
    comparison: NetworkComparison | None,
    evaluations: Mapping[str, BundleEvaluation],
    split: str,
    point: str,
    words: Wording,
) -> str:
    """Both networks at one operating point; "" where the bundles hold no comparison on the films of this split.

    Args:
        comparison: as `export.bundle.comparison.read_comparison` gives it.
        evaluations: of A and B.
        split: "validation" or "test".
        point: the operating point of both.
        words: of the language.
    """
    films = (comparison or NetworkComparison()).of(split)
    at = films.operating_points.get(point, PointComparison())
    found = at.agreement
    both, only_a, only_b, neither = (
        *(found.both_positive, found.only_first_positive, found.only_second_positive, found.both_negative),
    )
    if comparison is None or both is None or only_a is None or only_b is None or neither is None:
        return ""
    average = comparison.average.get(split, EnsembleMetrics())
    counts = {"films": f"{both + only_a + only_b + neither:,}", "differ": f"{only_a + only_b:,}"}
    lines = [words("evaluation.against.differ", **counts), *_right(at.mcnemar, words)]
    rows = [("positive", both, only_a), ("negative", only_b, neither)]
    body = "".join(
        f"<tr><th scope='row'>{escape(words(f'evaluation.against.a_{name}'))}</th>"
        f"<td>{first:,}</td><td>{second:,}</td></tr>"
        for name, first, second in rows
    )
    columns = [escape(words(f"evaluation.against.{name}")) for name in ("films", "b_positive", "b_negative")]
    agreement = wide_table("agreement-table", words("evaluation.against.agreement"), columns, f"<tbody>{body}</tbody>")
    listed = "".join(f"<li>{escape(line)}</li>" for line in lines)
    how = words("evaluation.against.how", point=words(f"operating_point.{point}"), split=words(f"word.{split}"))
    return (
        f"<h2>{escape(words('evaluation.against'))}</h2><p class='how'>{escape(how)}</p><ul class='told'>{listed}</ul>"
        f"<div class='pair'>{agreement}{_differences(films, average, evaluations, split, point, words)}</div>"
        f"<p class='how'>{explained('mcnemar', words)}: {escape(words('glossary.mcnemar'))}</p>"
    )


def _right(test: McNemar, words: Wording) -> list[str]:
    if test.only_first_right is None or test.only_second_right is None or test.p is None:
        return []
    counts = {"a": f"{test.only_first_right}", "b": f"{test.only_second_right}"}
    return [words("evaluation.against.right", **counts, p=p_value(test.p))]


def _differences(
    films: FilmsComparison,
    average: EnsembleMetrics,
    evaluations: Mapping[str, BundleEvaluation],
    split: str,
    point: str,
    words: Wording,
) -> str:
    rows = _area_row(films, average, words)
    differences = films.operating_points[point].differences
    together = average.operating_points.get(point, OperatingMetrics())
    for name in FIGURES:
        both = [figure_cell(found.measured_at(split, point, name), words) for found in evaluations.values()]
        title = words("evaluation.accuracy") if name == "accuracy" else words(f"word.{name}")
        difference = figure_cell(differences.get(name), words, signed=True)
        rows += _row(title, [*both, difference, figure_cell(getattr(together, name), words)])
    titles = [words("evaluation.figure"), "A", "B"]
    titles += [words("evaluation.against.difference"), words("evaluation.against.average")]
    columns = [escape(title) for title in titles]
    return wide_table("differences", words("evaluation.against.figures"), columns, f"<tbody>{rows}</tbody>")


def _area_row(films: FilmsComparison, average: EnsembleMetrics, words: Wording) -> str:
    areas = films.auroc
    if areas.first is None or areas.second is None:
        return ""
    by_delong = areas.difference
    difference = figure_cell(areas.difference_over_patients or by_delong, words, share=False, signed=True)
    if by_delong is not None and by_delong.low is not None and areas.p is not None:
        ends = f"{by_delong.low:+.3f} – {by_delong.high:+.3f}".replace("-", "−")
        delong = words("evaluation.against.delong", interval=ends, p=p_value(areas.p))
        difference += f"<small>{escape(delong)}</small>"
    each = [figure_cell(Metric(area), words, share=False) for area in (areas.first, areas.second)]
    return _row("AUROC", [*each, difference, figure_cell(average.auroc, words, share=False)])


def _row(title: str, cells: list[str]) -> str:
    return f"<tr><th scope='row'>{escape(title)}</th>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"
