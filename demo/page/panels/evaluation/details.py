"""The lower part of Evaluation: subsets, A against B, calibration and robustness, as far as the bundles have them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape

import gradio as gr

from demo.evaluation.operating_point_choices import default_point, shared_points
from demo.inference.networks import LoadedModels
from demo.language.catalogue import Language, Wording, wording
from demo.page.panels.compare import operating_point_choices
from demo.page.panels.evaluation.a_versus_b import against_html
from demo.page.panels.evaluation.calibration import calibration_html
from demo.page.panels.evaluation.plot_component import plot_update
from demo.page.panels.evaluation.robustness import corruption_name, robustness_html
from demo.page.panels.evaluation.subsets import cohorts_html
from demo.page.panels.shared import Localised
from demo.plots.robustness import robustness_figure
from export.bundle import STRESS
from export.bundle.comparison import NetworkComparison
from export.bundle.evaluation import BundleEvaluation
from export.bundle.robustness import all_corruptions

Evaluations = Mapping[str, BundleEvaluation]


@dataclass(frozen=True)
class EvaluationDetails:
    """What the panel needs of its lower part.

    Attributes:
        point: radio, the operating point of both networks here.
        shown: the components that `draw` fills.
        draw: (split, operating point, language) → what `shown` takes.
        redraw_pair: the same, for the first components only: those that hang on the operating point.
        pair: these components.
        localised: components whose words follow the language.
    """

    point: gr.Radio
    shown: tuple[gr.blocks.Block, ...]
    draw: Callable[[str, str, Language], list]
    redraw_pair: Callable[[str, str, Language], list[str]]
    pair: tuple[gr.blocks.Block, ...]
    localised: tuple[Localised, ...]


def build(
    loaded: LoadedModels, evaluations: Callable[[], Evaluations], comparison: Callable[[], NetworkComparison | None]
) -> EvaluationDetails:
    """Lay the part out; nothing of it is seen before it is drawn, and nothing is read."""
    words, points = wording("en"), shared_points(loaded.cards.values())
    # A plot that can never be drawn is not laid out.
    corrupted = any(bundle.stress is not None for bundle in loaded.bundles.values())
    with gr.Row(visible=False, elem_classes="pair-point") as choice:
        point = gr.Radio(
            operating_point_choices("en", points),
            value=default_point(loaded.cards.values()),
            label=words("evaluation.pair_point"),
            elem_classes="choice",
        )
    cohorts, against, calibration, stress = (gr.HTML(padding=False, elem_classes="evidence") for _ in range(4))
    shown: list[gr.blocks.Block] = [cohorts, against, choice, calibration, stress]
    if corrupted:
        with gr.Column(min_width=280, visible=False, elem_classes="plot-card stress") as card:
            caption = gr.HTML(padding=False)
            plot = gr.Plot(show_label=False, container=False, elem_classes="plot")
        shown += [card, caption, plot]

    def redraw_pair(split: str, point: str, language: Language) -> list[str]:
        words, found = wording(language), evaluations()
        return [
            cohorts_html(found, split, point, words),
            against_html(comparison(), found, split, point, words),
        ]

    def draw(split: str, point: str, language: Language) -> list:
        words, found = wording(language), evaluations()
        pair = redraw_pair(split, point, language)
        made = [*pair, gr.update(visible=any(pair)), calibration_html(loaded.cards, split, words)]
        by_network = {name: evaluation.stress for name, evaluation in found.items() if evaluation.stress is not None}
        made.append((robustness_html(by_network, split, words) if by_network else "") + _broken(found, words))
        if corrupted:
            measured = {name: table.of(split).changes for name, table in by_network.items() if table.of(split).changes}
            names = {change.name: corruption_name(change, words) for change in all_corruptions(by_network, split)}
            figure = robustness_figure(measured, names, words) if measured else None
            made += [gr.update(visible=figure is not None), _caption(words), plot_update(figure)]
        return made

    return EvaluationDetails(
        point,
        tuple(shown),
        draw,
        redraw_pair,
        (cohorts, against),
        (
            Localised(
                point,
                lambda words: {
                    "label": words("evaluation.pair_point"),
                    "choices": operating_point_choices(words.language, points),
                },
            ),
        ),
    )


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
