"""Ray itself: found or explained, silent, on this machine's loopback alone or joined where it runs."""

import logging
import os
import secrets
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import Any

from train.common.console import say
from train.common.errors import UsageError

HOW_TO_INSTALL = "pip install 'pneumoscope[distributed]', or use --engine local"
SECONDS_TO_ANSWER = 5.0
OWN_STARTS = 3  # on a machine with much to do: Ray gives its own processes 30 s, which nothing can lengthen
ROOM = 256_000_000  # bytes in Ray's store beside the models: parts on their way are far smaller
LONGEST_TEMPORARY = 40  # characters; below it Ray makes sockets, whose whole path may have 107

# Read by Ray when it is imported. Nothing is reported to anybody: the address is nobody's.
_SILENT = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_USAGE_STATS_REPORT_URL": "http://127.0.0.1:9/"}


@contextmanager
def connected(address: str | None, processors: int, models: int) -> Iterator[ModuleType]:
    """Ray, ready, while the block runs; what it prints goes nowhere.

    Args:
        address: HOST:PORT or ray://HOST:PORT of a cluster, "auto" for the one that this machine is of; None for a Ray
            of this machine alone, which listens on the loopback and leaves no file behind.
        processors: of this machine, for a Ray of its own.
        models: bytes that go to every worker.

    Raises:
        UsageError: Ray is not installed, the cluster does not answer, or it is of another version.
    """
    os.environ.update(_SILENT)
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):  # noqa: PTH123  # its raylet prints there
        if address is None:
            with _own_ray(processors, models) as ray:
                yield ray
            return
        _check_answers(address)
        ray = _imported()
        say(f"Ray: joining {address}")
        failed = f"--address {address}: no cluster to join"
        _start(ray, failed, 1, address=address, runtime_env={"py_modules": _packages()})
        try:
            yield ray
        finally:
            ray.shutdown()


@contextmanager
def _own_ray(processors: int, models: int) -> Iterator[ModuleType]:
    parent = tempfile.gettempdir()
    # For its owner alone: Ray opens what it makes itself to everybody.
    private = Path(tempfile.mkdtemp(prefix="pn-ray-", dir=parent if len(parent) <= LONGEST_TEMPORARY else "/tmp"))  # noqa: S108
    token = private / "token"
    token.touch(0o600)
    token.write_text(secrets.token_hex(32), "ascii")
    # The loopback alone, which is what Ray does where it makes no clusters; and a token for who else is on the machine.
    os.environ.update(RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER="0", RAY_AUTH_MODE="token", RAY_AUTH_TOKEN_PATH=str(token))
    try:
        ray = _imported()
        try:
            _start(
                ray,
                "Ray cannot be started here",
                OWN_STARTS,
                address="local",
                num_cpus=processors,
                include_dashboard=False,
                object_store_memory=models + ROOM,
                _node_ip_address="127.0.0.1",
                _temp_dir=str(private / "ray"),
            )
            yield ray
        finally:
            ray.shutdown()
    finally:
        shutil.rmtree(private, ignore_errors=True)


def _start(ray: ModuleType, failed: str, tries: int, **settings: Any) -> None:
    for left in reversed(range(tries)):
        try:
            with _silenced():
                ray.init(log_to_driver=False, logging_level=logging.CRITICAL, **settings)
            return
        except Exception as error:  # Ray's errors share no base class here
            ray.shutdown()
            if not left or "timed out" not in str(error):
                raise UsageError(f"{failed} ({_reason(error)})") from error


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split())
    if "Version mismatch" in text:
        text += "; install the same Ray and the same Python here as on the cluster"
    return text[:400] or type(error).__name__


def _imported() -> ModuleType:
    try:
        import ray
    except ImportError as error:
        why = "is not installed" if error.name == "ray" else f"cannot be imported ({error})"
        raise UsageError(f"Ray {why}; {HOW_TO_INSTALL}") from None
    return ray


def _check_answers(address: str) -> None:
    """Ray itself would go on trying for a minute, and then end this process."""
    if address == "auto":
        return
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdecimal():
        raise UsageError(f"--address {address}: expected HOST:PORT, ray://HOST:PORT or auto")
    try:
        socket.create_connection((host.strip("[]"), int(port)), SECONDS_TO_ANSWER).close()
    except OSError as error:
        raise UsageError(
            f"--address {address}: no cluster answers ({error.strerror or error}); check it, or leave it out, and "
            "RAY_ADDRESS unset, to run on this machine alone"
        ) from None


def _packages() -> list[str]:
    """The program itself, so that machines of the cluster run this very version of it."""
    import demo
    import export
    import train

    return [str(Path(package.__path__[0])) for package in (train, export, demo)]


@contextmanager
def _silenced() -> Iterator[None]:
    """Nothing on standard error while the block runs, not even from Ray's library, which writes to it itself."""
    before = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(before, 2)
        os.close(nowhere)
        os.close(before)
