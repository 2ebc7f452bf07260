"""The panel for many films: drop files or a ZIP, see where A and B differ, open a film in Compare."""

import time
import weakref
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.context import Context

from demo.batch.batch import FilmSet, Upload, delete_uploads, evaluated, film_bytes, find_films, read_batch
from demo.batch.table import SORTS, Sort, arranged, tally
from demo.evaluation.operating_point_choices import shared_points
from demo.inference.compare import Comparison
from demo.inference.networks import LoadedModels
from demo.inference.onnx_runtime import usable_processors
from demo.language.catalogue import LANGUAGES, Language, wording
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
from demo.page.panels.compare import SECONDS_A_CASE_IS_KEPT, ComparePanel
from demo.page.panels.downloads import Download, download, save_on_click
from demo.page.panels.shared import Localised
from demo.predict.results import as_json, csv_header, csv_rows
from demo.predict.stream import share_processors
from train.common.errors import PneumoscopeError

BATCHES_AT_ONCE = 2  # of all visitors; others wait
SECONDS_BETWEEN_COUNTS = 0.25  # how often a running batch says how far it is
SECONDS_BETWEEN_TABLES = 2.0  # and how often at most it draws its table,
ROWS_BETWEEN_TABLES = 1.25  # each time so many times longer: drawing 1,000 rows takes as long as reading some films


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

    def stop(self) -> None:
        """Let the reading end after the films that are in the networks."""
        self.is_stopped = True

    def discard(self) -> None:
        """Stop and delete the uploads."""
        self.is_stopped = self.is_gone = True
        delete_uploads(self.uploads)


def build(loaded: LoadedModels, compare: ComparePanel, language: gr.Radio, tabs: gr.Tabs) -> tuple[Localised, ...]:
    """Lay the panel out inside the page and connect it."""
    words, points = wording("en"), shared_points(loaded.cards.values())
    of_visitor: weakref.WeakValueDictionary[str, Batch] = (
        weakref.WeakValueDictionary()
    )  # by session, for those who leave
    batch = gr.State(None, time_to_live=SECONDS_A_CASE_IS_KEPT, delete_callback=_discard)
    with gr.Column(elem_classes="batch"):
        drop = gr.File(
            label=words("batch.drop_label"), file_count="multiple", height=84, elem_id="batch-drop", elem_classes="drop"
        )
        with gr.Row(elem_classes="batch-tools"):
            stop = gr.Button(words("batch.stop"), size="sm", visible=False, variant="stop", scale=0)
            only = gr.Checkbox(label=words("batch.only"), visible=False, container=False, elem_classes="only")
            csv = gr.Button(words("batch.csv"), size="sm", visible=False, scale=0)
            json = gr.Button(words("batch.json"), size="sm", visible=False, scale=0)
            clear = gr.Button(words("batch.clear"), size="sm", visible=False, scale=0)
        status = gr.HTML(empty_html(words), padding=False)
        note = gr.HTML("", padding=False)
        table = gr.HTML("", padding=False, js_on_load=TABLE_SCRIPT, elem_id="batch-readings")
    drawn = [status, note, table]
    tools = [stop, only, csv, json, clear]

    def receive(
        files: Sequence[Mapping[str, Any]] | None,
        before: Batch | None,
        point: str,
        chosen: Language,
        only_differing: bool,
        request: gr.Request,
    ) -> tuple:
        if not files:
            return (gr.skip(),) * (2 + len(drawn) + len(tools))
        _discard(before)
        uploads = tuple(Upload(_name(file), Path(file["path"])) for file in files)
        # Like the upload the other values come as they are sent, whatever that is.
        view = View(
            point if point in points else points[0],
            chosen if chosen in LANGUAGES else "en",
            only_differing=only_differing is True,
        )
        received = Batch(uploads, find_films(uploads), view)
        # Of a session that is pushed out nothing more is heard: its batch is only forgotten.
        weakref.finalize(received, delete_uploads, uploads)
        of_visitor[request.session_hash or ""] = received
        return received, None, *draw(received), *_tools(received, loaded)

    def read(found: Batch | None) -> Iterator[tuple]:
        if found is None or found.is_gone or found.has_begun:
            return
        found.has_begun = True
        films, point = found.found.films, found.view.operating_point
        at_once, _ = share_processors(len(films), usable_processors())
        counted = tabled = time.monotonic()
        rows = 0  # of the table on screen
        for comparison in read_batch(films, loaded.classifiers, point, at_once, lambda: found.is_stopped):
            if found.is_gone:  # what is on screen now is no longer this batch's
                break
            found.comparisons.append(comparison)
            now = time.monotonic()
            done = len(found.comparisons)
            if now - tabled >= SECONDS_BETWEEN_TABLES and done >= rows * ROWS_BETWEEN_TABLES:
                counted, tabled, rows = now, now, done
                yield *draw(found), *(gr.skip(),) * len(tools)
            elif now - counted >= SECONDS_BETWEEN_COUNTS:
                counted = now
                yield status_html(found), *(gr.skip(),) * (2 + len(tools))
        found.is_reading = False
        if not found.is_gone:
            yield *draw(found), *_tools(found, loaded)

    def status_html(found: Batch) -> str:
        words = wording(found.view.language)
        if found.is_reading:
            return progress_html(len(found.comparisons), len(found.found.films), words)
        return summary_html(tally(decided(found, found.view.operating_point), loaded.classifiers), found.found, words)

    def draw(found: Batch) -> tuple[str, str, str]:
        view, words = found.view, wording(found.view.language)
        comparisons = decided(found, view.operating_point)
        if not comparisons:
            return status_html(found), "", ""
        rows = arranged(comparisons, view.sort, view.descending, view.only_differing)
        drawn = table_html(rows, loaded, view.operating_point, view.sort, view.descending, words)
        return status_html(found), formula_note(comparisons, words), drawn

    def decided(found: Batch, point: str) -> list[Comparison]:
        return [evaluated(each, loaded.cards, point) for each in tuple(found.comparisons)]

    def redraw(found: Batch | None, point: str, chosen: Language, only_differing: bool) -> tuple[str, str, str]:
        if found is None or found.is_gone:
            return empty_html(wording(chosen)), "", ""
        found.view = replace(found.view, operating_point=point, language=chosen, only_differing=only_differing)
        return draw(found)

    def sort(found: Batch | None, event: gr.EventData) -> str:
        column = event.sort
        if found is None or column not in SORTS:
            return gr.skip()
        # A first click shows the largest numbers first, but the films themselves in their order.
        turned = not found.view.descending if column == found.view.sort else column != "order"
        found.view = replace(found.view, sort=column, descending=turned)
        return draw(found)[2]

    def open_row(found: Batch | None, point: str, chosen: Language, event: gr.EventData) -> tuple:
        stay = (gr.skip(),) * len(compare.shown)
        if found is None or found.is_gone:
            return *stay, gr.skip(), gone_html(wording(chosen))
        number = event.film
        if type(number) is not int or not 0 <= number < len(found.found.films):
            return *stay, gr.skip(), gr.skip()
        try:
            data = film_bytes(found.found.films[number])
        except PneumoscopeError as error:
            return *stay, gr.skip(), note_html(str(error))
        return *compare.open_film(data, point, chosen), gr.Tabs(selected="compare"), ""

    def clean(found: Batch | None, chosen: Language) -> tuple:
        _discard(found)
        return None, empty_html(wording(chosen)), "", "", *(gr.update(visible=False),) * len(tools)

    def make_csv(found: Batch | None, point: str) -> Download | None:
        if found is None:
            return None
        rows = b"".join(csv_rows(each, loaded.classifiers) for each in decided(found, point))
        return download("readings.csv", "text/csv", csv_header() + rows)

    def make_json(found: Batch | None, point: str) -> Download | None:
        if found is None:
            return None
        return download("readings.json", "application/json", as_json(decided(found, point)))

    def forget(request: gr.Request) -> None:
        _discard(of_visitor.pop(request.session_hash or "", None))

    private = {"api_visibility": "private", "show_progress": "hidden"}
    quick = private | {"queue": False}
    looks = [compare.operating_point, language, only]
    # The visitor's own names are wanted, not those the server files them under: so the upload comes as it is.
    received = drop.upload(receive, [drop, batch, *looks], [batch, drop, *drawn, *tools], preprocess=False, **quick)
    received.then(
        read,
        batch,
        [*drawn, *tools],
        # A batch takes long: it must not hold the places of those who read one film.
        concurrency_limit=BATCHES_AT_ONCE,
        concurrency_id="batch-panel",
        trigger_mode="multiple",
        **private,
    )
    for change in (compare.operating_point.change, language.change, only.change):
        change(redraw, [batch, *looks], drawn, **quick)
    table.click(sort, batch, table, **quick)
    table.select(
        open_row,
        [batch, compare.operating_point, language],
        [*compare.shown, tabs, note],
        concurrency_limit=2,
        concurrency_id="reading",
        **private,
    ).then(None, None, None, js=_FOCUS_TAB, **private)
    stop.click(lambda found: found.stop() if found else None, batch, None, **quick)
    clear.click(clean, [batch, language], [batch, *drawn, *tools], **quick)
    save_on_click(csv, make_csv, [batch, compare.operating_point])
    save_on_click(json, make_json, [batch, compare.operating_point])
    if Context.root_block is not None:
        Context.root_block.unload(forget)
    return (
        Localised(drop, lambda words: {"label": words("batch.drop_label")}),
        Localised(stop, lambda words: {"value": words("batch.stop")}),
        Localised(only, lambda words: {"label": words("batch.only")}),
        Localised(csv, lambda words: {"value": words("batch.csv")}),
        Localised(json, lambda words: {"value": words("batch.json")}),
        Localised(clear, lambda words: {"value": words("batch.clear")}),
    )


# Where the keyboard was is hidden now; it goes on at the tab that came to the front.
_FOCUS_TAB = "() => setTimeout(() => document.querySelector('[role=tab][aria-selected=true]')?.focus(), 100)"


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
