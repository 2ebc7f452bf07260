"""A network's run that does not end is ended."""

import numpy as np
import pytest

from demo.inference import classifier as classifiers
from demo.inference import run_limit
from demo.inference.classifier import ReadingError, load_classifier
from demo.inference.run_limit import RunTooLongError, limited_run


def test_a_run_is_told_to_end_when_its_time_is_over(monkeypatch):
    monkeypatch.setattr(run_limit, "_BETWEEN_LOOKS", 0.01)

    def run():
        with limited_run(60) as other, limited_run(0) as options:
            while not options.terminate:
                pass
            assert not other.terminate
            raise RuntimeError("Exiting due to terminate flag being set to true.")

    with pytest.raises(RunTooLongError):
        run()
    assert run_limit._running == {}


def test_other_errors_stay_what_they_are():
    with pytest.raises(RuntimeError, match="else"), limited_run(60):
        raise RuntimeError("something else")


def test_it_is_one_line_for_whoever_waits(tmp_path, tiny_bundle, monkeypatch):
    reader = load_classifier(tiny_bundle(tmp_path), "cpu", 1)
    film = np.zeros((8, 8), np.uint8)
    assert reader.read(film).probability < 1

    class Over:
        def __enter__(self):
            raise RunTooLongError

        def __exit__(self, *_):
            pass

    monkeypatch.setattr(classifiers, "limited_run", Over)
    with pytest.raises(ReadingError, match=r"network a: takes longer than 60 s for a film$"):
        reader.read(film)
