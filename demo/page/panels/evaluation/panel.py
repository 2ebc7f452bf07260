"""The second panel: how good A and B are, on which films, and what another threshold or prevalence would change."""

from collections.abc import Mapping, Sequence
from functools import cache, partial
from html import escape

import gradio as gr

from demo.evaluation.at_threshold import PREVALENCE_DIGITS, THRESHOLD_DIGITS, prevalence_of, snapped
from demo.evaluation.operating_point_choices import shared_points
from demo.inference.networks import LoadedModels
from demo.language.catalogue import Language, Wording, wording
from demo.language.numbers import percent as in_percent
from demo.page.panels.compare import operating_point_choices
from demo.page.panels.evaluation.details import build as build_evidence
from demo.page.panels.evaluation.details import intervals_html
from demo.page.panels.evaluation.plot_component import plot_update
from demo.page.panels.evaluation.plots import draw_plots, marks_html
from demo.page.panels.evaluation.published_study import report_html
from demo.page.panels.evaluation.threshold import threshold_html
from demo.page.panels.shared import Localised
from demo.plots.described import figure_names
from export.bundle.comparison import NetworkComparison, read_comparison
from export.bundle.evaluation import BundleEvaluation, read_bundle_evaluation
from train.metrics.scores import SCORED_SPLITS

# A language may be chosen while another panel is open, and a plot that is not on screen has no size to be drawn at.
ON_SCREEN = "(on, ...rest) => [!!document.querySelector('.evaluation')?.offsetParent, ...rest]"
PRIVATE = {"api_visibility": "private", "show_progress": "hidden", "queue": False}
LIVE = PRIVATE | {"trigger_mode": "always_last"}


def build(loaded: LoadedModels, language: gr.Radio, tab: gr.Tab) -> tuple[Localised, ...]:
    """Lay the panel out inside its tab and connect it; nothing is read or drawn before the tab is first opened."""
    cards = loaded.cards
    names = figure_names(list(cards))
    words = wording("en")
    localised: list[Localised] = []

    @cache
    def evaluations() -> Mapping[str, BundleEvaluation]:
        return {name: read_bundle_evaluation(bundle) for name, bundle in loaded.bundles.items()}

    @cache
    def comparison() -> NetworkComparison | None:
        return read_comparison(loaded.bundles)

    with gr.Column(elem_classes="evaluation"):
        drawn = gr.State(None)  # what is on screen: None before anything is, "" once it is out of date
        on_screen = gr.Checkbox(True, visible=False)
        with gr.Row(elem_classes="measured-on"):
            split = gr.Radio(
                _splits(loaded, words),
                value=SCORED_SPLITS[0],
                label=words("evaluation.split"),
                elem_classes="choice",
                min_width=240,
                scale=0,
            )
            about = gr.HTML(padding=False, elem_classes="about-split")
        localised.append(
            Localised(split, lambda words: {"label": words("evaluation.split"), "choices": _splits(loaded, words)})
        )
        heading = gr.HTML(_heading(words), padding=False)
        localised.append(Localised(heading, lambda words: {"value": _heading(words)}))
        sliders, points, tables = {}, {}, {}
        with gr.Row(elem_classes="thresholds"):
            for name, card in cards.items():
                with gr.Column(min_width=300, elem_classes=f"threshold-side {name}"):
                    default = card.default_operating_point
                    sliders[name], entry = _threshold_slider(name, card.operating_points[default].threshold)
                    localised.append(entry)
                    points[name], entry = _point_radio(name, shared_points([card]))
                    localised.append(entry)
                    tables[name] = gr.HTML(padding=False)
        with gr.Row(elem_classes="prevalence"):
            prevalence = gr.Slider(
                0,
                100,
                value=50,
                step=100 / 10**PREVALENCE_DIGITS,
                label=words("evaluation.prevalence"),
                buttons=[],
                scale=4,
                min_width=240,
            )
            as_here = gr.Button(words("evaluation.prevalence.cohort"), size="sm", scale=0, min_width=180)
        localised.append(Localised(prevalence, lambda words: {"label": words("evaluation.prevalence")}))
        localised.append(Localised(as_here, lambda words: {"value": words("evaluation.prevalence.cohort")}))
        explained = gr.HTML(_explained(words), padding=False)
        localised.append(Localised(explained, lambda words: {"value": _explained(words)}))
        intervals = gr.HTML(padding=False)
        shared = shared_points(cards.values())
        marks = gr.HTML(marks_html(words, shared), padding=False)
        localised.append(Localised(marks, lambda words: {"value": marks_html(words, shared)}))
        captions, plots = [], []
        with gr.Row(elem_classes="plot-grid"):
            for name in names:
                with gr.Column(min_width=280, elem_classes=f"plot-card {name}"):
                    captions.append(gr.HTML(padding=False))
                    plots.append(gr.Plot(show_label=False, container=False, elem_classes="plot"))
        details = build_evidence(loaded, evaluations, comparison)
        localised += details.localised
        report = gr.HTML(padding=False, elem_classes="beside-report")

    def table(name: str, split: str, threshold: float, point: str | None, percent: float, language: Language) -> str:
        found = evaluations()[name]
        return threshold_html(found, split, threshold, percent / 100, point, wording(language))

    def both(split: str, percent: float, language: Language, *chosen: float | str | None) -> list[str]:
        pairs = zip(tables, chosen[::2], chosen[1::2], strict=True)
        return [table(name, split, threshold, point, percent, language) for name, threshold, point in pairs]

    def slide(
        name: str, threshold: float, point: str | None, split: str, percent: float, language: Language
    ) -> tuple[str, str | None]:
        point = snapped(threshold, evaluations()[name].thresholds, THRESHOLD_DIGITS, point)
        return table(name, split, threshold, point, percent, language), point

    def jump(name: str, point: str | None, split: str, percent: float, language: Language) -> tuple:
        if point is None:
            return gr.skip(), gr.skip()
        threshold = round(cards[name].operating_points[point].threshold, THRESHOLD_DIGITS)
        return table(name, split, threshold, point, percent, language), threshold

    def back_to_cohort(split: str, language: Language, *chosen: float | str | None) -> tuple:
        percent = _percent(evaluations(), split)
        if percent is None:
            return (gr.skip(),) * (1 + len(tables))
        return percent, *both(split, percent, language, *chosen)

    def show(
        on: bool,
        before: str | None,
        split: str,
        percent: float,
        language: Language,
        pair_point: str,
        *chosen: float | str | None,
    ) -> list:
        wanted = f"{split} {language}"
        if not on or before == wanted:
            return ["" if not on and before is not None else gr.skip(), *[gr.skip()] * (len(shown) - 1)]
        words, found = wording(language), evaluations()
        new_percent = _percent(found, split)
        if new_percent is not None and (before is None or _is_a_cohorts(found, percent)):
            percent = new_percent
        drawings = list(draw_plots(found, split, words).values())
        return [
            wanted,
            _about(found, split, words),
            percent,
            *both(split, percent, language, *chosen),
            *(plot.caption for plot in drawings),
            *(plot_update(plot.figure) for plot in drawings),
            intervals_html(found, words),
            *details.draw(split, pair_point, language),
            report_html(found, words),
        ]

    chosen = [component for name in tables for component in (sliders[name], points[name])]
    shown = [drawn, about, prevalence, *tables.values(), *captions, *plots, intervals, *details.shown, report]
    for happens in (tab.select, language.change, split.input):
        looks = [on_screen, drawn, split, prevalence, language, details.point, *chosen]
        happens(show, looks, shown, js=ON_SCREEN, **PRIVATE)
    details.point.input(details.redraw_pair, [split, details.point, language], [*details.pair], **PRIVATE)
    for name, slider in sliders.items():
        point = points[name]
        slider.input(partial(slide, name), [slider, point, split, prevalence, language], [tables[name], point], **LIVE)
        point.input(partial(jump, name), [point, split, prevalence, language], [tables[name], slider], **LIVE)
    prevalence.input(both, [split, prevalence, language, *chosen], [*tables.values()], **LIVE)
    as_here.click(back_to_cohort, [split, language, *chosen], [prevalence, *tables.values()], **PRIVATE)
    return tuple(localised)


def _threshold_slider(name: str, threshold: float) -> tuple[gr.Slider, Localised]:
    def label(words: Wording) -> str:
        return words("evaluation.threshold_of", network=words(f"network.{name}"))

    slider = gr.Slider(
        0,
        1,
        value=round(threshold, THRESHOLD_DIGITS),
        step=10**-THRESHOLD_DIGITS,
        label=label(wording("en")),
        buttons=[],
        elem_classes=f"threshold {name}",
    )
    return slider, Localised(slider, lambda words: {"label": label(words)})


def _point_radio(name: str, points: Sequence[str]) -> tuple[gr.Radio, Localised]:
    def label(words: Wording) -> str:
        return words("evaluation.point_of", network=words(f"network.{name}"))

    radio = gr.Radio(
        operating_point_choices("en", points),
        value=points[0],
        label=label(wording("en")),
        elem_classes=f"choice point {name}",
    )
    return radio, Localised(
        radio, lambda words: {"label": label(words), "choices": operating_point_choices(words.language, points)}
    )


def _splits(loaded: LoadedModels, words: Wording) -> list[tuple[str, str]]:
    read = any(card.metrics.test is not None for card in loaded.cards.values())
    return [
        (words("word.validation"), "validation"),
        (words("word.test") if read else words("evaluation.split.unread"), "test"),
    ]


def _percent(evaluations: Mapping[str, BundleEvaluation], split: str) -> float | None:
    """The prevalence of a split's films as the slider shows it."""
    for evaluation in evaluations.values():
        if split in evaluation.scores:
            return round(100 * prevalence_of(evaluation.scores[split]), PREVALENCE_DIGITS - 2)
    return None


def _is_a_cohorts(evaluations: Mapping[str, BundleEvaluation], percent: float) -> bool:
    """Whether the prevalence slider still stands where a split put it, and not where its user did."""
    return any(
        percent == _percent({name: evaluation}, split)
        for name, evaluation in evaluations.items()
        for split in evaluation.scores
    )


def _about(evaluations: Mapping[str, BundleEvaluation], split: str, words: Wording) -> str:
    told: Sequence[str] = ()
    for evaluation in evaluations.values():
        if split in evaluation.scores:
            scores = evaluation.scores[split]
            share = in_percent(prevalence_of(scores), words)
            told = (words(f"evaluation.about.{split}", films=f"{len(scores):,}", share=share),)
            break
    return "".join(f"<p>{escape(sentence)}</p>" for sentence in told)


def _heading(words: Wording) -> str:
    how = escape(words("evaluation.thresholds.how"))
    return f"<h2>{escape(words('evaluation.thresholds'))}</h2><p class='how'>{how}</p>"


def _explained(words: Wording) -> str:
    return f"<p class='how'>{escape(words('evaluation.words.ppv'))}</p>"
