"""Where films are dropped: their paths, and nothing else on the disk."""

import pytest

gradio = pytest.importorskip("gradio", reason="the page needs Gradio, not installed here")

from gradio.data_classes import FileData, ListFiles  # noqa: E402

from demo.page.panels.drop import film_drop  # noqa: E402


def test_a_dropped_film_is_its_path_and_leaves_no_other_file(tmp_path):
    film = tmp_path / "uploads" / "film.png"
    film.parent.mkdir()
    film.write_bytes(b"film")
    one, several = film_drop(), film_drop(file_count="multiple")
    one.GRADIO_CACHE = several.GRADIO_CACHE = str(tmp_path)
    assert one.preprocess(FileData(path=str(film))) == str(film)
    assert several.preprocess(ListFiles([FileData(path=str(film))])) == [str(film)]
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [film]
