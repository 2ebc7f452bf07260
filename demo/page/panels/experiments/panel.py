"""The Experiments panel: the report's studies, reported beside measured, by network, study and size."""

from collections.abc import Sequence
from html import escape

import gradio as gr

from demo.language.catalogue import Language, Wording, wording
from demo.language.numbers import isolated
from demo.page.panels.evaluation.plot_component import plot_data
from demo.page.panels.evaluation.plots import caption_html
from demo.page.panels.experiments.tables import FULL, conclusions_html, costs_html, rows_html, scale_name, study_title
from demo.page.panels.shared import Localised
from demo.plots.described import DescribedPlot
from demo.plots.studies import ACCURACY_AT_HALF, described_effects, described_rows
from train.studies.record import STAGES, Effect, StudiesRecord, Study, Training

ON_SCREEN = "(on, ...rest) => [!!document.querySelector('.experiments')?.offsetParent, ...rest]"
PRIVATE = {"api_visibility": "private", "show_progress": "hidden", "queue": False}
EVERY = ""  # network or study: all of them
NETWORKS = ("a", "b")


class ExperimentsPanel:
    """The panel: its components, laid out where it is made, and what is drawn on them.

    Attributes:
        record: what the studies set, report and measured.
        localised: components whose words follow the language.
    """

    def __init__(self, record: StudiesRecord, language: gr.Radio, tab: gr.Tab) -> None:
        self.record, self.language, self.tab = record, language, tab
        self.localised: list[Localised] = []
        words = wording("en")
        with gr.Column(elem_classes="experiments"):
            self._lay_out_choices(words)
            self.conclusions = gr.HTML(padding=False)
            self.captions, self.plots = [], []
            with gr.Row(elem_classes="study-plots"):
                for _ in range(2):
                    with gr.Column(min_width=320, elem_classes="study-plot"):
                        self.captions.append(gr.HTML(padding=False))
                        self.plots.append(gr.Plot(show_label=False, container=False))
            self.tables = gr.HTML(padding=False)
        self._connect()

    def show(self, on: bool, network: str, study: str, scale: str, language: Language) -> list:
        """Draw everything of a choice, where the panel is on screen, and offer the sizes it was measured at."""
        if not on:
            return [gr.skip()] * len(self._shown)
        words = wording(language)
        chosen = self._chosen(network, study)
        scales = self._scales_of(chosen, network)
        scale = scale if scale in scales else scales[0]
        drawn = self._drawn(chosen, network, scale, words)
        plots = [gr.update(value=plot_data(plot.figure), visible=True) if plot else _NOTHING for plot in drawn]
        captions = [caption_html(plot) if plot else "" for plot in drawn]
        tables = "".join(rows_html(self.record, one, network, scale, words) for one in chosen)
        names = [one.name for one in chosen]
        networks = {row.network for one in chosen for row in one.rows if network in (EVERY, row.network)}
        notice = ""
        if scale != FULL:
            reduced = escape(words("experiments.reduced.notice", scale=isolated(scale, words)))
            notice = f"<p class='notice'>{reduced}</p>"
        return [
            gr.update(choices=_scales(scales, words), value=scale),
            notice + conclusions_html(self.record, network, names, scale, words),
            *captions,
            *plots,
            tables + costs_html(self.record, networks, scale, words),
        ]

    def choose_network(self, network: str, study: str, language: Language) -> dict:
        """The studies of a network; the chosen one stays where it is among them."""
        choices = self._studies(network, wording(language))
        kept = study if any(study == name for _, name in choices) else choices[1][1]
        return gr.update(choices=choices, value=kept)

    @property
    def _shown(self) -> list[gr.blocks.Block]:
        return [self.scale, self.conclusions, *self.captions, *self.plots, self.tables]

    def _chosen(self, network: str, study: str) -> list[Study]:
        return [
            one
            for one in self.record.studies
            if study in (EVERY, one.name) and (network == EVERY or any(row.network == network for row in one.rows))
        ]

    def _trainings_of(self, studies: Sequence[Study], network: str) -> list[Training]:
        rows = {(study.name, row.key) for study in studies for row in study.rows if network in (EVERY, row.network)}
        return [training for training in self.record.trainings if rows.intersection(training.rows)]

    def _scales_of(self, chosen: Sequence[Study], network: str) -> tuple[str, ...]:
        """The sizes at which anything of studies was measured; where nothing was, all there are."""
        measured = {training.scale for training in self._trainings_of(chosen, network)}
        scales = self.record.scales or (FULL,)
        return tuple(scale for scale in scales if scale in measured) or scales

    def _drawn(
        self, chosen: Sequence[Study], network: str, scale: str, words: Wording
    ) -> tuple[DescribedPlot | None, DescribedPlot | None]:
        """The plots of one study; of all of them at once nothing could be read."""
        if len(chosen) != 1:
            return None, None
        (study,) = chosen
        of = network or study.rows[0].network
        stage = self._last_stage(study, of, scale)
        effects = self._effects(study, of, stage, scale)
        return (
            described_rows(self.record, study, of, scale, words),
            described_effects(effects, study, of, stage, words) if effects else None,
        )

    def _last_stage(self, study: Study, network: str, scale: str) -> str:
        """The last stage that was measured at a size; heads trained alone have not been fine-tuned."""
        trainings = [training for training in self._trainings_of([study], network) if training.scale == scale]
        stages = STAGES[network]
        measured = [stage for stage in stages if any(stage in training.stages for training in trainings)]
        return (measured or stages)[-1]

    def _effects(self, study: Study, network: str, stage: str, scale: str) -> list[Effect]:
        rows = {row.key for row in study.rows if row.network == network}
        found = [
            effect
            for effect in self.record.effects
            if (effect.study, effect.stage, effect.scale, effect.figure) == (study.name, stage, scale, ACCURACY_AT_HALF)
            and (effect.kind == "level" or effect.level in rows)
        ]
        levels = [effect for effect in found if effect.kind == "level"]
        return levels or found  # of a grid its levels: they are what it was made for, and few

    def _lay_out_choices(self, words: Wording) -> None:
        about = gr.HTML(self._about(words), padding=False)
        scales = self.record.scales or (FULL,)
        with gr.Row(elem_classes="controls"):
            self.network = gr.Radio(
                _networks(words),
                value=EVERY,
                label=words("experiments.network"),
                elem_classes="choice",
                min_width=240,
                scale=0,
            )
            self.study = gr.Dropdown(
                self._studies(EVERY, words),
                value=self._first_study(),
                label=words("experiments.study"),
                filterable=False,
                elem_classes="study",
                min_width=240,
            )
            self.scale = gr.Dropdown(
                _scales(scales, words),
                value=self._first_scale(),
                label=words("experiments.size"),
                filterable=False,
                visible=len(scales) > 1 or scales[0] != FULL,
                min_width=200,
            )
        self.on_screen = gr.Checkbox(True, visible=False)
        self.localised += [
            Localised(about, lambda words: {"value": self._about(words)}),
            Localised(self.network, lambda words: {"label": words("experiments.network"), "choices": _networks(words)}),
            Localised(self.study, lambda words: {"label": words("experiments.study")}),
            Localised(self.scale, lambda words: {"label": words("experiments.size")}),
        ]

    def _first_study(self) -> str:
        """The first study that was measured at all."""
        measured = {study for training in self.record.trainings for study, _ in training.rows}
        counted = [study.name for study in self.record.studies if study.counted]
        return next((name for name in counted if name in measured), counted[0])

    def _first_scale(self) -> str:
        """The size at which most of the first study was measured."""
        first = self._chosen(EVERY, self._first_study())
        sizes = [training.scale for training in self._trainings_of(first, EVERY)]
        return max(self._scales_of(first, EVERY), key=sizes.count)  # of several with as many the first: full size

    def _studies(self, network: str, words: Wording) -> list[tuple[str, str]]:
        chosen = [(study_title(study, words), study.name) for study in self._chosen(network, EVERY)]
        return [(words("experiments.every"), EVERY), *chosen]

    def _about(self, words: Wording) -> str:
        counted = [(study.name, row.key) for study in self.record.studies if study.counted for row in study.rows]
        measured = {row for training in self.record.trainings for row in training.rows}
        full = {row for training in self.record.trainings if training.scale == FULL for row in training.rows}
        standing = words(
            "experiments.standing",
            rows=len(counted),
            full=len(full.intersection(counted)),
            measured=len(measured.intersection(counted)),
            trainings=len(self.record.trainings),
            date=self.record.date,
        )
        return (
            f"<h2>{escape(words('experiments.title'))}</h2><p class='how'>{escape(words('experiments.how'))}</p>"
            f"<p>{escape(standing)}</p>"
        )

    def _connect(self) -> None:
        looks = [self.on_screen, self.network, self.study, self.scale, self.language]
        self.network.input(self.choose_network, [self.network, self.study, self.language], self.study, **PRIVATE)
        self.language.change(self.choose_network, [self.network, self.study, self.language], self.study, **PRIVATE)
        happenings = (self.tab.select, self.language.change, self.network.input, self.study.change, self.scale.input)
        for happens in happenings:
            happens(self.show, looks, self._shown, js=ON_SCREEN, **PRIVATE)


_NOTHING = {"visible": False, "value": None, "__type__": "update"}


def build(record: StudiesRecord, language: gr.Radio, tab: gr.Tab) -> tuple[Localised, ...]:
    """Lay the panel out inside its tab and connect it; nothing is drawn before the tab is first opened."""
    return tuple(ExperimentsPanel(record, language, tab).localised)


def _networks(words: Wording) -> list[tuple[str, str]]:
    return [(words("experiments.both"), EVERY), *((name.upper(), name) for name in NETWORKS)]


def _scales(scales: Sequence[str], words: Wording) -> list[tuple[str, str]]:
    return [(scale_name(scale, words), scale) for scale in scales]
