"""Ray's actors: explained where they cannot be had; where they can, quiet, and no row lost with one of them."""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from train.common.ray_cluster import Cluster

ROOT = Path(__file__).resolve().parents[4]
SCRIPT = "from demo.cli import app; app()"


def error_line(result):
    assert "Traceback" not in result.output
    (line,) = (line for line in result.stderr.splitlines() if line.startswith("error:"))
    return line


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
