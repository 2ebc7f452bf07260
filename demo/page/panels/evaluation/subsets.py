"""Sensitivity analysis on subsets, as HTML: all films, without repeats, without patients seen in training."""

from collections.abc import Mapping
from html import escape

from demo.language.catalogue import Wording
from demo.page.panels.shared import network_head
from demo.page.panels.tables import figure_cell, network_rows, wide_table
from export.bundle.evaluation import BundleEvaluation, Cohort

FIGURES = ("accuracy", "sensitivity", "specificity")


def cohorts_html(evaluations: Mapping[str, BundleEvaluation], split: str, point: str, words: Wording) -> str:
    """Each network's figures at an operating point, a row per choice of films; "" where no network has any."""
    bodies = ""
    columns = [escape(words("evaluation.cohorts.films")), "AUROC", escape(words("evaluation.accuracy"))]
    columns += [escape(words(f"word.{name}")) for name in FIGURES[1:]]
    for network, evaluation in evaluations.items():
        rows = "".join(
            _row(evaluation, split, cohort, point, len(columns), words) for cohort in evaluation.cohorts(split)
        )
        if rows:
            bodies += network_rows(network, network_head(network, words), len(columns) + 1, rows)
    if not bodies:
        return ""
    caption = words("evaluation.cohorts.caption", split=words(f"word.{split}"), point=words(f"operating_point.{point}"))
    table = wide_table("cohorts", caption, [escape(words("evaluation.cohorts.row")), *columns], bodies)
    how = escape(words("evaluation.cohorts.how"))
    return f"<h2>{escape(words('evaluation.cohorts'))}</h2><p class='how'>{how}</p>{table}"


def _row(evaluation: BundleEvaluation, split: str, cohort: Cohort, point: str, columns: int, words: Wording) -> str:
    title = escape(words(f"evaluation.cohorts.{cohort.name}"))
    if cohort.left_out:
        title += f"<small>{escape(words('evaluation.cohorts.left_out', films=f'{cohort.left_out:,}'))}</small>"
    if cohort.films is None:
        reason = f"<small><bdi lang='en' dir='ltr'>{escape(cohort.reason)}</bdi></small>" if cohort.reason else ""
        text = f"{escape(words('evaluation.cohorts.unmeasured'))}{reason}"
        return f"<tr><th scope='row'>{title}</th><td colspan='{columns}'>{text}</td></tr>"
    films = f"{cohort.films:,}"
    if cohort.patients is not None:
        films += f"<small>{escape(words('evaluation.cohorts.patients', patients=f'{cohort.patients:,}'))}</small>"
    cells = [films, figure_cell(evaluation.measured(split, "auroc", cohort.name), words, share=False)]
    cells += [figure_cell(evaluation.measured_at(split, point, name, cohort.name), words) for name in FIGURES]
    return f"<tr><th scope='row'>{title}</th>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"
