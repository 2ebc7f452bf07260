"""Ray's actors: explained where they cannot be had; where they can, quiet, and no row lost with one of them."""

import contextlib
import json
import os
import random
import select
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from demo.predict.chunked.chunk import TRIES, Chunk, ChunkResult
from demo.predict.chunked.ray_engine import _Actors
from demo.predict.films.urls import StorageError
from tests.demo.predict.chunked.test_command import error_line
from train.common.errors import PneumoscopeError
from train.common.ray_cluster import Cluster

ROOT = Path(__file__).resolve().parents[4]
SCRIPT = "from demo.cli import app; app()"


def test_without_ray_it_says_what_to_install(predict, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    result = predict("films", "--output", "out", "--engine", "ray")
    assert result.exit_code == 2
    assert "pip install 'pneumoscope[distributed]'" in error_line(result)


def test_a_cluster_without_a_gpu(predict, monkeypatch):
    @contextlib.contextmanager
    def join(address, **_):
        assert address == "head:6379"
        yield Cluster(SimpleNamespace(cluster_resources=lambda: {"CPU": 8.0}), False, "a cluster")

    monkeypatch.setattr("demo.predict.chunked.ray_engine.start_or_join", join)
    command = ["films", "--output", "out", "--engine", "ray", "--address", "head:6379"]
    result = predict(*command, "--num-gpus", "0.5")
    assert result.exit_code == 2
    assert "Ray has 0 GPUs and a worker needs 0.5" in error_line(result)


class Awaited:
    def __init__(self, actor, chunk):
        self.actor, self.chunk, self.found = actor, chunk, None


class Machines:
    """A stand-in for Ray whose actors answer as a test says: with a result, an exception, or never (None)."""

    def __init__(self, answer):
        self.answer, self.asked, self.killed = answer, [], []

    def remote(self, **options):
        assert options["max_restarts"] == -1
        return lambda kind: SimpleNamespace(remote=self._actor)

    def _actor(self):
        actor = SimpleNamespace(number=len(self.asked))
        self.asked.append([])

        def ask(chunk, held):
            assert held == ["the task"]
            if chunk is not None:
                self.asked[actor.number].append(chunk.number)
            return Awaited(actor, chunk)

        actor.read = SimpleNamespace(remote=ask, options=lambda max_task_retries: SimpleNamespace(remote=ask))
        return actor

    def put(self, task):
        return "the task"

    def wait(self, awaited, timeout):
        for one in awaited:
            found = self.answer(one.actor.number, one.chunk)
            if found is not None:
                one.found = found
                return [one], [other for other in awaited if other is not one]
        raise AssertionError("nothing would ever come")

    def get(self, awaited):
        if isinstance(awaited.found, Exception):
            raise awaited.found
        return None if awaited.chunk is None else awaited.found

    def kill(self, actor):
        self.killed.append(actor.number)


def result_of(chunk):
    return "there" if chunk is None else ChunkResult(chunk.number, b"", 1, 0, "")


def read(answer, count=3, chunks=20):
    machines = Machines(answer)
    todo = (Chunk(number, (f"{number}.png",)) for number in range(chunks))
    actors = _Actors(machines, todo, count, 0.0, "the task")
    try:
        return [result.number for result in actors.results()], machines
    finally:
        assert machines.killed == list(range(count))


def test_every_chunk_comes_once_however_actors_die():
    exceptions = pytest.importorskip("ray.exceptions", reason="Ray is not installed here")
    chance = random.Random(3)

    def answer(actor, chunk):
        if chunk is not None and chance.random() < 0.2:
            return chance.choice([exceptions.ActorDiedError(), exceptions.ObjectLostError("00", None, "lost")])
        return result_of(chunk)

    found, machines = read(answer, chunks=50)
    assert sorted(found) == list(range(50))
    assert sum(map(len, machines.asked)) > 50


def test_an_actor_that_the_cluster_has_no_place_for_keeps_no_chunk():
    pytest.importorskip("ray", reason="Ray is not installed here")
    found, machines = read(lambda actor, chunk: None if actor == 1 else result_of(chunk))
    assert sorted(found) == list(range(20))
    assert machines.asked[1] == []


def test_a_chunk_that_ends_every_actor_ends_the_run():
    exceptions = pytest.importorskip("ray.exceptions", reason="Ray is not installed here")

    def answer(actor, chunk):
        return exceptions.ActorDiedError() if chunk is not None and chunk.number == 7 else result_of(chunk)

    with pytest.raises(PneumoscopeError, match=rf"chunk 7 .from 7\.png. ended {TRIES} workers"):
        read(answer)


def test_what_an_actor_raises_is_raised():
    exceptions = pytest.importorskip("ray.exceptions", reason="Ray is not installed here")

    def answer(actor, chunk):
        if chunk is not None:
            return exceptions.RayTaskError("read", "trace", StorageError("s3://b: the storage does not give it"))
        return result_of(chunk)

    with pytest.raises(StorageError, match="the storage does not give it"):
        read(answer)


@pytest.fixture
def short_folder():
    """A folder for temporary files whose path is short enough for sockets, as pytest's is not."""
    with tempfile.TemporaryDirectory(prefix="pn-", dir="/tmp") as folder:
        yield folder


def below(pid):
    children = Path(f"/proc/{pid}/task").glob("*/children")
    found = [int(child) for listed in children for child in listed.read_text().split()]
    return found + [further for child in found for further in below(child)]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
def test_an_actor_is_killed_and_every_row_is_there_once(films, models, tmp_path, write_film, predict, short_folder):
    pytest.importorskip("ray", reason="Ray is not installed here")
    for number in range(30):
        write_film(films / f"more-{number}.png", number, (1500, 1500))
    options = ["films", "--output", "out", "--chunk", "4", "--workers", "1", "--engine", "ray", "--json"]
    command = [sys.executable, "-P", "-c", SCRIPT, "predict", *options, "--models", str(models)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TMPDIR": short_folder, "HOME": str(tmp_path / "home")}
    environment.pop("RAY_ADDRESS", None)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, env=environment, text=True, **pipes) as process:
        deadline = time.monotonic() + 150
        while not list(Path("out").glob("part-*")):
            assert process.poll() is None, process.stderr.read()
            assert time.monotonic() < deadline
            select.select([], [], [], 0.05)
        all_of_it = below(process.pid)
        names = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in all_of_it}
        (actor,) = (pid for pid, name in names.items() if name.startswith(b"ray::_Worker"))
        os.kill(actor, signal.SIGKILL)
        printed, said = process.communicate(timeout=150)
    assert process.returncode == 1, said  # of the damaged film
    found = json.loads(printed)
    assert (found["films"], found["failed"], found["read_now"]) == (38, 1, 38)
    lines = [line for part in sorted(Path("out").glob("part-*")) for line in part.read_bytes().splitlines()]
    films_read = [json.loads(line) for line in lines]
    alone = [json.loads(line) for line in predict("films", "--jsonl").stdout.splitlines()]
    for film in films_read + alone:
        for reading in film["readings"].values():
            del reading["milliseconds"]
    assert films_read == alone
    ours = ("Not a medical", "out:", "Ray 2.", "device:", "reading films:", "next:", "error: 1 of 38 films")
    assert [line for line in said.splitlines() if not line.startswith(ours)] == []
    assert not (tmp_path / "home").exists()
    assert not list(Path(short_folder).iterdir())
