"""The second panel: how good A and B are, on which films, and what another threshold or prevalence would change."""

from collections.abc import Mapping, Sequence
from functools import cache, partial
from html import escape

import gradio as gr

from demo.evaluation.at_threshold import PREVALENCE_DIGITS, THRESHOLD_DIGITS, prevalence_of, snapped
from demo.evaluation.operating_point_choices import default_point, shared_points
from demo.inference.networks import LoadedModels
from demo.language.catalogue import Language, Wording, wording
from demo.language.numbers import percent as in_percent
from demo.page.panels.compare import operating_point_choices
from demo.page.panels.evaluation.details import build as build_details
from demo.page.panels.evaluation.details import intervals_html
from demo.page.panels.evaluation.plot_component import plot_update
from demo.page.panels.evaluation.plots import draw_plots, marks_html
from demo.page.panels.evaluation.published_study import report_html
from demo.page.panels.evaluation.threshold import threshold_html
from demo.page.panels.shared import Localised
from demo.plots.described import figure_names
from export.bundle.comparison import read_comparison
from export.bundle.evaluation import BundleEvaluation, read_bundle_evaluation
from train.metrics.scores import SCORED_SPLITS

# A language may be chosen while another panel is open, and a plot that is not on screen has no size to be drawn at.
ON_SCREEN = "(on, ...rest) => [!!document.querySelector('.evaluation')?.offsetParent, ...rest]"
PRIVATE = {"api_visibility": "private", "show_progress": "hidden", "queue": False}
LIVE = PRIVATE | {"trigger_mode": "always_last"}


class EvaluationPanel:
    """The panel: its components, laid out where it is made, and what is drawn on them.

    Attributes:
        evaluations: what each network's bundle holds; read when it is first asked for.
        comparison: the bundles against each other, or None; read when it is first asked for.
        drawn: state, what is on screen: None before anything is, "" once it is out of date.
        sliders, points, tables: each network's threshold, its operating point, and what both give.
        localised: components whose words follow the language.
    """

    def __init__(self, loaded: LoadedModels, language: gr.Radio, tab: gr.Tab) -> None:
        self.loaded, self.language, self.tab = loaded, language, tab
        self.evaluations = cache(partial(_read_evaluations, loaded))
        self.comparison = cache(partial(read_comparison, loaded.bundles))
        self.localised: list[Localised] = []
        words = wording("en")
        with gr.Column(elem_classes="evaluation"):
            self._lay_out_split(words)
            self._lay_out_thresholds()
            self._lay_out_prevalence(words)
            self._lay_out_plots(words)
            self.details = build_details(loaded, self.evaluations, self.comparison)
            self.localised += self.details.localised
            self.report = gr.HTML(padding=False, elem_classes="beside-report")
        self._connect()

    def both(self, split: str, percent: float, language: Language, *chosen: float | str | None) -> list[str]:
        """Every network's table, at the thresholds and operating points of `chosen`, in pairs."""
        pairs = zip(self.tables, chosen[::2], chosen[1::2], strict=True)
        return [self._table(name, split, threshold, point, percent, language) for name, threshold, point in pairs]

    def slide(
        self, name: str, threshold: float, point: str | None, split: str, percent: float, language: Language
    ) -> tuple[str, str | None]:
        """A network's table at a threshold, and the operating point that lies there."""
        point = snapped(threshold, self.evaluations()[name].thresholds, THRESHOLD_DIGITS, point)
        return self._table(name, split, threshold, point, percent, language), point

    def jump(self, name: str, point: str | None, split: str, percent: float, language: Language) -> tuple:
        """A network's table at an operating point, and the threshold it is."""
        if point is None:
            return gr.skip(), gr.skip()
        threshold = round(self.loaded.cards[name].operating_points[point].threshold, THRESHOLD_DIGITS)
        return self._table(name, split, threshold, point, percent, language), threshold

    def back_to_cohort(self, split: str, language: Language, *chosen: float | str | None) -> tuple:
        """The prevalence of the split's own films, and the tables at it."""
        percent = _percent(self.evaluations(), split)
        if percent is None:
            return (gr.skip(),) * (1 + len(self.tables))
        return percent, *self.both(split, percent, language, *chosen)

    def show(
        self,
        on: bool,
        before: str | None,
        split: str,
        percent: float,
        language: Language,
        pair_point: str,
        *chosen: float | str | None,
    ) -> list:
        """Draw the whole panel, where it is on screen and another is there (`before`) than is asked for."""
        wanted = f"{split} {language}"
        if not on or before == wanted:
            return ["" if not on and before is not None else gr.skip(), *[gr.skip()] * (len(self._shown) - 1)]
        words, found = wording(language), self.evaluations()
        new_percent = _percent(found, split)
        if new_percent is not None and (before is None or _is_a_cohorts(found, percent)):
            percent = new_percent
        drawings = list(draw_plots(found, split, words).values())
        return [
            wanted,
            _about(found, split, words),
            percent,
            *self.both(split, percent, language, *chosen),
            *(plot.caption for plot in drawings),
            *(plot_update(plot.figure) for plot in drawings),
            intervals_html(found, words),
            *self.details.draw(split, pair_point, language),
            report_html(found, words),
        ]

    @property
    def _shown(self) -> list[gr.blocks.Block]:
        """The components that `show` fills."""
        return [
            self.drawn,
            self.about,
            self.prevalence,
            *self.tables.values(),
            *self.captions,
            *self.plots,
            self.intervals,
            *self.details.shown,
            self.report,
        ]

    def _table(
        self, name: str, split: str, threshold: float, point: str | None, percent: float, language: Language
    ) -> str:
        found = self.evaluations()[name]
        return threshold_html(found, split, threshold, percent / 100, point, wording(language))

    def _lay_out_split(self, words: Wording) -> None:
        loaded = self.loaded
        self.drawn = gr.State(None)
        self.on_screen = gr.Checkbox(True, visible=False)
        with gr.Row(elem_classes="measured-on"):
            self.split = gr.Radio(
                _splits(loaded, words),
                value=SCORED_SPLITS[0],
                label=words("evaluation.split"),
                elem_classes="choice",
                min_width=240,
                scale=0,
            )
            self.about = gr.HTML(padding=False, elem_classes="about-split")
        heading = gr.HTML(_heading(words), padding=False)
        self.localised += [
            Localised(
                self.split, lambda words: {"label": words("evaluation.split"), "choices": _splits(loaded, words)}
            ),
            Localised(heading, lambda words: {"value": _heading(words)}),
        ]

    def _lay_out_thresholds(self) -> None:
        self.sliders, self.points, self.tables = {}, {}, {}
        with gr.Row(elem_classes="thresholds"):
            for name, card in self.loaded.cards.items():
                with gr.Column(min_width=300, elem_classes=f"threshold-side {name}"):
                    default = card.operating_points[card.default_operating_point]
                    self.sliders[name], slider_words = _threshold_slider(name, default.threshold)
                    self.points[name], point_words = _point_radio(name, shared_points([card]), default_point([card]))
                    self.localised += [slider_words, point_words]
                    self.tables[name] = gr.HTML(padding=False)

    def _lay_out_prevalence(self, words: Wording) -> None:
        with gr.Row(elem_classes="prevalence"):
            self.prevalence = gr.Slider(
                0,
                100,
                value=50,
                step=100 / 10**PREVALENCE_DIGITS,
                label=words("evaluation.prevalence"),
                buttons=[],
                scale=4,
                min_width=240,
            )
            self.as_here = gr.Button(words("evaluation.prevalence.cohort"), size="sm", scale=0, min_width=180)
        explained = gr.HTML(_explained(words), padding=False)
        self.localised += [
            Localised(self.prevalence, lambda words: {"label": words("evaluation.prevalence")}),
            Localised(self.as_here, lambda words: {"value": words("evaluation.prevalence.cohort")}),
            Localised(explained, lambda words: {"value": _explained(words)}),
        ]

    def _lay_out_plots(self, words: Wording) -> None:
        cards = self.loaded.cards
        points = shared_points(cards.values())
        self.intervals = gr.HTML(padding=False)
        marks = gr.HTML(marks_html(words, points), padding=False)
        self.localised.append(Localised(marks, lambda words: {"value": marks_html(words, points)}))
        self.captions, self.plots = [], []
        with gr.Row(elem_classes="plot-grid"):
            for name in figure_names(list(cards)):
                with gr.Column(min_width=280, elem_classes=f"plot-card {name}"):
                    self.captions.append(gr.HTML(padding=False))
                    self.plots.append(gr.Plot(show_label=False, container=False, elem_classes="plot"))

    def _connect(self) -> None:
        split, prevalence, language, details = self.split, self.prevalence, self.language, self.details
        chosen = [component for name in self.tables for component in (self.sliders[name], self.points[name])]
        tables = [*self.tables.values()]
        for happens in (self.tab.select, language.change, split.input):
            looks = [self.on_screen, self.drawn, split, prevalence, language, details.point, *chosen]
            happens(self.show, looks, self._shown, js=ON_SCREEN, **PRIVATE)
        details.point.input(details.redraw_pair, [split, details.point, language], [*details.pair], **PRIVATE)
        for name, table in self.tables.items():
            slider, point, films = self.sliders[name], self.points[name], [split, prevalence, language]
            slider.input(partial(self.slide, name), [slider, point, *films], [table, point], **LIVE)
            point.input(partial(self.jump, name), [point, *films], [table, slider], **LIVE)
        prevalence.input(self.both, [split, prevalence, language, *chosen], tables, **LIVE)
        self.as_here.click(self.back_to_cohort, [split, language, *chosen], [prevalence, *tables], **PRIVATE)


def build(loaded: LoadedModels, language: gr.Radio, tab: gr.Tab) -> tuple[Localised, ...]:
    """Lay the panel out inside its tab and connect it; nothing is read or drawn before the tab is first opened."""
    return tuple(EvaluationPanel(loaded, language, tab).localised)


def _read_evaluations(loaded: LoadedModels) -> Mapping[str, BundleEvaluation]:
    return {name: read_bundle_evaluation(bundle) for name, bundle in loaded.bundles.items()}


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


def _point_radio(name: str, points: Sequence[str], default: str) -> tuple[gr.Radio, Localised]:
    def label(words: Wording) -> str:
        return words("evaluation.point_of", network=words(f"network.{name}"))

    radio = gr.Radio(
        operating_point_choices("en", points),
        value=default,
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
    sentences: Sequence[str] = ()
    for evaluation in evaluations.values():
        if split in evaluation.scores:
            scores = evaluation.scores[split]
            share = in_percent(prevalence_of(scores), words)
            sentences = (words(f"evaluation.about.{split}", films=f"{len(scores):,}", share=share),)
            break
    return "".join(f"<p>{escape(sentence)}</p>" for sentence in sentences)


def _heading(words: Wording) -> str:
    how = escape(words("evaluation.thresholds.how"))
    return f"<h2>{escape(words('evaluation.thresholds'))}</h2><p class='how'>{how}</p>"


def _explained(words: Wording) -> str:
    return f"<p class='how'>{escape(words('evaluation.words.ppv'))}</p>"
