"""The panel for many films: drop files or a ZIP, see where A and B differ, open a film in Compare."""

import time
import weakref
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import gradio as gr

from demo.batch.batch import FilmSet, Upload, delete_uploads, evaluated, film_bytes, find_films, read_batch
from demo.batch.table import SORTS, Sort, arranged, tally
from demo.evaluation.operating_point_choices import default_point, shared_points
from demo.inference.compare import Comparison
from demo.inference.networks import LoadedModels
from demo.inference.onnx_runtime import usable_processors
from demo.language.catalogue import LANGUAGES, Language, Wording, wording
from demo.page.panels.batch_table import (
    TABLE_SCRIPT,
    empty_html,
    formula_note,
    gone_html,
    note_html,
    progress_html,
    summary_html,
    table_html,
)
from demo.page.panels.compare.panel import PRIVATE, READ, READING, ComparePanel
from demo.page.panels.downloads import Download, download, save_on_click
from demo.page.panels.film_drop import film_drop
from demo.page.panels.shared import Localised
from demo.predict.films.names import printable
from demo.predict.results import as_json, csv_header, csv_rows
from demo.predict.stream import share_processors
from train.common.errors import PneumoscopeError

BATCHES_AT_ONCE = 2  # of all visitors, one of each; others wait
PLACES = "batch-panel"  # the group of functions that these are places of
SECONDS_OF_A_BATCH = (
    3600.0  # it ends then as if it were stopped: a thousand films made to take long must not hold a place
)
SECONDS_BETWEEN_COUNTS = 0.25  # how often a running batch says how far it is
SECONDS_BETWEEN_TABLES = 2.0  # and how often at most it draws its table,
ROWS_BETWEEN_TABLES = 1.25  # each time so many times longer: drawing 1,000 rows takes as long as reading some films
BYTES_OF_A_READING = 4_000  # of both networks, in memory
QUICK = PRIVATE | {"queue": False}


@dataclass(frozen=True)
class View:
    """How a batch is looked at."""

    operating_point: str
    language: Language = "en"
    sort: Sort = "order"
    descending: bool = False
    only_differing: bool = False


@dataclass(eq=False)
class Batch:
    """A visitor's batch. It changes while its films are read, and what draws it looks here each time.

    Attributes:
        comparisons: of the first films, at the operating point that was chosen when the reading began.
        view: how its visitor wants to see it at this moment.
        has_begun: somebody reads it, or did.
        is_reading: there are films to be read; also while it waits for others' batches.
        is_stopped: no further film is to be read.
        is_gone: its uploads are deleted.
    """

    uploads: tuple[Upload, ...]
    found: FilmSet
    view: View
    comparisons: list[Comparison] = field(default_factory=list)
    has_begun: bool = False
    is_reading: bool = True
    is_stopped: bool = False
    is_gone: bool = False

    @property
    def kept_bytes(self) -> int:
        """Bytes of memory that it may take once all its films are read."""
        return BYTES_OF_A_READING * len(self.found.films)

    def stop(self) -> None:
        """Let the reading end after the films that are in the networks."""
        self.is_stopped = True

    def discard(self) -> None:
        """Stop and delete the uploads, as when the visitor leaves."""
        self.is_stopped = self.is_gone = True
        delete_uploads(self.uploads)


class BatchPanel:
    """The panel: its components, laid out where it is made, and what happens on them.

    Attributes:
        drawn: the components that `draw` fills.
        tools: the buttons and the box above the table.
    """

    def __init__(self, loaded: LoadedModels, compare: ComparePanel, language: gr.Radio, tabs: gr.Tabs) -> None:
        self.loaded, self.compare, self.language, self.tabs = loaded, compare, language, tabs
        self.batch = gr.State(None)
        with gr.Column(elem_classes="batch"):
            self._lay_out(wording("en"))
        self.drawn = [self.status, self.note, self.table]
        self.tools = [self.stop, self.only, self.csv, self.json, self.clear]
        self._connect()

    @property
    def localised(self) -> tuple[Localised, ...]:
        """Components whose words follow the language."""
        return (
            Localised(self.drop, lambda words: {"label": words("batch.drop_label")}),
            Localised(self.stop, lambda words: {"value": words("batch.stop")}),
            Localised(self.only, lambda words: {"label": words("batch.only")}),
            Localised(self.csv, lambda words: {"value": words("batch.csv")}),
            Localised(self.json, lambda words: {"value": words("batch.json")}),
            Localised(self.clear, lambda words: {"value": words("batch.clear")}),
        )

    def receive(
        self,
        files: Sequence[Mapping[str, Any]] | None,
        before: Batch | None,
        point: str,
        chosen: Language,
        only_differing: bool,
    ) -> tuple:
        """Begin a batch of uploads in place of the one before; nothing of it is read yet."""
        if not files:
            return (gr.skip(),) * (2 + len(self.drawn) + len(self.tools))
        _discard(before)
        uploads = tuple(Upload(_name(file), Path(file["path"])) for file in files)
        points = shared_points(self.loaded.cards.values())
        # Like the upload the other values come as they are sent, whatever that is.
        view = View(
            point if point in points else default_point(self.loaded.cards.values()),
            chosen if chosen in LANGUAGES else "en",
            only_differing=only_differing is True,
        )
        received = Batch(uploads, find_films(uploads), view)
        weakref.finalize(received, delete_uploads, uploads)  # of a call without a session, which nothing is kept for
        return received, None, *self.draw(received), *_tools(received, self.loaded)

    def read(self, found: Batch | None) -> Iterator[tuple]:
        """Read a batch's films, drawing what is there now and then; a batch is read once."""
        if found is None or found.is_gone or found.has_begun:
            return
        found.has_begun = True
        films, point = found.found.films, found.view.operating_point
        at_once, _ = share_processors(len(films), usable_processors())
        counted = tabled = time.monotonic()
        rows = 0  # of the table on screen
        loaded = self.loaded
        latest = counted + SECONDS_OF_A_BATCH

        def is_over() -> bool:
            return found.is_stopped or time.monotonic() > latest

        for comparison in read_batch(films, loaded.classifiers, point, at_once, is_over, loaded.read_film):
            if found.is_gone:  # what is on screen now is no longer this batch's
                break
            found.comparisons.append(comparison)
            now = time.monotonic()
            done = len(found.comparisons)
            if now - tabled >= SECONDS_BETWEEN_TABLES and done >= rows * ROWS_BETWEEN_TABLES:
                counted, tabled, rows = now, now, done
                yield *self.draw(found), *(gr.skip(),) * len(self.tools)
            elif now - counted >= SECONDS_BETWEEN_COUNTS:
                counted = now
                yield self._status_html(found), *(gr.skip(),) * (2 + len(self.tools))
        found.is_reading = False
        if not found.is_gone:
            yield *self.draw(found), *_tools(found, self.loaded)

    def draw(self, found: Batch) -> tuple[str, str, str]:
        """A batch's status, note and table, as it is looked at."""
        view, words = found.view, wording(found.view.language)
        comparisons = self._decided(found, view.operating_point)
        if not comparisons:
            return self._status_html(found), "", ""
        rows = arranged(comparisons, view.sort, view.descending, view.only_differing)
        drawn = table_html(rows, self.loaded, view.operating_point, view.sort, view.descending, words)
        return self._status_html(found), formula_note(comparisons, words), drawn

    def redraw(self, found: Batch | None, point: str, chosen: Language, only_differing: bool) -> tuple[str, str, str]:
        """Look at a batch another way; no network reads."""
        if found is None or found.is_gone:
            return empty_html(wording(chosen)), "", ""
        found.view = replace(found.view, operating_point=point, language=chosen, only_differing=only_differing)
        return self.draw(found)

    def sort(self, found: Batch | None, event: gr.EventData) -> str:
        """The table by the column that was clicked."""
        column = getattr(event, "sort", None)
        if found is None or not isinstance(column, str) or column not in SORTS:
            return gr.skip()
        # A first click shows the largest numbers first, but the films themselves in their order.
        turned = not found.view.descending if column == found.view.sort else column != "order"
        found.view = replace(found.view, sort=column, descending=turned)
        return self.draw(found)[2]

    def open_row(self, found: Batch | None, point: str, chosen: Language, event: gr.EventData) -> tuple:
        """Show the film of the row that was chosen in Compare."""
        stay = (gr.skip(),) * len(self.compare.shown)
        if found is None or found.is_gone:
            return *stay, gr.skip(), gone_html(wording(chosen))
        number = getattr(event, "film", None)
        if type(number) is not int or not 0 <= number < len(found.found.films):
            return *stay, gr.skip(), gr.skip()
        try:
            data = film_bytes(found.found.films[number])
        except PneumoscopeError as error:
            return *stay, gr.skip(), note_html(str(error), wording(chosen))
        name = printable(found.found.films[number].name)
        return *self.compare.open_film(data, point, chosen, name), gr.Tabs(selected="compare"), ""

    def clean(self, found: Batch | None, chosen: Language) -> tuple:
        """Delete a batch and clear the panel of it."""
        _discard(found)
        return None, empty_html(wording(chosen)), "", "", *(gr.update(visible=False),) * len(self.tools)

    def make_csv(self, found: Batch | None, point: str) -> Download | None:
        """The readings as `predict --csv` prints them."""
        if found is None:
            return None
        rows = b"".join(csv_rows(each, self.loaded.classifiers) for each in self._decided(found, point))
        return download("readings.csv", "text/csv", csv_header() + rows)

    def make_json(self, found: Batch | None, point: str) -> Download | None:
        """The readings as `predict --json` prints them."""
        if found is None:
            return None
        return download("readings.json", "application/json", as_json(self._decided(found, point)))

    def _status_html(self, found: Batch) -> str:
        words = wording(found.view.language)
        if found.is_reading:
            return progress_html(len(found.comparisons), len(found.found.films), words)
        counts = tally(self._decided(found, found.view.operating_point), self.loaded.classifiers)
        return summary_html(counts, found.found, words)

    def _decided(self, found: Batch, point: str) -> list[Comparison]:
        return [evaluated(each, self.loaded.cards, point) for each in tuple(found.comparisons)]

    def _lay_out(self, words: Wording) -> None:
        self.drop = film_drop(
            label=words("batch.drop_label"), file_count="multiple", height=84, elem_id="batch-drop", elem_classes="drop"
        )
        with gr.Row(elem_classes="batch-tools"):
            self.stop = gr.Button(words("batch.stop"), size="sm", visible=False, variant="stop", scale=0)
            self.only = gr.Checkbox(label=words("batch.only"), visible=False, container=False, elem_classes="only")
            self.csv = gr.Button(words("batch.csv"), size="sm", visible=False, scale=0)
            self.json = gr.Button(words("batch.json"), size="sm", visible=False, scale=0)
            self.clear = gr.Button(words("batch.clear"), size="sm", visible=False, scale=0)
        self.status = gr.HTML(empty_html(words), padding=False)
        self.note = gr.HTML("", padding=False)
        self.table = gr.HTML("", padding=False, js_on_load=TABLE_SCRIPT, elem_id="batch-readings")

    def _connect(self) -> None:
        batch, language, point = self.batch, self.language, self.compare.operating_point
        filled = [*self.drawn, *self.tools]
        looks = [point, language, self.only]
        # The visitor's own names are wanted, not those the server files them under: so the upload comes as it is.
        received = self.drop.upload(
            self.receive, [self.drop, batch, *looks], [batch, self.drop, *filled], preprocess=False, **QUICK
        )
        received.then(
            self.read,
            batch,
            filled,
            # A batch takes long: it must not hold the places of those who read one film.
            concurrency_limit=BATCHES_AT_ONCE,
            concurrency_id=PLACES,
            trigger_mode="multiple",
            **PRIVATE,
        ).failure(self.clean, [batch, language], [batch, *filled], **QUICK)  # the page is busy: nothing is read
        for change in (point.change, language.change, self.only.change):
            change(self.redraw, [batch, *looks], self.drawn, **QUICK)
        self.table.click(self.sort, batch, self.table, **QUICK)
        self.table.select(
            self.open_row, [batch, point, language], [*self.compare.shown, self.tabs, self.note], **READING
        ).then(None, None, None, js=READ, **PRIVATE)
        self.stop.click(lambda found: found.stop() if found else None, batch, None, **QUICK)
        self.clear.click(self.clean, [batch, language], [batch, *filled], **QUICK)
        save_on_click(self.csv, self.make_csv, [batch, point])
        save_on_click(self.json, self.make_json, [batch, point])


def build(loaded: LoadedModels, compare: ComparePanel, language: gr.Radio, tabs: gr.Tabs) -> tuple[Localised, ...]:
    """Lay the panel out inside the page and connect it."""
    return BatchPanel(loaded, compare, language, tabs).localised


def _discard(batch: Batch | None) -> None:
    if batch is not None:
        batch.discard()


def _tools(found: Batch, loaded: LoadedModels) -> tuple:
    """Which tools there are: to stop while films are read, afterwards the others."""
    has_readings = not found.is_reading and bool(found.comparisons)
    both = len(loaded.classifiers) > 1
    shown = (found.is_reading, has_readings and both, has_readings, has_readings, not found.is_reading)
    return tuple(gr.update(visible=visible) for visible in shown)


def _name(file: Mapping[str, Any]) -> str:
    # What a client sends need not be text that can be encoded.
    name = file.get("orig_name") or Path(file["path"]).name
    return str(name).encode("utf-8", "replace").decode()
