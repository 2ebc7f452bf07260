"""The first panel: drop a film, read what both networks say."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from html import escape
from pathlib import Path

import gradio as gr
import numpy as np

from demo.batch.uploads import delete_upload
from demo.evaluation.example_films import Example
from demo.evaluation.operating_point_choices import shared_points
from demo.evaluation.track_record import read_track_record
from demo.inference.compare import Case, decide_case, read_case
from demo.inference.heatmap_drawing import OPACITY
from demo.inference.images import jpeg_uri, shrunk
from demo.inference.networks import LoadedModels
from demo.language.catalogue import Language, Wording, wording
from demo.page.panels import compare_save_report
from demo.page.panels.compare_readings import error_html, readings_html
from demo.page.panels.heatmap import layer_choices, layers_html, legend_html
from demo.page.panels.shared import Localised
from export.bundle import Card
from train.common.errors import PneumoscopeError
from train.radiograph import read_radiograph

log = logging.getLogger(__name__)

THUMBNAIL = 128  # pixels
SECONDS_A_CASE_IS_KEPT = 3600  # in the server's memory, after the last thing its visitor did with it
PRIVATE = {"api_visibility": "private", "show_progress": "hidden"}
# A reading takes all processors: two at once would only wait for each other.
READING = PRIVATE | {"concurrency_limit": 2, "concurrency_id": "reading"}


class ComparePanel:
    """The panel: its components, laid out where it is made, and what happens on them.

    Attributes:
        case: state, a `Case` or None: the film on screen, no larger than the screen needs.
        operating_point: radio, a name of `demo.evaluation.operating_point_choices.shared_points`.
        shown: the components that `open_film` fills.
        localised: components whose words follow the language.
    """

    def __init__(self, loaded: LoadedModels, examples: Sequence[Example], language: gr.Radio) -> None:
        self.loaded, self.language = loaded, language
        self.track_record = read_track_record(loaded.bundles)
        self.localised: list[Localised] = []
        self.case = gr.State(None, time_to_live=SECONDS_A_CASE_IS_KEPT)
        with gr.Row(elem_classes="compare", elem_id="compare-panel"):
            with gr.Column(scale=4, min_width=300, elem_classes="film-side"):
                self._lay_out_film()
            with gr.Column(scale=6, min_width=320, elem_classes="readings-side"):
                self._lay_out_readings()
        self.shown = (self.case, self.film, self.readings)
        self._connect()
        if examples:
            self._lay_out_examples(examples)

    def open_film(self, source: Path | bytes, point: str, language: Language) -> tuple[Case | None, str, str]:
        """Read a film at an operating point and return what `shown` takes, in a language; never raises."""
        try:
            found = read_case(source, self.loaded.classifiers, point, read_film=self.loaded.read_film)
        except PneumoscopeError as error:
            return self._unreadable(_named(str(error), source), language)
        except Exception as error:  # whatever a file does, the page goes on; the text may quote the film's header
            log.debug("unexpected", exc_info=True)
            return self._unreadable(_named(f"cannot be read (unexpected {type(error).__name__})", source), language)
        small = replace(found, film=shrunk(found.film))
        return small, *self.drawn(small, language)

    def read_upload(self, path: str | None, point: str, language: Language) -> tuple:
        """Read an upload and delete it: what `shown` takes, and an empty field for the next one."""
        if path is None:
            return (gr.skip(),) * 4
        try:
            return *self.open_film(Path(path), point, language), None
        finally:
            delete_upload(Path(path))

    def at_operating_point(self, found: Case | None, point: str, language: Language) -> tuple:
        """Decide the film on screen at another operating point, without a network: the case and its readings."""
        if found is None:
            return gr.skip(), gr.skip()
        evaluated = decide_case(found, self.loaded.cards, point)
        return evaluated, self._readings_html(evaluated, language)

    def drawn(self, found: Case | None, language: Language) -> tuple[str, str]:
        """A film and its readings in a language."""
        return film_html(found, self.loaded.cards, language), self._readings_html(found, language)

    def _readings_html(self, found: Case | None, language: Language) -> str:
        return readings_html(found, self.loaded, self.track_record, wording(language))

    def _unreadable(self, fault: str, language: Language) -> tuple[None, str, str]:
        return None, film_html(None, self.loaded.cards, language), error_html(fault, wording(language))

    def _lay_out_film(self) -> None:
        words, loaded = wording("en"), self.loaded
        self.film = gr.HTML(film_html(None, loaded.cards, "en"), elem_classes="film-holder", padding=False)
        self.drop = gr.File(
            label=words("compare.drop_label"), height=56, elem_id="drop", elem_classes="drop", type="filepath"
        )
        has_heatmap = any("heatmap" in classifier.outputs for classifier in loaded.classifiers.values())
        with gr.Row(visible=has_heatmap, elem_classes="heatmap-choice"):
            self.layer = gr.Radio(layer_choices(loaded, words), value="none", label=words("compare.heatmap"))
            self.opacity = gr.Slider(
                0, 100, value=round(100 * OPACITY), step=1, label=words("compare.opacity"), buttons=[]
            )
        self.localised += [
            Localised(self.drop, lambda words: {"label": words("compare.drop_label")}),
            Localised(
                self.layer,
                lambda words: {"label": words("compare.heatmap"), "choices": layer_choices(loaded, words)},
            ),
            Localised(self.opacity, lambda words: {"label": words("compare.opacity")}),
        ]

    def _lay_out_readings(self) -> None:
        words, points = wording("en"), shared_points(self.loaded.cards.values())
        self.operating_point = gr.Radio(
            operating_point_choices("en", points),
            value=points[0],
            label=words("operating_point.label"),
            elem_classes="choice",
        )
        self.readings = gr.HTML(self._readings_html(None, "en"), padding=False)
        self.localised += [
            Localised(
                self.operating_point,
                lambda words: {
                    "label": words("operating_point.label"),
                    "choices": operating_point_choices(words.language, points),
                },
            ),
            *compare_save_report.build(self.loaded, self.case, self.language),
        ]

    def _connect(self) -> None:
        self.drop.upload(
            self.read_upload,
            [self.drop, self.operating_point, self.language],
            [*self.shown, self.drop],
            **READING | {"show_progress": "minimal"},
        )
        self.operating_point.change(
            self.at_operating_point,
            [self.case, self.operating_point, self.language],
            [self.case, self.readings],
            queue=False,
            **PRIVATE,
        )
        self.language.change(self.drawn, [self.case, self.language], [self.film, self.readings], queue=False, **PRIVATE)
        self.layer.change(None, self.layer, None, js="(layer) => pneumoscope.layer(layer)", **PRIVATE)
        self.opacity.change(None, self.opacity, None, js="(percent) => pneumoscope.opacity(percent)", **PRIVATE)

    def _lay_out_examples(self, examples: Sequence[Example]) -> None:
        heading = gr.HTML(_heading("en"), padding=False)
        self.localised.append(Localised(heading, lambda words: {"value": _heading(words.language)}))
        with gr.Row(elem_classes="examples"):
            for example in examples:
                with gr.Column(min_width=108, elem_classes="example"):
                    # Beside the button and not its icon: Gradio would copy the film to where it serves files from.
                    gr.HTML(_thumbnail(example.path), padding=False)
                    button = gr.Button(_caption(example, wording("en")), size="sm")
                self.localised.append(
                    Localised(button, lambda words, example=example: {"value": _caption(example, words)})
                )
                button.click(
                    lambda point, language, example=example: self.open_film(example.path, point, language),
                    [self.operating_point, self.language],
                    [*self.shown],
                    **READING,
                )


def build(loaded: LoadedModels, examples: Sequence[Example], language: gr.Radio) -> ComparePanel:
    """Lay the panel out inside the page and connect it."""
    return ComparePanel(loaded, examples, language)


def film_html(case: Case | None, cards: Mapping[str, Card], language: Language) -> str:
    """The film, large, with each network's heatmap over it (hidden until asked for)."""
    words = wording(language)
    if case is None:
        return f"<div class='film empty'><p>{escape(words('compare.drop'))}</p></div>"
    height, width = case.film.shape
    alt = escape(words("compare.film_alt", width=width, height=height), quote=True)
    shape = "tall" if height * 11 > width * 10 else "wide"  # the frame's own side is about 11 : 10
    return (
        f"<div class='film'><div class='frame {shape}' style='aspect-ratio:{width}/{height}'>"
        f"<img class='picture' alt='{alt}' src='{jpeg_uri(case.film)}'>{layers_html(case, cards)}</div></div>"
        f"{legend_html(case, words)}"
    )


def operating_point_choices(language: Language, points: Sequence[str]) -> list[tuple[str, str]]:
    """Operating points as (words, name), in their order."""
    words = wording(language)
    return [(words(f"operating_point.{name}"), name) for name in points]


def _thumbnail(path: Path) -> str:
    try:
        picture = shrunk(read_radiograph(path), THUMBNAIL)
    except PneumoscopeError:  # shown when the example is opened
        picture = np.zeros((THUMBNAIL, THUMBNAIL), np.uint8)
    return f"<img alt='' src='{jpeg_uri(picture)}'>"


def _caption(example: Example, words: Wording) -> str:
    return words(example.caption_key, **example.values)


def _heading(language: Language) -> str:
    return f"<h2 class='heading'>{escape(wording(language)('compare.examples'))}</h2>"


def _named(fault: str, source: Path | bytes) -> str:
    if not isinstance(source, Path):
        return fault
    # Where the server keeps uploads is nobody's concern; the film's own name is.
    fault = fault.replace(str(source), source.name)
    return fault if fault.startswith(source.name) else f"{source.name}: {fault}"
