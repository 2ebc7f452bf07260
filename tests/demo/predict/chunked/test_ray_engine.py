"""Ray: explained where it cannot be had; where it can, quiet, on the loopback, and no row lost with an actor."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[4]
SCRIPT = "from demo.cli import app; app()"


def error_line(result):
    assert "Traceback" not in result.output
    (line,) = (line for line in result.stderr.splitlines() if line.startswith("error:"))
    return line


@pytest.fixture
def listening():
    """An address at which something answers that says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def no_ray(*_, **__):
    raise AssertionError("Ray was started")


@pytest.fixture
def ray(monkeypatch):
    """A stand-in for Ray, to be given what the test wants of it."""
    made = ModuleType("ray")
    made.init = no_ray
    made.shutdown = lambda: None
    monkeypatch.setitem(sys.modules, "ray", made)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    return made


def test_without_ray_it_says_what_to_install(predict, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    result = predict("films", "--output", "out", "--engine", "ray")
    assert result.exit_code == 2
    assert "Ray is not installed; pip install 'pneumoscope[distributed]', or use --engine local" in error_line(result)


@pytest.mark.parametrize("by", ["option", "environment"])
def test_an_address_that_does_not_answer(predict, ray, listening, monkeypatch, by):
    with socket.create_server(("127.0.0.1", 0)) as server:
        closed = f"127.0.0.1:{server.getsockname()[1]}"
    if by == "environment":
        monkeypatch.setenv("RAY_ADDRESS", closed)
    result = predict("films", "--output", "out", "--engine", "ray", *(["--address", closed] if by == "option" else []))
    assert result.exit_code == 2
    assert f"--address {closed}: no cluster answers (Connection refused)" in error_line(result)


def test_an_address_that_is_none(predict, ray):
    result = predict("films", "--output", "out", "--engine", "ray", "--address", "head")
    assert result.exit_code == 2
    assert "--address head: expected HOST:PORT, ray://HOST:PORT or auto" in error_line(result)


def test_a_cluster_of_another_version(predict, ray, listening):
    def init(**_):
        raise RuntimeError("Version mismatch: The cluster was started with:\n    Ray: 2.9.0\n    Python: 3.10.1\n")

    ray.init = init
    result = predict("films", "--output", "out", "--engine", "ray", "--address", listening)
    assert result.exit_code == 2
    assert "Version mismatch: The cluster was started with: Ray: 2.9.0 Python: 3.10.1" in error_line(result)
    assert "install the same Ray and the same Python here as on the cluster" in error_line(result)


def test_a_cluster_without_a_gpu(predict, ray, listening):
    ray.init = lambda **_: None
    ray.cluster_resources = lambda: {"CPU": 8.0}
    command = ["films", "--output", "out", "--engine", "ray", "--address", listening]
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


def listening_beyond_loopback(pids):
    """Hexadecimal addresses at which these processes listen, but for 127.0.0.1 and its form in IPv6."""
    sockets = set()
    for pid in pids:
        for link in Path(f"/proc/{pid}/fd").glob("*"):
            try:
                sockets.add(str(link.readlink()))
            except OSError:
                continue  # closed, or its process is gone
    lines = [
        line.split() for kind in ("tcp", "tcp6") for line in Path(f"/proc/net/{kind}").read_text().splitlines()[1:]
    ]
    found = {line[1].partition(":")[0] for line in lines if line[3] == "0A" and f"socket:[{line[9]}]" in sockets}
    assert found, "nothing listens at all: this looks at the wrong processes"
    return found - {"0100007F", "0000000000000000FFFF00000100007F"}


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
        beyond = listening_beyond_loopback(all_of_it)
        printed, said = process.communicate(timeout=150)
    assert process.returncode == 1, said  # of the damaged film
    assert beyond == set()
    found = json.loads(printed)
    assert (found["films"], found["failed"], found["read_now"]) == (38, 1, 38)
    lines = [line for part in sorted(Path("out").glob("part-*")) for line in part.read_bytes().splitlines()]
    films_read = [json.loads(line) for line in lines]
    alone = [json.loads(line) for line in predict("films", "--jsonl").stdout.splitlines()]
    for film in films_read + alone:
        for reading in film["readings"].values():
            del reading["milliseconds"]
    assert films_read == alone
    ours = ("Not a medical", "out:", "device:", "reading films:", "next:", "error: 1 of 38 films")
    assert [line for line in said.splitlines() if not line.startswith(ours)] == []
    assert not (tmp_path / "home").exists()
    assert not list(Path(short_folder).iterdir())
