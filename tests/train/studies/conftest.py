"""Storages for the studies, PostgreSQL's with a server of its own, and trainings that nobody has to wait for."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest

from train.studies.definition import Scale, find_study, trainings_of

SCALE = Scale(image_size=32, epochs=1)


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """The folder of the runs."""
    monkeypatch.setenv("PNEUMOSCOPE_RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"


@pytest.fixture
def trainings():
    """Those of the rows of a study."""
    study = find_study("a-width")
    return trainings_of([(study, row) for row in study.rows], [0], SCALE)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, runs):
    """An empty storage of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{runs / 'studies.db'}"
    server = request.getfixturevalue("postgresql")
    name = f"test_{os.urandom(6).hex()}"
    import pg8000.native

    connection = pg8000.native.Connection("studies", host="127.0.0.1", port=server, database="postgres")
    try:
        connection.run(f"CREATE DATABASE {name}")
    finally:
        connection.close()
    return f"postgresql://studies@127.0.0.1:{server}/{name}"


@pytest.fixture(scope="session")
def postgresql():
    """The port of a real server on the loopback interface, which is stopped at the end."""
    programs = _programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed here: no initdb")
    if os.getuid() == 0 and not _is_user("postgres"):
        pytest.skip("PostgreSQL refuses to run as root, and there is no user postgres")
    other = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.getuid() == 0 else {}
    folder = Path(tempfile.mkdtemp(prefix="postgresql-"))  # not pytest's own, into which the server's user cannot go
    try:
        if other:
            shutil.chown(folder, "postgres", "postgres")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        quiet = {"check": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder, **other}
        data = str(folder / "data")
        subprocess.run([programs / "initdb", "-D", data, "-U", "studies", "-A", "trust", "-N"], **quiet)
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off"
        control = programs / "pg_ctl"
        subprocess.run([control, "-D", data, "-o", options, "-l", str(folder / "log"), "-w", "start"], **quiet)
        try:
            yield port
        finally:
            subprocess.run([control, "-D", data, "-m", "immediate", "-w", "stop"], **quiet)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _programs():
    found = shutil.which("initdb")
    if found:
        return Path(found).parent
    return max((path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")), default=None)


def _is_user(name):
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True
