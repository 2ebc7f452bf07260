import asyncio
import base64
import gc
import json
import zipfile
from types import SimpleNamespace

import gradio as gr
import pytest

from demo.inference.networks import load_models
from demo.language.catalogue import wording
from demo.page.panels import batch
from demo.page.sessions.kept_bytes import kept_bytes
from demo.page.sessions.states import LeftBehind

GREYS = (20, 90, 200, 250)  # both say no, both again, A alone says yes, both say yes


@pytest.fixture
def panel(models):
    return built(load_models(models, "cpu"))


def built(loaded):
    """The panel in a page of its own: its callbacks by name, what it asked Compare to open, its worded components."""
    return asyncio.run(_built(loaded))  # without a running loop Gradio makes loops that nobody closes


async def _built(loaded):
    opened = []
    with gr.Blocks(analytics_enabled=False) as page:
        language = gr.Radio(["en", "he"], value="en")
        with gr.Tabs() as tabs, gr.Tab():
            compare = SimpleNamespace(
                operating_point=gr.Radio(["youden"]),
                shown=(gr.State(), gr.HTML()),
                open_film=lambda *given: opened.append(given) or ("case", "film"),
            )
            localised = batch.build(loaded, compare, language, tabs)
    calls = {block.fn.__name__: block.fn for block in page.fns.values() if block.fn}
    return SimpleNamespace(**calls, opened=opened, localised=localised, page=page)


@pytest.fixture
def drop(panel, tmp_path, write_film):
    """Hand films (name → bytes) over, by default four and one that is text → the batch, not read yet."""

    def drop(files=None, before=None, language="en", session="one"):
        if files is None:
            films = {f"{grey}.png": write_film(tmp_path / f"{grey}.png", grey).read_bytes() for grey in GREYS}
            files = films | {"=text.jpg": b"this is text"}
        received = []
        for number, (name, data) in enumerate(files.items()):
            path = tmp_path / "received" / f"{session} {number}" / "film"
            path.parent.mkdir(parents=True)
            path.write_bytes(data)
            received.append({"path": str(path), "orig_name": name})
        return panel.receive(received, before, "youden", language, False)[0]

    return drop


def read(panel, found):
    """Read a batch to its end → its last status, note, table and tools."""
    *_, last = panel.read(found)
    return last


def click(**data):
    return gr.EventData(None, data)


def shown(tools):
    return [update["visible"] for update in tools]


def rows(html):
    return [int(part.split("'")[0]) for part in html.split("data-film='")[1:]]


def test_a_batch_is_counted_and_tabled(panel, drop):
    status, note, table, *tools = read(panel, drop())
    assert "4 of 5 films read." in status
    assert "A: pneumonia likely on 2." in status
    assert "B: pneumonia likely on 1." in status
    assert "They agree on 3 and differ on 1." in status
    assert "Could not be read: 1." in status
    assert "spreadsheet" in note
    assert rows(table) == [0, 1, 2, 3, 4]
    assert "text: expected a JPEG" in table
    assert shown(tools) == [False, True, True, True, True]


def test_while_films_are_read_there_is_progress_and_a_stop(panel, drop, monkeypatch):
    monkeypatch.setattr(batch, "SECONDS_BETWEEN_COUNTS", 0)
    found = drop()
    statuses = [panel.redraw(found, "youden", "en", False)[0]]
    statuses += [status for status, *_ in panel.read(found)]
    assert [f"{done} of 5 films read<" in status for done, status in enumerate(statuses[:-1])] == [True] * 6
    assert "batch-summary" in statuses[-1]


def test_a_stop_keeps_what_was_read(panel, drop, monkeypatch):
    monkeypatch.setattr(batch, "SECONDS_BETWEEN_COUNTS", 0)
    found = drop()
    reading = panel.read(found)
    next(reading)
    found.stop()
    *_, (status, _, table, *tools) = reading
    assert rows(table) == [0]
    assert "Stopped: not read yet: 4." in status
    assert shown(tools)[0] is False


def test_another_operating_point_judges_again_without_a_network(panel, drop, monkeypatch):
    found = drop()
    read(panel, found)
    monkeypatch.setattr(batch, "read_batch", None)
    status, _, table = panel.redraw(found, "f1", "en", False)
    assert "A: pneumonia likely on 3." in status
    assert "Most found per mistake (F1)" in table
    assert panel.redraw(found, "youden", "en", True)[2].count("data-film") == 1


def test_a_change_while_films_are_read_holds_to_the_end(panel, drop, monkeypatch):
    monkeypatch.setattr(batch, "SECONDS_BETWEEN_COUNTS", 0)
    found = drop()
    reading = panel.read(found)
    next(reading)
    panel.redraw(found, "f1", "he", False)
    panel.sort(found, click(sort="b"))
    *_, (status, _, table, *_) = reading
    assert wording("he")("batch.unread", unread=1) in status
    assert wording("he")("operating_point.f1") in table
    assert rows(table) == [3, 2, 1, 0, 4]


def test_a_column_sorts_its_numbers_and_turns(panel, drop):
    found = drop()
    read(panel, found)
    assert rows(panel.sort(found, click(sort="a"))) == [3, 2, 1, 0, 4]
    assert rows(panel.sort(found, click(sort="a"))) == [0, 1, 2, 3, 4]
    assert rows(panel.sort(found, click(sort="difference")))[-1] == 4
    assert "aria-sort='descending'" in panel.sort(found, click(sort="b"))
    assert isinstance(panel.sort(found, click(sort="path; DROP TABLE")), dict)  # gr.skip()
    assert isinstance(panel.sort(None, click(sort="a")), dict)


def test_a_row_opens_the_film_it_shows_however_it_is_sorted(panel, drop, tmp_path):
    found = drop()
    read(panel, found)
    first = rows(panel.sort(found, click(sort="a")))[0]
    case, film, tabs, note = panel.open_row(found, "f1", "he", click(film=first))
    assert panel.opened == [((tmp_path / "250.png").read_bytes(), "f1", "he", "250.png")]
    assert (case, film, note) == ("case", "film", "")
    assert tabs.selected == "compare"


@pytest.mark.parametrize("number", [5, -1, "0", None, True, 1.5])
def test_a_row_that_is_not_there_opens_nothing(panel, drop, number):
    found = drop()
    read(panel, found)
    panel.open_row(found, "f1", "en", click(film=number))
    assert panel.opened == []


def test_a_film_of_an_archive_opens_and_a_refused_one_says_why(panel, drop, tmp_path, write_film):
    film = write_film(tmp_path / "film.png", 200).read_bytes()
    with zipfile.ZipFile(tmp_path / "ward.zip", "w") as archive:
        archive.writestr("ward/film.png", film)
        archive.writestr("../film.png", film)
    found = drop({"ward.zip": (tmp_path / "ward.zip").read_bytes()})
    read(panel, found)
    panel.open_row(found, "youden", "en", click(film=0))
    assert panel.opened == [(film, "youden", "en", "ward/film.png")]
    *_, note = panel.open_row(found, "youden", "en", click(film=1))
    assert "leads out of the archive" in note
    assert len(panel.opened) == 1


def test_downloads_are_what_predict_prints(panel, drop, models, run_command, tmp_path, monkeypatch):
    found = drop()
    read(panel, found)
    for name, path in ((upload.name, upload.path) for upload in found.uploads):
        (tmp_path / name).write_bytes(path.read_bytes())
    names = [upload.name for upload in found.uploads]
    options = ("--models", models, "--operating-point", "f1")

    def lines(make):
        return base64.b64decode(make(found, "f1")["data"]).decode()

    printed = run_command("predict", *names, *options, "--csv").stdout
    assert without_time(lines(panel.make_csv)) == without_time(printed)
    mine, theirs = (
        json.loads(lines(panel.make_json)),
        json.loads(run_command("predict", *names, *options, "--json").stdout),
    )
    for one in [*mine, *theirs]:
        for reading in one["readings"].values():
            reading["milliseconds"] = 0
    assert mine == theirs
    assert panel.make_csv(None, "f1") is None
    assert panel.make_json(None, "f1") is None


def without_time(csv):
    return [[cell for place, cell in enumerate(line.split(",")) if place != 8] for line in csv.splitlines()]


def test_uploads_are_deleted_when_the_visitor_clears(panel, drop, tmp_path):
    found = drop()
    read(panel, found)
    state, status, *_, clear = panel.clean(found, "en")
    assert state is None
    assert "Drop up to 1,000 films" in status
    assert clear["visible"] is False
    assert list((tmp_path / "received").iterdir()) == []
    *_, note = panel.open_row(found, "youden", "en", click(film=0))
    assert "have been deleted" in note


def test_uploads_are_deleted_when_another_batch_comes(panel, drop, monkeypatch):
    monkeypatch.setattr(batch, "SECONDS_BETWEEN_COUNTS", 0)
    found = drop()
    reading = panel.read(found)
    next(reading)
    drop({"text.png": b"text"}, before=found, session="next")
    assert not any(upload.path.exists() for upload in found.uploads)
    assert list(reading) == []  # and the first one draws nothing any more


def test_a_film_that_comes_out_of_the_networks_too_late_draws_nothing(panel, drop, monkeypatch):
    monkeypatch.setattr(batch, "SECONDS_BETWEEN_COUNTS", 0)
    found, films = drop(), batch.read_batch

    def discarded_meanwhile(*arguments):
        for comparison in films(*arguments):
            found.discard()
            yield comparison

    monkeypatch.setattr(batch, "read_batch", discarded_meanwhile)
    assert list(panel.read(found)) == []


def test_uploads_are_deleted_when_the_visitor_leaves(drop):
    mine, others = drop(session="mine"), drop(session="others")
    assert isinstance(mine, LeftBehind)
    mine.discard()
    assert mine.is_gone
    assert not any(upload.path.exists() for upload in mine.uploads)
    assert others.uploads[0].path.exists()


def test_a_batch_counts_as_what_it_may_become(panel, drop):
    found = drop()
    before = kept_bytes(found)
    read(panel, found)
    assert kept_bytes(found) == before == 5 * batch.BYTES_OF_A_READING
    assert sum(map(kept_bytes, (found.comparisons, found.found))) < before * 2


def test_uploads_are_deleted_with_a_batch_that_is_only_forgotten(drop, tmp_path):
    found = drop()
    assert len(list((tmp_path / "received").iterdir())) == 5
    del found
    gc.collect()
    assert list((tmp_path / "received").iterdir()) == []


def test_a_batch_is_read_once(panel, drop):
    found = drop()
    read(panel, found)
    assert list(panel.read(found)) == []
    assert list(panel.read(None)) == []


def test_an_archive_that_cannot_be_read_is_one_line(panel, drop):
    status, note, table, *_ = read(panel, drop({"<b>.zip": b"PK\x03\x04"}))
    assert "There is no film to read." in status
    assert "&lt;b&gt;.zip: cannot be opened" in status
    assert (note, table) == ("", "")


def test_what_a_client_sends_is_checked(panel, tmp_path):
    (tmp_path / "x").write_bytes(b"text")
    files = [{"path": str(tmp_path / "x"), "orig_name": "\ud800<script>.png"}, {"path": str(tmp_path / "x")}]
    found = panel.receive(files, None, "../../x", "../../x", "yes")[0]
    assert (found.view.operating_point, found.view.language, found.view.only_differing) == ("youden", "en", False)
    _, _, table, *_ = read(panel, found)
    assert "<script" not in table
    assert panel.make_csv(found, "youden") is not None


def test_one_network_has_one_pair_of_columns(models, tmp_path, write_film, tiny_bundle):
    tiny_bundle(tmp_path / "one", "b")
    panel = built(load_models(tmp_path / "one", "cpu"))
    file = {"path": str(write_film(tmp_path / "x.png")), "orig_name": "x.png"}
    found = panel.receive([file], None, "youden", "en", False)[0]
    status, _, table, *tools = read(panel, found)
    assert "agree" not in status
    assert table.count("<th scope='col'") == 4
    assert shown(tools) == [False, False, True, True, True]


def test_nothing_is_shown_before_there_is_a_batch(panel):
    status, note, table = panel.redraw(None, "youden", "he", False)
    assert wording("he")("batch.empty", most="1,000") in status
    assert (note, table) == ("", "")


def test_every_event_is_private_and_quick_ones_wait_for_nothing(panel):
    ours = {"receive", "read", "redraw", "sort", "open_row", "clean", "make_csv", "make_json"}
    events = [dependency for dependency in panel.page.fns.values() if dependency.name in ours]
    assert {event.name for event in events} == ours
    assert {event.api_visibility for event in events} == {"private"}
    waiting = {event.name for event in events if event.queue is not False}
    assert waiting <= {"read", "open_row", "make_csv", "make_json"}


def test_every_worded_component_has_words_in_both_languages(panel):
    for entry in panel.localised:
        assert all(entry.properties(wording("en")).values())
        assert entry.properties(wording("en")) != entry.properties(wording("he"))
