"""Processes of this machine: one that ends is replaced, and none outlives the command."""

import csv
import io
import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from demo.predict.chunked import local_engine
from demo.predict.chunked.chunk import TRIES, Chunk, ChunkResult, Task
from demo.predict.chunked.local_engine import read_in_processes
from export.bundle import find_bundles
from train.common.errors import PneumoscopeError

ROOT = Path(__file__).resolve().parents[4]
SCRIPT = "from demo.cli import app\nif __name__ == '__main__':\n    app()\n"


def rows_of(text):
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    for row in rows:
        del row["milliseconds"]
    return rows


def test_processes_give_the_table_of_one(predict):
    alone = predict("films", "--csv")
    result = predict("films", "--output", "out", "--chunk", "2", "--workers", "2", "--csv")
    assert result.exit_code == 1  # of the damaged film
    assert rows_of(result.stdout) == rows_of(alone.stdout)


def die_twice(connection, task):
    """Instead of `_work`: the process ends at chunk 1, until it has done so twice."""
    while True:
        chunk = connection.recv()
        deaths = Path(chunk.films[0])
        if chunk.number == 1 and len(deaths.read_bytes()) < 2:
            with deaths.open("ab") as file:
                file.write(b"x")
            os.kill(os.getpid(), signal.SIGKILL)
        connection.send(ChunkResult(chunk.number, b"", len(chunk.films), 0, ""))


def die(connection, task):
    with Path(connection.recv().films[0]).open("ab") as file:
        file.write(b"x")
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.fixture
def task(models, films):
    return Task(find_bundles(models), None, "cpu", False, "jsonl", str(films))


def test_the_chunk_of_a_process_that_ends_is_read_again(task, tmp_path, monkeypatch):
    (tmp_path / "deaths").touch()
    monkeypatch.setattr(local_engine, "_work", die_twice)
    chunks = (Chunk(number, (str(tmp_path / "deaths"),)) for number in range(4))
    found = sorted(result.number for result in read_in_processes(chunks, task, 2))
    assert found == [0, 1, 2, 3]
    assert len((tmp_path / "deaths").read_bytes()) == 2


def test_a_chunk_that_ends_every_process_is_given_up(task, tmp_path, monkeypatch):
    (tmp_path / "deaths").touch()
    monkeypatch.setattr(local_engine, "_work", die)
    with pytest.raises(PneumoscopeError, match=f"chunk 5 .* ended {TRIES} workers"):
        list(read_in_processes(iter([Chunk(5, (str(tmp_path / "deaths"),))]), task, 1))
    assert len((tmp_path / "deaths").read_bytes()) == TRIES


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
@pytest.mark.parametrize("how", [signal.SIGKILL, pytest.param(signal.SIGINT, marks=pytest.mark.exhaustive)])
def test_a_stopped_command_goes_on_and_leaves_no_process(how, films, models, tmp_path, write_film):
    for number in range(72):
        write_film(films / f"more-{number}.png", number, (1500, 1500))
    script = tmp_path / "run.py"
    script.write_text(SCRIPT)
    options = ["predict", "films", "--output", "out", "--chunk", "4", "--workers", "1", "--models", str(models)]
    command = [sys.executable, "-P", str(script), *options]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 60
        while not list(Path("out").glob("part-*")):
            assert process.poll() is None, process.stderr.read()
            assert time.monotonic() < deadline
            select.select([], [], [], 0.01)
        ends = [os.pidfd_open(pid) for pid in below(process.pid)]
        process.send_signal(how)
        _, messages = process.communicate(timeout=60)
    for end in ends:
        assert select.select([end], [], [], 30)[0], "a process outlived the command"
        os.close(end)
    there = len(list(Path("out").glob("part-*")))
    assert len(ends) >= 2
    assert 0 < there < 20
    if how == signal.SIGINT:
        assert process.returncode == 1
        assert "error: stopped by Ctrl-C; out has " in messages
        assert "Traceback" not in messages
        assert "Warning" not in messages
    again = subprocess.run([*command, "--json"], env=environment, capture_output=True, text=True, check=False)
    assert "films are in it already" in again.stderr
    assert "Warning" not in again.stderr
    found = json.loads(again.stdout)
    assert found["films"] == 80
    assert found["read_now"] == 80 - 4 * there
    names = [json.loads(line)["path"] for part in Path("out").glob("part-*") for line in part.read_bytes().splitlines()]
    assert len(names) == len(set(names)) == 80


def below(pid):
    children = Path(f"/proc/{pid}/task").glob("*/children")
    found = [int(child) for listed in children for child in listed.read_text().split()]
    return found + [further for child in found for further in below(child)]
