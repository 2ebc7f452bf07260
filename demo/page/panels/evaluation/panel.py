"""The second panel: how good A and B are, on which films, and what another threshold or prevalence would change.

The server draws it once for a split and a language; thresholds, prevalence and costs move in the browser alone
(`instrument.js`).
"""

from collections.abc import Mapping, Sequence
from functools import cache, partial
from html import escape
from pathlib import Path

import gradio as gr

from demo.evaluation.at_threshold import prevalence_of
from demo.evaluation.operating_point_choices import default_point, shared_points
from demo.inference.networks import LoadedModels
from demo.language.catalogue import LANGUAGES, Language, Wording, wording
from demo.language.numbers import percent as in_percent
from demo.page.panels.compare.panel import operating_point_choices
from demo.page.panels.evaluation.cell_films import CELL_SCRIPT, cell_films_html
from demo.page.panels.evaluation.costs import costs_html
from demo.page.panels.evaluation.details import build as build_details
from demo.page.panels.evaluation.details import intervals_html
from demo.page.panels.evaluation.instrument import browser_data, index_html, section_id, sliders_html
from demo.page.panels.evaluation.plot_component import plot_data
from demo.page.panels.evaluation.plots import draw_plots, marks_html, plot_card, plot_cards_html
from demo.page.panels.evaluation.published_study import report_html
from demo.page.panels.evaluation.threshold import threshold_html
from demo.page.panels.shared import Localised
from demo.plots.described import HISTORIES, NET_BENEFIT
from export.bundle.evaluation import BundleEvaluation, read_bundle_evaluation
from train.metrics.scores import SCORED_SPLITS

# A language may be chosen while another panel is open, and a plot that is not on screen has no size to be drawn at.
ON_SCREEN = "(on, ...rest) => [!!document.querySelector('.evaluation')?.offsetParent, ...rest]"
PRIVATE = {"api_visibility": "private", "show_progress": "hidden", "queue": False}
SPLITS = ("test", "validation")  # what was never chosen on stands first
# Gradio fetches the library that draws the plots when the first such component is laid out, with the tab.
NOTHING_DRAWN = {"data": [], "layout": {"width": 10, "height": 10}, "config": {"staticPlot": True}}


class EvaluationPanel:
    """The panel: its components, laid out where it is made, and what is drawn on them.

    Attributes:
        evaluations: what each network's bundle holds; read when it is first asked for.
        drawn: state, what is on screen: None before anything is, "" once it is out of date.
        point: the operating point, the same as Compare's and Batch's.
        data: what `instrument.js` works with.
        localised: components whose words follow the language.
    """

    def __init__(
        self,
        loaded: LoadedModels,
        language: gr.Radio,
        tab: gr.Tab,
        compare_point: gr.Radio | None = None,
        data_root: Path | None = None,
    ) -> None:
        self.loaded, self.language, self.tab = loaded, language, tab
        self.compare_point, self.data_root = compare_point, data_root
        self.evaluations = cache(partial(_read_evaluations, loaded))
        self.localised: list[Localised] = []
        words = wording("en")
        with gr.Column(elem_classes="evaluation"):
            self._lay_out_bar(words)
            self._lay_out_tables()
            self._lay_out_plots(words)
            self.details = build_details(loaded, self.evaluations, lambda: loaded.comparison)
            self.report = gr.HTML(padding=False, elem_classes="beside-report", elem_id=section_id("report"))
            self.training = gr.HTML(padding=False, elem_id=section_id("training"))
        self._connect()

    def show(self, on: bool, before: str | None, split: str, language: Language, point: str) -> list:
        """Draw the whole panel, where it is on screen and another is there (`before`) than is asked for."""
        wanted = f"{split} {language}"
        if not on or before == wanted:
            return ["" if not on and before is not None else gr.skip(), *[gr.skip()] * (len(self._shown) - 1)]
        words, found = wording(language), self.evaluations()
        plots = draw_plots(found, split, words)
        figures = {name: plot.figure for name, plot in plots.items()} | self.details.figures(split, language)
        training = {name: plots.pop(name) for name in HISTORIES}
        curve = plot_card(NET_BENEFIT, plots.pop(NET_BENEFIT))
        return [
            wanted,
            browser_data(found, split, point, figures, words),
            _about(found, split, words),
            sliders_html(found, split, words),
            self._tables(split, language),
            "",
            costs_html(found, split, curve, words),
            plot_cards_html(plots),
            intervals_html(found, words),
            *self.details.draw(split, point, language),
            report_html(found, words),
            f"<h2>{escape(words('evaluation.training_history'))}</h2>{plot_cards_html(training)}",
        ]

    def follow(self, point: str, drawn: str | None, split: str, language: Language) -> list:
        """Take the operating point that was chosen here or in Compare: the tables that hang on it."""
        if drawn is None:
            return [point, *[gr.skip()] * len(self.details.pair)]
        return [point, *self.details.redraw_pair(split, point, language)]

    def list_films(self, split: str, language: Language, event: gr.EventData) -> str:
        """The films of the number that was clicked."""
        asked = {name: getattr(event, name, None) for name in ("network", "cell", "threshold")}
        words = wording(language if language in LANGUAGES else "en")
        return cell_films_html(self.evaluations(), split, asked, self.data_root, self.loaded.read_film, words)

    @property
    def _shown(self) -> list[gr.blocks.Block]:
        """The components that `show` fills."""
        return [
            self.drawn,
            self.data,
            self.about,
            self.sliders,
            self.tables,
            self.films,
            self.costs,
            self.plots,
            self.intervals,
            *self.details.shown,
            self.report,
            self.training,
        ]

    def _tables(self, split: str, language: Language) -> str:
        """Every network's matrix and figures at its default operating point, at the prevalence of the films."""
        sides = ""
        for found in self.evaluations().values():
            point = found.card.default_operating_point
            share = prevalence_of(found.scores[split]) if split in found.scores else 0.5
            side = threshold_html(found, split, found.thresholds[point], share, point, wording(language))
            sides += f"<div class='threshold-side {found.network}'>{side}</div>"
        return f"<div class='thresholds'>{sides}</div>"

    def _lay_out_bar(self, words: Wording) -> None:
        points = shared_points(self.loaded.cards.values())
        self.drawn = gr.State(None)
        self.data = gr.JSON(visible=False)
        self.on_screen = gr.Checkbox(True, visible=False)
        with gr.Column(elem_classes="evaluation-bar"):
            index = gr.HTML(index_html(words), padding=False)
            with gr.Row(elem_classes="controls"):
                self.split = gr.Radio(
                    _splits(self.loaded, words),
                    value=_first_split(self.loaded),
                    label=words("evaluation.split"),
                    elem_classes="choice split",
                    min_width=180,
                    scale=0,
                )
                self.point = gr.Dropdown(
                    operating_point_choices("en", points),
                    value=default_point(self.loaded.cards.values()),
                    label=words("operating_point.label"),
                    elem_classes="point",
                    filterable=False,
                    min_width=180,
                    scale=0,
                )
                self.sliders = gr.HTML(padding=False, elem_classes="slider-side")
        self.about = gr.HTML(padding=False, elem_classes="about-split")
        self.localised += [
            Localised(index, lambda words: {"value": index_html(words)}),
            Localised(
                self.split, lambda words: {"label": words("evaluation.split"), "choices": _splits(self.loaded, words)}
            ),
            Localised(
                self.point,
                lambda words: {
                    "label": words("operating_point.label"),
                    "choices": operating_point_choices(words.language, points),
                },
            ),
        ]

    def _lay_out_tables(self) -> None:
        words = wording("en")
        heading = gr.HTML(_heading(words), padding=False, elem_id=section_id("thresholds"))
        self.tables = gr.HTML(padding=False, js_on_load=CELL_SCRIPT, elem_classes="tables")
        self.films = gr.HTML(padding=False, elem_classes="cell-films-side")
        self.localised.append(Localised(heading, lambda words: {"value": _heading(words)}))

    def _lay_out_plots(self, words: Wording) -> None:
        points = shared_points(self.loaded.cards.values())
        marks = gr.HTML(marks_html(words, points), padding=False, elem_id=section_id("curves"))
        self.localised.append(Localised(marks, lambda words: {"value": marks_html(words, points)}))
        self.plots = gr.HTML(padding=False)
        explained = gr.HTML(_explained(words), padding=False)
        self.localised.append(Localised(explained, lambda words: {"value": _explained(words)}))
        self.intervals = gr.HTML(padding=False)
        self.costs = gr.HTML(padding=False, elem_classes="evidence costs-side", elem_id=section_id("costs"))
        # Not among what `show` fills: it is there for its library alone.
        gr.Plot(plot_data(NOTHING_DRAWN), show_label=False, container=False, elem_classes="plot-library")

    def _connect(self) -> None:
        split, language, point = self.split, self.language, self.point
        looks = [self.on_screen, self.drawn, split, language, point]
        for happens in (self.tab.select, language.change, split.input):
            drawn = happens(self.show, looks, self._shown, js=ON_SCREEN, **PRIVATE)
            drawn.then(None, self.data, None, js="(data) => pneumoscope.evaluation.show(data)", **PRIVATE)
        follow = [self.compare_point or point, self.drawn, split, language]
        moved = "(point, ...rest) => [pneumoscope.evaluation.point(point), ...rest]"
        if self.compare_point is None:
            point.input(self.follow, follow, [point, *self.details.pair], js=moved, **PRIVATE)
        else:
            point.input(None, point, self.compare_point, js="(point) => pneumoscope.evaluation.point(point)", **PRIVATE)
            self.compare_point.change(self.follow, follow, [point, *self.details.pair], js=moved, **PRIVATE)
        self.tables.select(self.list_films, [split, language], self.films, **PRIVATE).then(
            None, None, None, js="() => pneumoscope.evaluation.listed()", **PRIVATE
        )


def build(
    loaded: LoadedModels,
    language: gr.Radio,
    tab: gr.Tab,
    compare_point: gr.Radio | None = None,
    data_root: Path | None = None,
) -> tuple[Localised, ...]:
    """Lay the panel out inside its tab and connect it; nothing is read or drawn before the tab is first opened.

    Args:
        loaded: the networks.
        language: the page's.
        tab: that holds the panel.
        compare_point: Compare's operating point, which this panel's then is too.
        data_root: root of the user's films, for their pictures; None where none are to be shown.
    """
    return tuple(EvaluationPanel(loaded, language, tab, compare_point, data_root).localised)


def _read_evaluations(loaded: LoadedModels) -> Mapping[str, BundleEvaluation]:
    return {name: read_bundle_evaluation(bundle) for name, bundle in loaded.bundles.items()}


def _first_split(loaded: LoadedModels) -> str:
    return SPLITS[0] if _is_test_read(loaded) else SCORED_SPLITS[0]


def _is_test_read(loaded: LoadedModels) -> bool:
    return any(card.metrics.test is not None for card in loaded.cards.values())


def _splits(loaded: LoadedModels, words: Wording) -> list[tuple[str, str]]:
    test = words("word.test") if _is_test_read(loaded) else words("evaluation.split.unread")
    return [({"test": test, "validation": words("word.validation")}[split], split) for split in SPLITS]


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
