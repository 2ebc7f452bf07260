"""The sweep: what nobody asked about goes, by a clock that is never set, and what the page itself shows stays."""

import os
import time

import pytest

pytest.importorskip("gradio", reason="the page needs Gradio, not installed here")

from demo.page.guard.sweep import SECONDS_KEPT, Sweep


@pytest.fixture
def clock():
    """Seconds that go on when they are told to."""
    return [1000.0]


@pytest.fixture
def sweep(tmp_path, clock):
    return Sweep(tmp_path, lambda: clock[0])


def write(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("film")
    return path


def test_whatever_lies_there_goes_in_time_with_its_folder(sweep, clock, tmp_path):
    old, kept = write(tmp_path / "a" / "b" / "film.png"), write(tmp_path / "c" / "example.png")
    (tmp_path / "link").symlink_to(tmp_path / "c")
    sweep.once({kept})
    clock[0] += SECONDS_KEPT - 1
    new = write(tmp_path / "d" / "film.png")
    sweep.once({kept})
    assert old.exists()
    clock[0] += 1
    sweep.once({kept})
    assert not old.parent.parent.exists()
    assert not (tmp_path / "link").is_symlink()
    assert new.exists()
    assert kept.exists()


def test_a_clock_that_is_set_loses_nothing(sweep, tmp_path, monkeypatch):
    film = write(tmp_path / "a" / "film.png")
    os.utime(film, (0, 0))
    monkeypatch.setattr(time, "time", lambda: 4e9)
    for _ in range(3):
        sweep.once()
    assert film.exists()


def test_another_file_in_its_place_is_new(sweep, clock, tmp_path):
    film = write(tmp_path / "film.png")
    other = write(tmp_path / "other.png")
    sweep.once()
    clock[0] += SECONDS_KEPT
    other.rename(film)
    sweep.once()
    assert film.exists()
