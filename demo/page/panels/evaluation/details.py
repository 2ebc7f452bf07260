"""The lower part of Evaluation: subsets, A against B, calibration and robustness, as far as the bundles have them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape

import gradio as gr

from demo.inference.networks import LoadedModels
from demo.language.catalogue import Language, Wording, wording
from demo.page.panels.evaluation.a_versus_b import against_html
from demo.page.panels.evaluation.calibration import calibration_html
from demo.page.panels.evaluation.instrument import section_id
from demo.page.panels.evaluation.plots import Plot, plot_card
from demo.page.panels.evaluation.robustness import corruption_name, robustness_html
from demo.page.panels.evaluation.subsets import cohorts_html
from demo.plots.parts import Figure
from demo.plots.robustness import robustness_figure
from export.bundle import STRESS
from export.bundle.comparison import NetworkComparison
from export.bundle.evaluation import BundleEvaluation
from export.bundle.robustness import Robustness, all_corruptions

Evaluations = Mapping[str, BundleEvaluation]
STRESS_PLOT = "stress"


@dataclass(frozen=True)
class EvaluationDetails:
    """What the panel needs of its lower part.

    Attributes:
        shown: the components that `draw` fills.
        draw: (split, operating point, language) → what `shown` takes.
        redraw_pair: the same, for the first components only: those that hang on the operating point.
        pair: these components.
        figures: (split, language) → the plots in it, by name.
    """

    shown: tuple[gr.HTML, ...]
    draw: Callable[[str, str, Language], list[str]]
    redraw_pair: Callable[[str, str, Language], list[str]]
    pair: tuple[gr.HTML, ...]
    figures: Callable[[str, Language], dict[str, Figure]]


def build(
    loaded: LoadedModels, evaluations: Callable[[], Evaluations], comparison: Callable[[], NetworkComparison | None]
) -> EvaluationDetails:
    """Lay the part out; nothing of it is seen before it is drawn, and nothing is read."""
    cohorts, against, calibration, stress = (
        gr.HTML(padding=False, elem_classes="evidence", elem_id=section_id(name))
        for name in ("cohorts", "against", "calibration", "stress")
    )

    def redraw_pair(split: str, point: str, language: Language) -> list[str]:
        words, found = wording(language), evaluations()
        return [
            cohorts_html(found, split, point, words),
            against_html(comparison(), found, split, point, words),
        ]

    def figures(split: str, language: Language) -> dict[str, Figure]:
        words, by_network = wording(language), _stress(evaluations())
        measured = {name: table.of(split).changes for name, table in by_network.items() if table.of(split).changes}
        names = {change.name: corruption_name(change, words) for change in all_corruptions(by_network, split)}
        return {STRESS_PLOT: robustness_figure(measured, names, words)} if measured else {}

    def draw(split: str, point: str, language: Language) -> list[str]:
        words, found = wording(language), evaluations()
        by_network = _stress(found)
        table = robustness_html(by_network, split, words) if by_network else ""
        card = "".join(
            plot_card(name, Plot(_caption(words), figure)) for name, figure in figures(split, language).items()
        )
        return [
            *redraw_pair(split, point, language),
            calibration_html(loaded.cards, split, words),
            table + _broken(found, words) + card,
        ]

    shown = (cohorts, against, calibration, stress)
    return EvaluationDetails(shown, draw, redraw_pair, (cohorts, against), figures)


def intervals_html(evaluations: Evaluations, words: Wording) -> str:
    """What the intervals are of, as each evaluation.json says; "" where none does."""
    networks_by_text: dict[str, list[str]] = {}
    for name, evaluation in evaluations.items():
        if evaluation.intervals:
            networks_by_text.setdefault(evaluation.intervals, []).append(name.upper())
    lines = ""
    for text, networks in networks_by_text.items():
        unit = "patients" if "resamples of patients" in text else "films"
        whose = f"{', '.join(networks)}: " if len(networks_by_text) > 1 else ""
        lines += (
            f"<p class='how'>{escape(whose)}{escape(words(f'evaluation.intervals.{unit}'))}</p>"
            f"<details class='how'><summary>{escape(words('evaluation.intervals.more'))}</summary>"
            f"<p lang='en' dir='ltr'>{escape(text)}</p></details>"
        )
    return lines


def _stress(evaluations: Evaluations) -> dict[str, Robustness]:
    return {name: found.stress for name, found in evaluations.items() if found.stress is not None}


def _caption(words: Wording) -> str:
    title, how = escape(words("evaluation.stress.title")), escape(words("evaluation.stress.plot"))
    return f"<h3>{title}</h3><p class='how'>{how}</p>"


def _broken(evaluations: Evaluations, words: Wording) -> str:
    notices = [
        words("evaluation.broken", file=STRESS, network=words(f"network.{name}"))
        for name, evaluation in evaluations.items()
        if STRESS in evaluation.broken
    ]
    return "".join(f"<p class='notice'>{escape(notice)}</p>" for notice in notices)
