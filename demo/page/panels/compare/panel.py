"""The first panel: drop a film, read what both networks say."""

import base64
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from html import escape
from pathlib import Path

import gradio as gr
import numpy as np

from demo.batch.uploads import delete_upload
from demo.evaluation.example_films import Example
from demo.evaluation.operating_point_choices import default_point, shared_points
from demo.evaluation.track_record import TrackRecord, read_track_record
from demo.inference.classifier import threshold_of
from demo.inference.compare import Case, decide_case, read_case
from demo.inference.heatmap_drawing import OPACITY
from demo.inference.images import jpeg_uri, shrunk
from demo.inference.networks import LoadedModels
from demo.language.catalogue import Language, Wording, wording
from demo.language.reading_sentences import reached_line
from demo.page.panels.compare import save_report
from demo.page.panels.compare.film_on_screen import FilmOnScreen, detail_of, film_on_screen
from demo.page.panels.compare.heatmap import layer_choices, layers_html, legend_html
from demo.page.panels.compare.readings import error_html, readings_html
from demo.page.panels.compare.verdict_strip import strip_html, strip_of_error
from demo.page.panels.compare.viewer import empty_viewer_html, viewer_html
from demo.page.panels.film_drop import film_drop
from demo.page.panels.shared import Localised
from export.bundle import Card
from train.common.errors import PneumoscopeError
from train.radiograph import read_radiograph

log = logging.getLogger(__name__)

THUMBNAIL = 128  # pixels
PRIVATE = {"api_visibility": "private", "show_progress": "hidden"}
# A reading takes all processors: two at once would only wait for each other.
READING = PRIVATE | {"concurrency_limit": 2, "concurrency_id": "reading"}
READ = "() => opening.done()"  # a reading has ended, well or not
# The viewer is told where its film is, and asks for the film's detail by an event of the component's own.
_ATTACH = 'viewer.attach(element, (token) => trigger("select", { token })); watch("value", () => viewer.renew());'


class ComparePanel:
    """The panel: its components, laid out where it is made, and what happens on them.

    Attributes:
        case: state, a `Case` or None: the film on screen, no larger than the screen needs.
        on_screen: state, a `FilmOnScreen` or None: what that film is called, how large it is, its detail.
        operating_point: radio, a name of `demo.evaluation.operating_point_choices.shared_points`.
        shown: the components that `open_film` fills.
        localised: components whose words follow the language.
    """

    def __init__(self, loaded: LoadedModels, examples: Sequence[Example], language: gr.Radio) -> None:
        self.loaded, self.language = loaded, language
        self.track_record = read_track_record(loaded.bundles)
        self.localised: list[Localised] = []
        self.examples: list[tuple[gr.Button, Example]] = []
        self.case = gr.State(None)
        self.on_screen = gr.State(None)
        with gr.Row(elem_classes="compare", elem_id="compare-panel"):
            with gr.Column(scale=55, min_width=300, elem_classes="film-side"):
                self._lay_out_film()
            with gr.Column(scale=45, min_width=300, elem_classes="readings-side"):
                self._lay_out_readings()
                if examples:
                    self._lay_out_examples(examples)
        self.shown = (self.case, self.on_screen, self.strip, self.film, self.readings)
        for button, example in self.examples:
            self._connect_example(button, example)
        self._connect()

    def open_film(self, source: Path | bytes, point: str, language: Language, name: str = "") -> tuple:
        """Read a film at an operating point and return what `shown` takes, in a language; never raises.

        Args:
            source: the film.
            point: a name of an operating point.
            language: of what is shown.
            name: what its visitor calls the film, if they do.
        """
        try:
            found = read_case(source, self.loaded.classifiers, point, read_film=self.loaded.read_film)
        except PneumoscopeError as error:
            return self._unreadable(_named(str(error), source), language)
        except Exception as error:  # whatever a file does, the page goes on; the text may quote the film's header
            log.debug("unexpected", exc_info=True)
            return self._unreadable(_named(f"cannot be read (unexpected {type(error).__name__})", source), language)
        small = replace(found, film=shrunk(found.film))
        on_screen = film_on_screen(name, found.film, source)
        return small, on_screen, *self.drawn(small, on_screen, language)

    def read_upload(self, path: str | None, point: str, language: Language) -> tuple:
        """Read an upload and delete it: what `shown` takes, and an empty field for the next one."""
        if path is None:
            return (gr.skip(),) * (len(self.shown) + 1)
        try:
            return *self.open_film(Path(path), point, language, Path(path).name), None
        finally:
            delete_upload(Path(path))

    def at_operating_point(self, found: Case | None, point: str, language: Language) -> tuple:
        """Decide the film on screen at another operating point, without a network: the case and its readings."""
        if found is None:  # before the first film, or forgotten since: no verdict of another point may stay
            return None, self._strip_html(None, language), self._readings_html(None, language)
        evaluated = decide_case(found, self.loaded.cards, point)
        return evaluated, self._strip_html(evaluated, language), self._readings_html(evaluated, language)

    def drawn(self, found: Case | None, on_screen: FilmOnScreen | None, language: Language) -> tuple[str, str, str]:
        """A film's verdicts in short, the film itself and its readings in a language."""
        return (
            self._strip_html(found, language),
            film_html(found, self.loaded.cards, language, on_screen),
            self._readings_html(found, language),
        )

    def detail(self, on_screen: FilmOnScreen | None, event: gr.EventData) -> dict[str, str | None]:
        """The film on screen at its full size, for the browser that asks for it by the film's token."""
        token = getattr(event, "token", None)
        jpeg = detail_of(on_screen, token)
        data = None if jpeg is None else base64.b64encode(jpeg).decode("ascii")
        return {"token": str(token), "jpeg": data}

    def _strip_html(self, found: Case | None, language: Language) -> str:
        return strip_html(found, self.track_record, wording(language))

    def _readings_html(self, found: Case | None, language: Language) -> str:
        return readings_html(found, self.loaded, self.track_record, wording(language))

    def _unreadable(self, fault: str, language: Language) -> tuple:
        words = wording(language)
        empty = film_html(None, self.loaded.cards, language)
        return None, None, strip_of_error(words), empty, error_html(fault, words)

    def _lay_out_film(self) -> None:
        words, loaded = wording("en"), self.loaded
        self.strip = gr.HTML("", elem_classes="strip-holder", padding=False)
        self.film = gr.HTML(
            film_html(None, loaded.cards, "en"), elem_classes="film-holder", padding=False, js_on_load=_ATTACH
        )
        self.packed_detail = gr.JSON(visible=False)
        self.drop = film_drop(label=words("compare.drop_label"), height=44, elem_id="drop", elem_classes="drop")
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
        # The verdicts first; what is weighed against them below.
        self.readings = gr.HTML(self._readings_html(None, "en"), padding=False)
        self.operating_point = gr.Radio(
            reached_choices(points, self.loaded.cards, self.track_record, words),
            value=default_point(self.loaded.cards.values()),
            label=words("operating_point.label"),
            elem_classes="choice reached",
        )
        self.localised += [
            Localised(
                self.operating_point,
                lambda words: {
                    "label": words("operating_point.label"),
                    "choices": reached_choices(points, self.loaded.cards, self.track_record, words),
                },
            ),
            *save_report.build(self.loaded, self.track_record, self.case, self.language),
        ]

    def _connect(self) -> None:
        reading = self.drop.upload(
            self.read_upload,
            [self.drop, self.operating_point, self.language],
            [*self.shown, self.drop],
            **READING,
        )
        # Where the page is busy nothing was read, and the field would hold the film and take no other.
        reading.failure(None, None, self.drop, js="() => null", **PRIVATE)
        reading.then(None, None, None, js=READ, **PRIVATE)
        self.operating_point.change(
            self.at_operating_point,
            [self.case, self.operating_point, self.language],
            [self.case, self.strip, self.readings],
            queue=False,
            **PRIVATE,
        )
        self.language.change(
            self.drawn,
            [self.case, self.on_screen, self.language],
            [self.strip, self.film, self.readings],
            queue=False,
            **PRIVATE,
        )
        self.film.select(self.detail, self.on_screen, self.packed_detail, queue=False, **PRIVATE).then(
            None, self.packed_detail, None, js="(detail) => viewer.take(detail)", **PRIVATE
        )
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
                self.examples.append((button, example))
                self.localised.append(
                    Localised(button, lambda words, example=example: {"value": _caption(example, words)})
                )

    def _connect_example(self, button: gr.Button, example: Example) -> None:
        button.click(
            lambda point, language: self.open_film(example.path, point, language, _caption(example, wording(language))),
            [self.operating_point, self.language],
            [*self.shown],
            **READING,
        ).then(None, None, None, js=READ, **PRIVATE)


def build(loaded: LoadedModels, examples: Sequence[Example], language: gr.Radio) -> ComparePanel:
    """Lay the panel out inside the page and connect it."""
    return ComparePanel(loaded, examples, language)


def film_html(
    case: Case | None, cards: Mapping[str, Card], language: Language, on_screen: FilmOnScreen | None = None
) -> str:
    """The film, large, with each network's heatmap over it (hidden until asked for), in its viewer."""
    words = wording(language)
    if case is None or on_screen is None:
        return empty_viewer_html(words)
    height, width = case.film.shape
    alt = escape(words("compare.film_alt", width=on_screen.width, height=on_screen.height), quote=True)
    frame = (
        f"<div class='frame' style='aspect-ratio:{width}/{height}'>"
        f"<img class='picture' alt='{alt}' draggable='false' src='{jpeg_uri(case.film)}'>"
        f"{layers_html(case, cards)}</div>"
    )
    return viewer_html(frame, on_screen, words, legend_html(case, words))


def operating_point_choices(language: Language, points: Sequence[str]) -> list[tuple[str, str]]:
    """Operating points as (words, name), in their order."""
    words = wording(language)
    return [(words(f"operating_point.{name}"), name) for name in points]


def reached_choices(
    points: Sequence[str], cards: Mapping[str, Card], track_record: TrackRecord, words: Wording
) -> list[tuple[str, str]]:
    """`operating_point_choices`, below each what the networks reached there on known films."""
    lines = {
        name: reached_line({network: threshold_of(card, name) for network, card in cards.items()}, track_record, words)
        for name in points
    }
    return [
        (f"{text}\n{lines[name]}" if lines[name] else text, name)
        for text, name in operating_point_choices(words.language, points)
    ]


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
