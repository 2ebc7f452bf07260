"""The second panel: how good A and B are, on which films, and what another threshold or prevalence would change.

The server draws it once for a split and a language; thresholds, prevalence and costs move in the browser alone
(`instrument.js`).
"""

from functools import cache, partial
from pathlib import Path

import gradio as gr

from demo.evaluation.operating_point_choices import default_point, shared_points
from demo.inference.networks import LoadedModels
from demo.language.catalogue import LANGUAGES, Language, Wording, wording
from demo.page.own_files import bundles_to_take
from demo.page.panels.compare.panel import operating_point_choices
from demo.page.panels.evaluation.cell_films import CELL_SCRIPT, cell_films_html
from demo.page.panels.evaluation.drawn import (
    OF_POINT,
    SPLITS,
    draw_evaluation,
    draw_of_point,
    is_test_read,
    read_evaluations,
    split_choices,
    thresholds_heading,
    words_explained,
)
from demo.page.panels.evaluation.instrument import index_html, section_id
from demo.page.panels.evaluation.plot_component import plot_data
from demo.page.panels.evaluation.plots import marks_html
from demo.page.panels.shared import Localised
from train.metrics.scores import SCORED_SPLITS

# A language may be chosen while another panel is open, and a plot that is not on screen has no size to be drawn at.
ON_SCREEN = "(on, ...rest) => [!!document.querySelector('.evaluation')?.offsetParent, ...rest]"
PRIVATE = {"api_visibility": "private", "show_progress": "hidden", "queue": False}
# Gradio fetches the library that draws the plots when the first such component is laid out, with the tab.
NOTHING_DRAWN = {"data": [], "layout": {"width": 10, "height": 10}, "config": {"staticPlot": True}}


#: The parts of `drawn.py`, and the films of a number that was clicked, as `show` fills them.
PARTS = (
    *("about", "sliders", "tables", "films", "costs", "plots", "intervals"),
    *(*OF_POINT, "calibration", "stress", "report", "training"),
)


class EvaluationPanel:
    """The panel: its components, laid out where it is made, and what is drawn on them.

    Attributes:
        evaluations: what each network's bundle holds; read when it is first asked for.
        drawn: state, what is on screen: None before anything is, "" once it is out of date.
        point: the operating point, the same as Compare's and Batch's.
        data: what `instrument.js` works with.
        parts: the components that `drawn.py` has the HTML of, by the names there, and "films".
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
        self.evaluations = cache(partial(read_evaluations, loaded))
        self.parts: dict[str, gr.HTML] = {}
        self.localised: list[Localised] = []
        words = wording("en")
        with gr.Column(elem_classes="evaluation"):
            self._lay_out_bar(words)
            self._lay_out_tables()
            self._lay_out_plots(words)
            # Nothing of it is seen before it is drawn, and nothing is read.
            for name in ("cohorts", "against", "calibration", "stress"):
                self._lay_out_part(name, elem_classes="evidence", elem_id=section_id(name))
            self._lay_out_part("report", elem_classes="beside-report", elem_id=section_id("report"))
            self._lay_out_part("training", elem_id=section_id("training"))
        self._connect()

    def show(self, on: bool, before: str | None, split: str, language: Language, point: str) -> list:
        """Draw the whole panel, where it is on screen and another is there (`before`) than is asked for."""
        wanted = f"{split} {language}"
        if not on or before == wanted:
            return ["" if not on and before is not None else gr.skip(), *[gr.skip()] * (len(self._shown) - 1)]
        words, found = wording(language), self.evaluations()
        drawn = draw_evaluation(self.loaded, found, split, point, words)
        parts = drawn.parts | draw_of_point(self.loaded, found, split, point, words) | {"films": ""}
        return [wanted, drawn.data, *(parts[name] for name in PARTS)]

    def follow(self, point: str, drawn: str | None, split: str, language: Language) -> list:
        """Take the operating point that was chosen here or in Compare: the tables that hang on it."""
        if drawn is None:
            return [point, *[gr.skip()] * len(OF_POINT)]
        of_point = draw_of_point(self.loaded, self.evaluations(), split, point, wording(language))
        return [point, *(of_point[name] for name in OF_POINT)]

    def list_films(self, split: str, language: Language, event: gr.EventData) -> str:
        """The films of the number that was clicked."""
        asked = {name: getattr(event, name, None) for name in ("network", "cell", "threshold")}
        words = wording(language if language in LANGUAGES else "en")
        # The films of a network of one's own are its owner's: neither is its scores.csv handed out.
        named = self.data_root is not None or bool(bundles_to_take(self.loaded))
        return cell_films_html(
            self.evaluations(), split, asked, self.data_root, self.loaded.read_film, words, named=named
        )

    @property
    def _shown(self) -> list[gr.blocks.Block]:
        """The components that `show` fills."""
        return [self.drawn, self.data, *(self.parts[name] for name in PARTS)]

    @property
    def _of_point(self) -> list[gr.HTML]:
        """Those of them that `follow` fills."""
        return [self.parts[name] for name in OF_POINT]

    def _lay_out_bar(self, words: Wording) -> None:
        points = shared_points(self.loaded.cards.values())
        self.drawn = gr.State(None)
        self.data = gr.JSON(visible=False)
        self.on_screen = gr.Checkbox(True, visible=False)
        with gr.Column(elem_classes="evaluation-bar"):
            index = gr.HTML(index_html(words), padding=False)
            with gr.Row(elem_classes="controls"):
                self.split = gr.Radio(
                    split_choices(self.loaded, words),
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
                self._lay_out_part("sliders", elem_classes="slider-side")
        self._lay_out_part("about", elem_classes="about-split")
        self.localised += [
            Localised(index, lambda words: {"value": index_html(words)}),
            Localised(
                self.split,
                lambda words: {"label": words("evaluation.split"), "choices": split_choices(self.loaded, words)},
            ),
            Localised(
                self.point,
                lambda words: {
                    "label": words("operating_point.label"),
                    "choices": operating_point_choices(words.language, points),
                },
            ),
        ]

    def _lay_out_part(self, name: str, **properties: str) -> None:
        self.parts[name] = gr.HTML(padding=False, **properties)

    def _lay_out_tables(self) -> None:
        words = wording("en")
        heading = gr.HTML(thresholds_heading(words), padding=False, elem_id=section_id("thresholds"))
        self._lay_out_part("tables", elem_classes="tables", js_on_load=CELL_SCRIPT)
        self._lay_out_part("films", elem_classes="cell-films-side")
        self.localised.append(Localised(heading, lambda words: {"value": thresholds_heading(words)}))

    def _lay_out_plots(self, words: Wording) -> None:
        points = shared_points(self.loaded.cards.values())
        marks = gr.HTML(marks_html(words, points), padding=False, elem_id=section_id("curves"))
        self.localised.append(Localised(marks, lambda words: {"value": marks_html(words, points)}))
        self._lay_out_part("plots")
        explained = gr.HTML(words_explained(words), padding=False)
        self.localised.append(Localised(explained, lambda words: {"value": words_explained(words)}))
        self._lay_out_part("intervals")
        self._lay_out_part("costs", elem_classes="evidence costs-side", elem_id=section_id("costs"))
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
            point.input(self.follow, follow, [point, *self._of_point], js=moved, **PRIVATE)
        else:
            point.input(None, point, self.compare_point, js="(point) => pneumoscope.evaluation.point(point)", **PRIVATE)
            self.compare_point.change(self.follow, follow, [point, *self._of_point], js=moved, **PRIVATE)
        self.parts["tables"].select(self.list_films, [split, language], self.parts["films"], **PRIVATE).then(
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


def _first_split(loaded: LoadedModels) -> str:
    return SPLITS[0] if is_test_read(loaded) else SCORED_SPLITS[0]
