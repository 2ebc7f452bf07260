"""A folder of films: read one after another, stopped, sorted, judged anew, saved."""

import contextlib
import threading
import time

import pytest

pytest.importorskip(
    "PySide6.QtWidgets", reason="needs PySide6 (extra desktop) and the system libraries of Qt", exc_type=ImportError
)

from PySide6.QtCore import Qt
from PySide6.QtGui import QPdfWriter
from PySide6.QtTest import QTest

from demo.desktop.panels.folder_table import DIFFERENCE, FILM, FolderTable
from demo.desktop.workers import folder_run
from demo.language.catalogue import wording
from demo.predict.films import folders

ENGLISH = wording("en")


@pytest.fixture
def films(write_film, tmp_path):
    """A folder of five films, dark to bright, and a file that is none."""
    for place, grey in enumerate((10, 80, 140, 190, 250)):
        write_film(tmp_path / "ward" / f"film-{place}.png", grey)
    (tmp_path / "ward" / "film-5.png").write_bytes(b"no picture")
    return tmp_path / "ward"


def names(window):
    return [window.folder.table.cells(each)[0] for each in window.folder.table.shown()]


def differences(window):
    cells = [window.folder.table.cells(each)[DIFFERENCE] for each in window.folder.table.shown()]
    return [float(cell) for cell in cells if cell]


def test_a_dropped_folder_is_read_and_counted(open_window, read, films):
    window = open_window()
    read(window, films)
    assert names(window) == [f"film-{place}.png" for place in range(6)]
    text = window.folder.status.text()
    assert ENGLISH("batch.read", read=5, films=6) in text
    assert ENGLISH("batch.unread", unread=1) in text
    assert not window.folder.progress.isVisible()


def test_several_films_are_a_list_too(open_window, read, films):
    window = open_window()
    read(window, films / "film-1.png", films / "film-3.png")
    assert names(window) == ["film-1.png", "film-3.png"]


def test_the_most_different_come_first(open_window, read, films):
    window = open_window()
    read(window, films)
    window.folder.by_difference.click()
    found = differences(window)
    assert len(found) == 5
    assert found == sorted(found, reverse=True)
    assert found[0] > found[-1]
    window.folder.view.sortByColumn(FILM, Qt.SortOrder.AscendingOrder)
    assert names(window)[0] == "film-0.png"


def test_only_films_that_differ_can_be_shown(open_window, read, films):
    window = open_window()
    read(window, films)
    every = len(window.folder.table.shown())
    window.folder.differing.click()
    shown = window.folder.table.shown()
    assert 0 < len(shown) < every
    assert all(each["agree"] is False for each in shown)


def test_a_film_of_the_list_is_opened_by_return(open_window, read, films, wait_until):
    window = open_window()
    read(window, films)
    window.folder.view.setCurrentIndex(window.folder.table.index(2, 0))
    QTest.keyClick(window.folder.view, Qt.Key.Key_Return)
    wait_until(lambda: window.film.film is not None)
    assert window.film.film.name == "film-2.png"
    assert window.tabs.currentWidget() is window.film


def test_the_csv_is_that_of_predict(open_window, read, films, run_command, models, tmp_path):
    window = open_window()
    read(window, films)
    window.folder._save((tmp_path / "list.csv", ".csv"))
    printed = run_command("predict", films, "--csv", "--models", models, "--device", "cpu").stdout

    def without_times(text):
        rows = [line.split(",") for line in text.splitlines() if line.startswith(("path,", str(films)))]
        return [row[:8] + row[9:] for row in rows]

    assert without_times((tmp_path / "list.csv").read_text()) == without_times(printed)


def test_another_operating_point_judges_the_list_anew(open_window, read, films):
    window = open_window()
    read(window, films)
    before = [each["agree"] for each in window.folder.table.comparisons]
    window.operating_point.setCurrentIndex(window.operating_point.findData("specificity_95"))
    readings = [each["readings"] for each in window.folder.table.comparisons if each["error"] is None]
    assert {reading["operating_point"] for both in readings for reading in both.values()} == {"specificity_95"}
    assert [each["agree"] for each in window.folder.table.comparisons] != before


@pytest.mark.parametrize("suffix", [".pdf", ".html"])
def test_the_list_can_be_printed(open_window, read, films, wait_until, tmp_path, suffix):
    window = open_window()
    read(window, films)
    window.folder._save((tmp_path / f"list{suffix}", suffix))
    said = ENGLISH("desktop.saved", file=f"list{suffix}")
    wait_until(lambda: window.statusBar().currentMessage() == said and window.folder.print_button.isEnabled())
    made = (tmp_path / f"list{suffix}").read_bytes()
    if suffix == ".pdf":
        assert made.startswith(b"%PDF")
        assert made.rstrip().endswith(b"%%EOF")
    else:
        assert b"film-3.png" in made
        assert str(tmp_path).encode() not in made
        assert ENGLISH("disclaimer.short").encode() in made


def test_two_hundred_films_are_read_while_the_window_answers(open_window, write_film, qt, wait_until, tmp_path):
    for place in range(200):
        write_film(tmp_path / "many" / f"{place:03}.png", place)
    window = open_window()
    window.open_paths([str(tmp_path / "many")])
    longest, last = 0.0, time.monotonic()
    while window.folder.running:
        qt.processEvents()
        now = time.monotonic()
        longest, last = max(longest, now - last), now
    assert len(window.folder.table.comparisons) == 200
    assert longest < 2  # on a machine with nothing else to do, a twentieth of that


def test_a_run_is_stopped_and_what_was_read_stays(open_window, write_film, wait_until, tmp_path, monkeypatch):
    for place in range(60):
        write_film(tmp_path / "many" / f"{place:03}.png", 200)
    pressed, reading = threading.Event(), folder_run.read_films

    def read_some_and_wait(*arguments):
        with contextlib.closing(reading(*arguments)) as films:
            for place, film in enumerate(films):
                if place == 20:
                    assert pressed.wait(20)
                yield film

    monkeypatch.setattr(folder_run, "read_films", read_some_and_wait)
    monkeypatch.setattr(folder_run, "SECONDS_BETWEEN_ROWS", 0)
    window = open_window()
    window.open_paths([str(tmp_path / "many")])
    wait_until(lambda: window.folder.table.comparisons)
    QTest.keyClick(window, Qt.Key.Key_Escape)
    pressed.set()
    wait_until(lambda: not window.folder.running)
    done = len(window.folder.table.comparisons)
    assert 0 < done <= 21
    assert ENGLISH("batch.stopped", rest=60 - done) in window.folder.status.text()


def test_a_folder_that_vanishes_gives_a_line_per_film(open_window, write_film, wait_until, tmp_path, monkeypatch):
    folder = tmp_path / "gone"
    for place in range(20):
        write_film(folder / f"{place}.png")
    found = folder_run.find_films([str(folder)])

    def find_then_lose(_paths, **_how):
        for film in folder.iterdir():
            film.unlink()
        folder.rmdir()
        return found

    monkeypatch.setattr(folder_run, "find_films", find_then_lose)
    window = open_window()
    window.open_paths([str(tmp_path)])
    wait_until(lambda: not window.folder.running)
    assert len(window.folder.table.comparisons) == 20
    assert all("cannot be opened" in each["error"] for each in window.folder.table.comparisons)


def test_an_empty_folder_is_said(open_window, read, tmp_path):
    (tmp_path / "empty").mkdir()
    window = open_window()
    read(window, tmp_path / "empty")
    assert "no film here" in window.folder.status.text()


@pytest.mark.parametrize("suffix", [".csv", ".pdf"])
def test_a_full_disk_at_export_is_said(open_window, read, films, wait_until, tmp_path, monkeypatch, suffix):
    def full(path, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("demo.desktop.workers.save_files.write_bytes", full)
    window = open_window()
    read(window, films)
    window.folder._save((tmp_path / f"list{suffix}", suffix))
    wait_until(lambda: "No space left" in window.statusBar().currentMessage())


def test_what_a_former_run_had_sent_does_not_enter_the_next(open_window, read, films, write_film, tmp_path):
    other = write_film(tmp_path / "other" / "other.png").parent
    window = open_window()
    window.open_paths([str(films)])
    window.folder._run.wait()  # its rows and its end wait in Qt's queue
    read(window, other)
    assert names(window) == ["other.png"]
    assert ENGLISH("batch.read", read=1, films=1) in window.folder.status.text()


def test_the_window_goes_on_while_a_list_is_saved_and_closing_waits_for_it(
    open_window, read, films, qt, tmp_path, monkeypatch
):
    going_on = threading.Event()

    def writer(buffer):
        assert going_on.wait(10), "the window waits for it"
        return QPdfWriter(buffer)

    monkeypatch.setattr("demo.desktop.workers.save_files.QPdfWriter", writer)
    window = open_window()
    read(window, films)
    window.folder._save((tmp_path / "list.pdf", ".pdf"))
    qt.processEvents()
    assert not window.folder.print_button.isEnabled()
    assert not (tmp_path / "list.pdf").exists()
    going_on.set()
    window.close()
    assert (tmp_path / "list.pdf").read_bytes().startswith(b"%PDF")


def test_closing_the_window_ends_a_run(open_window, write_film, tmp_path):
    for place in range(50):
        write_film(tmp_path / "many" / f"{place:03}.png")
    window = open_window()
    window.open_paths([str(tmp_path / "many")])
    run = window.folder._run
    window.close()
    assert not run._thread.is_alive()


@pytest.mark.parametrize("how", ["close", "drop", "escape"])
def test_a_search_ends_when_it_is_told_to(open_window, films, tmp_path, wait_until, read, monkeypatch, how):
    looked_at = []
    told = threading.Event()

    def slow(path):  # a file on a slow disk
        looked_at.append(path)
        told.wait(20)
        return "text"

    for place in range(100):
        (tmp_path / "tree" / str(place)).mkdir(parents=True)
        (tmp_path / "tree" / str(place) / "notes").touch()
    monkeypatch.setattr(folders, "describe_no_film", slow)
    window = open_window()
    window.open_paths([str(tmp_path / "tree")])
    run = window.folder._run
    wait_until(lambda: looked_at)
    monkeypatch.setattr(run, "wait", lambda wait=run.wait: (told.set(), wait()))
    if how == "close":
        window.close()
    elif how == "drop":
        window.open_paths([str(films / "film-1.png"), str(films / "film-3.png")])
    else:
        QTest.keyClick(window, Qt.Key.Key_Escape)
        told.set()
    wait_until(lambda: not window.folder.running)
    assert len(looked_at) == 1
    text = ENGLISH("batch.read", read=2, films=2) if how == "drop" else ENGLISH("desktop.folder_empty")
    assert how == "close" or text in window.folder.status.text()


def test_ten_thousand_films_are_sorted_and_shown_in_a_moment(qt):
    def comparison(place):
        reading = {"threshold": 0.5, "operating_point": "youden", "refused": False, "novelty": None}
        both = {
            name: reading | {"probability": (place * step % 997) / 997, "positive": True}
            for name, step in (("a", 31), ("b", 17))
        }
        return {"path": f"{place}.png", "readings": both, "agree": True, "error": None}

    table = FolderTable()
    started = time.monotonic()
    for first in range(0, 10_000, 100):
        table.append([comparison(place) for place in range(first, first + 100)])
    table.sort(DIFFERENCE, Qt.SortOrder.DescendingOrder)
    assert time.monotonic() - started < 5
    assert table.rowCount() == 10_000
    assert float(table.cells(table.comparison_at(0))[DIFFERENCE]) >= float(
        table.cells(table.comparison_at(9_999))[DIFFERENCE]
    )


def test_a_refused_film_shows_no_number_and_warns_of_the_other_network(qt):
    reading = {"threshold": 0.5, "operating_point": "youden", "novelty": 2.0, "novelty_limit": 1.0, "probability": 0.91}
    readings = {
        "a": reading | {"refused": True, "positive": None},
        "b": reading | {"refused": False, "positive": True, "probability": 0.97},
    }
    table = FolderTable()
    table.append([{"path": "hand.png", "readings": readings, "agree": None, "error": None}])
    assert table.cells(table.comparison_at(0)) == [
        "hand.png",
        "–",
        "too unlike the films I learnt from",
        "0.970",
        "pneumonia likely",
        "",
        "A refuses: do not rely on B",
    ]
    grey = [table.data(table.index(0, column), Qt.ItemDataRole.ForegroundRole) for column in range(7)]
    assert [colour is not None for colour in grey] == [False, False, False, True, True, False, False]
