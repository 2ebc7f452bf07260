"""The container as it is shipped: built from its Dockerfile and run without root, rights or a disk to write to.

No daemon is needed: mmdebstrap makes a base that stands in for the official image, buildah builds, crun runs. It takes
minutes, and the package indexes of Debian and Python, so it is done where it is asked for.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from demo.page.serving import take_port

ROOT = Path(__file__).resolve().parents[3]
CONTAINER = ROOT / "demo" / "deploy" / "container"
ASKED = "PNEUMOSCOPE_TEST_CONTAINER"
OFFICIAL = "docker.io/library/python:3.11-slim"
BASE = "FROM scratch\nADD base.tar /\nCOPY ca-certificates.crt /etc/ssl/certs/ca-certificates.crt\n"
#: crun refuses a machine that has both, though the container is given none.
ONE_KIND_OF_CGROUP = 'umount -R /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup && exec "$@"'
TOOLS = ("mmdebstrap", "buildah", "crun")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """The image's file system, and its configuration as a container's host reads it."""
    if not os.environ.get(ASKED):
        pytest.skip(f"building a container takes minutes and the package indexes: set {ASKED}=1 to do it")
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing or os.getuid() != 0:
        pytest.skip(f"needs root and Debian's {', '.join(TOOLS)}; missing: {', '.join(missing) or 'root'}")
    folder = tmp_path_factory.mktemp("container")
    store = ["--storage-driver=vfs", f"--root={folder / 'store'}", f"--runroot={folder / 'run'}"]

    def buildah(command, *arguments):
        done = subprocess.run(["buildah", *store, command, *map(str, arguments)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-4000:]
        return done.stdout.strip()

    base = folder / "base"
    base.mkdir()
    packages = "--include=python3,python3-pip,python3-venv,ca-certificates"
    subprocess.run(["mmdebstrap", "--quiet", "--variant=minbase", packages, "bookworm", base / "base.tar"], check=True)
    shutil.copy("/etc/ssl/certs/ca-certificates.crt", base)  # a machine behind a gateway has more than Debian's
    (base / "Dockerfile").write_text(BASE)
    building = ("--isolation=chroot", "--format=docker")
    buildah("build", *building, "-t", OFFICIAL, base)
    file = ("-f", CONTAINER / "Dockerfile")
    buildah("build", *building, "--pull=never", "--network=host", *file, "-t", "pneumoscope", ROOT)
    config = json.loads(buildah("inspect", "--type", "image", "pneumoscope"))["Docker"]["config"]
    mounted = buildah("mount", buildah("from", "--pull-never", "pneumoscope"))
    yield Path(mounted), config
    buildah("rm", "--all")
    buildah("rmi", "--all", "--force")


def test_the_image_says_how_it_is_run(image):
    root, config = image
    assert config["User"] == "10001:10001"
    assert config["StopSignal"] == "SIGTERM"
    assert "/healthz" in config["Healthcheck"]["Test"][-1]
    assert list(config["ExposedPorts"]) == ["7860/tcp"]
    assert not any((root / "src" / name).exists() for name in ("demo", "tests", ".git"))


@pytest.fixture
def container(image, tmp_path):
    """The container while it runs, as compose.yaml has it run: (the page's address, what it says, its process)."""
    root, config = image
    with take_port("127.0.0.1", 0) as listening:
        port = listening.getsockname()[1]
    (tmp_path / "hosts").write_text("127.0.0.1 localhost\n")  # what every runtime puts there
    (tmp_path / "config.json").write_text(json.dumps(bundle(root, config, port, tmp_path / "hosts")))
    name = f"pneumoscope-test-{os.getpid()}"
    crun = ["crun", "--cgroup-manager=disabled", f"--root={tmp_path / 'crun'}", "run", f"--bundle={tmp_path}", name]
    command = ["unshare", "--mount", "sh", "-c", ONE_KIND_OF_CGROUP, "sh", *crun]
    messages = tmp_path / "messages"
    with messages.open("w") as stderr:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, text=True)
    try:
        assert process.stdout.readline() == f"http://127.0.0.1:{port}/\n", messages.read_text()
        yield f"http://127.0.0.1:{port}", messages, process
    finally:
        process.kill()
        process.communicate()


def bundle(root, config, port, hosts):
    """What crun runs: no root, no rights, nothing to write to but /tmp; the network is this machine's."""
    common = ["nosuid", "nodev", "noexec"]
    tmpfs = {"type": "tmpfs", "source": "tmpfs"}
    return {
        "ociVersion": "1.0.2",
        "process": {
            "user": dict(zip(("uid", "gid"), map(int, config["User"].split(":")), strict=True)),
            "args": [*config["Entrypoint"], *config["Cmd"], "--port", str(port)],
            "env": config["Env"],
            "cwd": config["WorkingDir"],
            "capabilities": {},
            "noNewPrivileges": True,
        },
        "root": {"path": str(root), "readonly": True},
        "mounts": [
            {"destination": "/etc/hosts", "type": "bind", "source": str(hosts), "options": ["bind", "ro"]},
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/dev", **tmpfs, "options": ["nosuid", "mode=755"]},
            {"destination": "/dev/shm", **tmpfs, "options": [*common, "mode=1777"]},
            {"destination": "/tmp", **tmpfs, "options": [*common, "mode=1777", "size=1g"]},
        ],
        "linux": {"namespaces": [{"type": kind} for kind in ("pid", "mount", "ipc", "uts")]},
    }


def test_it_reads_as_predict_does_without_root_and_on_a_read_only_disk(container):
    httpx = pytest.importorskip("httpx")
    url, messages, process = container
    film = ROOT / "assets" / "examples" / "synthetic-pneumonia-01.png"
    with httpx.Client(base_url=url, trust_env=False, timeout=60) as client:
        (inside,) = of_children(process.pid)
        status = dict(line.split(":\t", 1) for line in Path(f"/proc/{inside}/status").read_text().splitlines())
        assert status["Uid"].split() == ["10001"] * 4
        assert (status["CapEff"], status["CapBnd"], status["NoNewPrivs"]) == ("0" * 16, "0" * 16, "1")
        mounts = [line.split() for line in Path(f"/proc/{inside}/mounts").read_text().splitlines()]
        assert "ro" in next(options for _, place, _, options, *_ in mounts if place == "/").split(",")
        assert client.get("/readyz").json()["networks"] == ["a", "b"]
        (path,) = client.post("/gradio_api/upload", files={"files": film.read_bytes()}).json()
        data = [{"path": path, "meta": {"_type": "gradio.FileData"}}]
        event = client.post("/gradio_api/call/compare", json={"data": data}).json()["event_id"]
        answer = json.loads(client.get(f"/gradio_api/call/compare/{event}").text.partition("data: ")[2])[0]
    command = [sys.executable, "-c", "from demo.cli import app; app()", "predict", "--json", film]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    predicted = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    assert without_times(answer["readings"]) == without_times(json.loads(predicted.stdout)[0]["readings"])
    stopped = time.monotonic()
    os.kill(inside, signal.SIGTERM)
    assert process.wait(30) == 0
    assert time.monotonic() - stopped < 10
    assert "Traceback" not in messages.read_text()


def of_children(process):
    return list(map(int, Path(f"/proc/{process}/task/{process}/children").read_text().split()))


def without_times(readings):
    return {name: reading | {"milliseconds": 0} for name, reading in readings.items()}
