"""Ray of this machine alone is quiet, on loopback, and gone afterwards; a cluster that cannot be joined is one line."""

import os
import re
import signal
import socket
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from train.common.errors import PneumoscopeError, UsageError
from train.common.ray_cluster import start_or_join

SCRIPT = """
import os, sys, tempfile, time
from train.common.errors import PneumoscopeError
from train.common.ray_cluster import start_or_join

def say(*words):
    print(*words, file=sys.stderr, flush=True)

if sys.argv[1] == "join":
    try:
        start_or_join(sys.argv[2]).__enter__()
    except PneumoscopeError as error:
        sys.exit(str(error))

with start_or_join(cpus=2, environment={"TOLD": "yes"}) as cluster:
    say(cluster.ray.get_runtime_context().gcs_address)

    @cluster.ray.remote(num_cpus=1, max_retries=0)
    def task(what):
        print("from a task")
        if what == "die":
            os.kill(os.getpid(), 9)
        if what == "stay":
            time.sleep(600)
        return os.environ["TOLD"], os.getpid()

    if sys.argv[1:] == ["die"]:
        say(cluster.is_local, cluster.line, cluster.ray.get(task.remote(""))[0])
        try:
            cluster.ray.get(task.remote("die"))
        except cluster.ray.exceptions.WorkerCrashedError:
            say("it died")
        # Lines of Ray's come a moment later.
        say(cluster.ray.get([task.remote(""), task.remote("")])[0][0])
        inodes = {line.split()[9]: line.split()[1] for name in ("tcp", "tcp6")
                  for line in open(f"/proc/net/{name}") if line.split()[3] == "0A"}
        for pid in filter(str.isdecimal, os.listdir("/proc")):
            try:
                if os.environ["RAY_AUTH_TOKEN"] not in open(f"/proc/{pid}/environ").read() and int(pid) != os.getpid():
                    continue
                for link in os.scandir(f"/proc/{pid}/fd"):
                    inode = os.readlink(link.path).removeprefix("socket:[").removesuffix("]")
                    if inode in inodes:
                        say("listens", inodes[inode])
            except OSError:
                pass
    else:
        task.remote("stay")
        say("ready", cluster.ray.get(task.remote(""))[1])
        time.sleep(600)
print("result", [name for name in os.environ if name.startswith("RAY_AUTH")])
"""


@pytest.fixture
def started(tmp_path):
    """Start the script with a short folder and a home of its own; end what is left of it."""
    if find_spec("ray") is None:
        pytest.skip("Ray is not installed")
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    running = []

    def start(*arguments):
        environment = {**os.environ, "HOME": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[3])}
        environment.pop("RAY_ADDRESS", None)
        process = subprocess.Popen(
            [sys.executable, script, *arguments],
            env=environment,
            text=True,
            start_new_session=True,
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        running.append(process)
        return process

    yield start
    for process in running:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


@pytest.mark.slow
def test_a_local_one_runs_tasks_on_loopback_and_nothing_of_it_is_seen(started, tmp_path):
    out, err = started("die").communicate()
    lines = err.splitlines()
    listening = [line.split()[1] for line in lines if line.startswith("listens")]
    assert listening
    loopback = ("0100007F:", "0000000000000000FFFF00000100007F:", "00000000000000000000000001000000:")
    assert [address for address in listening if not address.startswith(loopback)] == []
    assert lines[1].startswith("True Ray ")
    assert lines[1].endswith("on this machine: 2 CPUs, 0 GPUs yes")
    assert [line for line in lines[2:] if not line.startswith("listens")] == ["it died", "yes"]
    assert out == "result []\n"
    assert [path.name for path in tmp_path.iterdir()] == ["script.py"]  # nor is anything in the user's home


@pytest.mark.slow
def test_ctrl_c_ends_all_of_it_and_nobody_joins_it_without_its_token(started):
    driver = started("stay")
    address = driver.stderr.readline().strip()
    worker = int(driver.stderr.readline().split()[1])
    assert address.startswith("127.0.0.1:")
    # In a process of its own: Ray reads its settings when it is imported.
    _, err = started("join", address).communicate(timeout=120)
    assert re.fullmatch(rf"the cluster at {address} cannot be joined .*RAY_AUTH_TOKEN are the cluster's\n", err), err
    os.killpg(driver.pid, signal.SIGINT)
    _, err = driver.communicate(timeout=60)
    assert err.rstrip().endswith("KeyboardInterrupt")
    with pytest.raises(ProcessLookupError):
        os.kill(worker, 0)


@pytest.mark.slow
def test_a_sigterm_ends_all_of_it_without_a_word(started):
    driver = started("stay")
    driver.stderr.readline()
    worker = int(driver.stderr.readline().split()[1])
    driver.terminate()
    _, err = driver.communicate(timeout=60)
    assert (driver.returncode, err) == (128 + signal.SIGTERM, "")
    with pytest.raises(ProcessLookupError):
        os.kill(worker, 0)


@pytest.mark.parametrize("address", ["nonsense", "host:", ":6379", "host:port", "host:70000", "http://host"])
def test_what_is_no_address_is_refused(address):
    with pytest.raises(UsageError, match=rf"HOST:PORT.* Received: {address}"), start_or_join(address):
        pass


def test_the_address_is_that_of_the_environment_where_none_is_given(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
    monkeypatch.setenv("RAY_ADDRESS", address)
    with pytest.raises(PneumoscopeError, match=f"no Ray answers at {address}"), start_or_join():
        pass


def test_without_ray_the_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError, match=r"not installed: pip install 'pneumoscope\[distributed\]'"), start_or_join():
        pass


def test_a_cluster_of_another_version_is_named_with_both(monkeypatch):
    ray = pytest.importorskip("ray")
    words = (
        "Version mismatch: The cluster was started with:\n    Ray: 2.9.0\n    Python: 3.12.1\nThis process has 3.11\n"
    )

    def init(**_):
        raise RuntimeError(words)

    monkeypatch.setattr(ray, "init", init)
    expected = r"of another version.*Ray: 2.9.0 Python: 3.12.1"
    with pytest.raises(PneumoscopeError, match=expected) as caught, start_or_join("auto"):
        pass
    assert "\n" not in str(caught.value)
