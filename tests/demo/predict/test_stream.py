import io
import sys
import threading
from types import SimpleNamespace

import pytest

from demo.inference.classifier import load_classifier
from demo.predict import stream
from demo.predict.stream import AHEAD, MOST_FILMS_AT_ONCE, read_films, share_processors
from export.bundle import find_bundles
from train.common.errors import UsageError

WAIT = 30  # seconds until a test that hangs fails


def answer(film, *_):
    return {"path": film, "readings": {}, "agree": None, "error": None}


@pytest.mark.parametrize(
    ("films", "processors", "expected"),
    [(1, 2, (1, 2)), (2, 2, (2, 1)), (500, 2, (2, 1)), (3, 8, (3, 2)), (500, 1, (1, 1)), (0, 4, (1, 4))],
)
def test_the_processors_are_shared(films, processors, expected):
    assert share_processors(films, processors) == expected


def test_many_processors_do_not_mean_many_films_in_memory():
    assert share_processors(10_000, 64) == (MOST_FILMS_AT_ONCE, 64 // MOST_FILMS_AT_ONCE)


def test_a_slow_film_keeps_its_place_and_the_others_wait_in_a_bounded_queue(monkeypatch):
    begun, everything_ahead = [], threading.Event()
    begun_meanwhile = []

    def compare(film, *_):
        begun.append(film)
        if len(begun) == AHEAD * 2:
            everything_ahead.set()
        if film == "0":
            assert everything_ahead.wait(WAIT)
            begun_meanwhile.extend(begun)
        return answer(film)

    monkeypatch.setattr(stream, "compare_film", compare)
    films = [str(number) for number in range(40)]
    assert [film["path"] for film in read_films(films, {}, at_once=2)] == films
    assert sorted(begun_meanwhile, key=int) == films[: AHEAD * 2]


def test_only_so_many_films_are_open_at_once(monkeypatch):
    open_now, most, lock = 0, 0, threading.Lock()
    both = threading.Barrier(2)

    def compare(film, *_):
        nonlocal open_now, most
        with lock:
            open_now += 1
            most = max(most, open_now)
        both.wait(WAIT)  # passes only if two are open together
        with lock:
            open_now -= 1
        return answer(film)

    monkeypatch.setattr(stream, "compare_film", compare)
    assert len(list(read_films([str(number) for number in range(12)], {}, at_once=2))) == 12
    assert most == 2


def test_who_stops_taking_films_stops_the_reading(monkeypatch):
    begun = []

    def compare(film, *_):
        begun.append(film)
        return answer(film)

    monkeypatch.setattr(stream, "compare_film", compare)
    films = read_films([str(number) for number in range(1000)], {}, at_once=1)
    next(films)
    films.close()
    assert len(begun) <= AHEAD + 1
    assert [thread for thread in threading.enumerate() if thread.name.startswith("film")] == []


def test_several_at_once_read_as_one_by_one(tmp_path, models, write_film):
    classifiers = {network: load_classifier(bundle, "cpu", 1) for network, bundle in find_bundles(models).items()}
    films = [str(write_film(tmp_path / f"{grey}.png", grey)) for grey in range(0, 256, 8)]
    films.insert(5, str(tmp_path / "gone.png"))

    def read(at_once):
        found = list(read_films(films, classifiers, "f1", at_once))
        for film in found:
            for reading in film["readings"].values():
                reading.pop("milliseconds")
        return found

    assert read(4) == read(1)
    assert [film["path"] for film in read(4)] == films


def test_standard_input_is_a_film_like_any_other(tmp_path, models, write_film, monkeypatch):
    classifiers = {"a": load_classifier(find_bundles(models)["a"], "cpu", 1)}
    data = write_film(tmp_path / "film.png", 255).read_bytes()
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(data)))
    piped, file = read_films(["-", str(tmp_path / "film.png")], classifiers)
    assert piped["path"] == "-"
    assert piped["readings"]["a"]["probability"] == file["readings"]["a"]["probability"]


def test_warnings_come_before_their_film(monkeypatch):
    def compare(film, classifiers, operating_point, data, on_warning, *_):
        on_warning("first")
        on_warning("second")
        return answer(film)

    monkeypatch.setattr(stream, "compare_film", compare)
    heard = []
    for film in read_films(["x", "y"], {}, on_warning=lambda path, warning: heard.append((path, warning))):
        heard.append(film["path"])
    assert heard == [("x", "first"), ("x", "second"), "x", ("y", "first"), ("y", "second"), "y"]


def test_wrong_use_reaches_the_caller(models):
    classifiers = {"a": load_classifier(find_bundles(models)["a"], "cpu", 1)}
    with pytest.raises(UsageError, match="best"):
        list(read_films(["x", "y", "z"], classifiers, "best", 2))
