"""For tests of chunked reading: films of known greys, the command, and an engine that needs no process."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from demo import cli
from train.radiograph import read_with_warnings


@pytest.fixture
def films(tmp_path, write_film, monkeypatch) -> Path:
    """A folder with seven flat films, of which the networks agree on some, and one that is damaged."""
    for number, grey in enumerate((0, 60, 120, 180, 200, 230, 255)):
        write_film(tmp_path / "films" / f"{number}.png", grey)
    (tmp_path / "films" / "cut.png").write_bytes((tmp_path / "films" / "0.png").read_bytes()[:40])
    monkeypatch.chdir(tmp_path)
    return tmp_path / "films"


@pytest.fixture
def predict(models, films) -> Callable[..., Any]:
    """Run `pneumoscope predict … --models <two tiny networks>`."""

    def run(*arguments: object) -> Any:
        return CliRunner().invoke(cli.app, ["predict", *map(str, arguments), "--models", str(models)])

    return run


@pytest.fixture
def in_process(monkeypatch) -> list[int]:
    """Have chunks read in this process, in their order; gives the numbers of those that were begun."""
    from demo.predict.chunked.chunk import ChunkReader

    class Decoder:
        def __init__(self, count):
            assert count == 1

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        read = staticmethod(read_with_warnings)

    begun = []

    def read(chunks, task, workers):
        assert workers >= 1
        with ChunkReader(task) as reader:
            for chunk in chunks:
                begun.append(chunk.number)
                yield reader.read(chunk)

    monkeypatch.setattr("demo.predict.chunked.chunk.FilmWorkers", Decoder)
    monkeypatch.setattr("demo.predict.chunked.local_engine.read_in_processes", read)
    return begun
