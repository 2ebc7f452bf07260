"""How much memory a session takes, as the limit counts it."""

import numpy as np
import pytest

pytest.importorskip("gradio", reason="the page needs Gradio, not installed here")

from demo.inference.compare import Case
from demo.page.panels.compare.film_on_screen import Detail, FilmOnScreen
from demo.page.sessions.kept_bytes import kept_bytes


def test_a_film_counts_with_its_pixels_and_its_detail():
    film = np.zeros((1000, 800), np.uint8)
    assert kept_bytes(Case(film, (), ())) == pytest.approx(800_000, rel=0.01)
    assert kept_bytes(FilmOnScreen("x", 1, 1, 8, Detail(b"x" * 1_000_000))) == pytest.approx(1_000_000, rel=0.01)
    assert kept_bytes({"a": [film, b"x" * 1000], "b": "y" * 2000}) == pytest.approx(803_000, rel=0.01)


def test_small_things_count_for_a_little():
    assert 0 < kept_bytes(None) == kept_bytes(3) <= 100
