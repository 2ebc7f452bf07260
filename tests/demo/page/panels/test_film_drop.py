"""Dropping a film makes no other file."""

import pytest

pytest.importorskip("gradio", reason="the page needs Gradio, not installed here")

from gradio.data_classes import FileData, ListFiles

from demo.page.panels.film_drop import film_drop


def test_a_dropped_film_is_its_path_and_leaves_nothing_beside_it(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    film = FileData(path=str(tmp_path / "film.png"))
    assert film_drop().preprocess(film) == film.path
    assert film_drop(file_count="multiple").preprocess(ListFiles(root=[film, film])) == [film.path, film.path]
    assert list(tmp_path.iterdir()) == []
