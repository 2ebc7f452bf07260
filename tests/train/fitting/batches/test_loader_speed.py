"""The loader's speed is films by seconds, whoever makes them."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from itertools import count
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from train.fitting.batches import loader_speed
from train.fitting.batches.loader_speed import rate_of_processes, rate_of_threads


@pytest.fixture
def folder(tmp_path):
    """Nine films, so that the second batch of an epoch holds one."""
    for number in range(9):
        film = np.random.default_rng(number).integers(0, 256, (40, 50), dtype=np.uint8)
        cv2.imwrite(str(tmp_path / f"{number}.png"), film)
    return tmp_path


@pytest.mark.parametrize("threads", [1, 2])
def test_films_are_counted_by_the_clock(folder, threads, monkeypatch):
    """A clock that goes on by a second whenever it is looked at: batches of 8, 1 and 8 in 5 seconds."""
    clock = count()
    monkeypatch.setattr(loader_speed, "time", SimpleNamespace(perf_counter=lambda: next(clock)))
    begun = []
    assert rate_of_threads(folder, threads, 4, lambda: begun.append(1)) == (8 + 1 + 8) / 5
    assert begun == [1]


@pytest.mark.exhaustive
def test_the_films_of_all_processes_are_summed(folder):
    assert rate_of_processes(folder, 2, 0.05) > 0
