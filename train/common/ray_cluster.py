"""Ray, quiet: one of this machine alone, or a cluster that is there. Nothing else starts or joins one."""

import contextlib
import logging
import os
import secrets
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from train.common.errors import PneumoscopeError, UsageError

LOCAL = "local"
#: Whether anything answers at a cluster's address at all.
CONNECT_SECONDS = 10
#: Ray gives its own processes 15 seconds to start, which on a busy machine are not enough at first.
START_ATTEMPTS = 3
#: Films and results travel as files, so that little is kept in shared memory. Ray's default is a third of all memory.
OBJECT_STORE_BYTES = 200 * 2**20
#: A socket's path may have 107 bytes, and Ray puts 70 behind its folder.
_LONGEST_FOLDER = 30
#: What travels to the machines of a cluster; whatever it needs of other libraries is installed there.
_PACKAGES = tuple(Path(__file__).resolve().parents[2] / name for name in ("train", "export", "demo"))
#: Read when Ray is imported, and by the processes that it starts. Nothing is sent to its makers.
_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_USAGE_STATS_REPORT_URL": "http://127.0.0.1:9/",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # else it warns that it will stop to hide GPUs
}
#: On Linux too, it means that all listen on 127.0.0.1.
_ON_LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}


@dataclass(frozen=True)
class Cluster:
    """Ray as `start_or_join` gives it.

    ray: the module, typed as whatever: it has no stubs, and may not be installed.
    is_local: started for the block, on this machine.
    line: what it is, to be shown.
    """

    ray: Any
    is_local: bool
    line: str


@contextlib.contextmanager
def start_or_join(
    address: str | None = None,
    *,
    cpus: int | None = None,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Cluster]:
    """Have Ray for the block: join a cluster, or start one that listens on loopback alone and ends with the block.

    Nothing of it reaches the terminal. It writes to stdout when one of its processes dies, so that whatever is written
    there within the block is thrown away: print results afterwards. stderr is as always. A SIGTERM ends the block.

    Args:
        address: HOST:PORT, ray://HOST:PORT or auto; "local" starts one; None: that of RAY_ADDRESS, else local.
        cpus: that the tasks of a local one may have together; None: all. A cluster has its own.
        environment: variables that its tasks find set, beside those of this process on a local one.

    Raises:
        UsageError: Ray is not installed, or the address is none.
        PneumoscopeError: nothing answers there, it is of another version, or none could be started.
    """
    where = address or os.environ.get("RAY_ADDRESS") or LOCAL
    settings = {**_QUIET, **(_of_a_local_one() if where == LOCAL else _of_a_cluster(where))}
    with _set(settings), contextlib.ExitStack() as ending:  # unset afterwards, for others to start with their own
        ray = _imported()
        ending.enter_context(contextlib.redirect_stdout(ending.enter_context(Path(os.devnull).open("w"))))
        # First it ends, then its folder goes.
        folder = ending.enter_context(_short_folder())
        ending.callback(ray.shutdown)
        quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
        runtime: dict[str, Any] = {"env_vars": dict(environment or {})}
        if where == LOCAL:
            _start(ray, {**quiet, "runtime_env": runtime, "num_cpus": cpus, "_temp_dir": folder})
        else:
            runtime["py_modules"] = [str(package) for package in _PACKAGES]
            _join(ray, where, {**quiet, "runtime_env": runtime})
        ending.enter_context(_ending_in_order())
        yield Cluster(ray, where == LOCAL, _described(ray, where))


def _imported() -> Any:  # noqa: ANN401  # as `Cluster.ray`
    try:
        import ray
    except ImportError:
        raise UsageError(
            "--engine ray needs Ray, which is not installed: pip install 'pneumoscope[distributed]'"
        ) from None
    return ray


def _of_a_local_one() -> dict[str, str]:
    """Loopback alone, and no other user of this machine: without the token its tasks are refused."""
    return {**_ON_LOOPBACK, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": _token()}


@cache  # Ray keeps the first one that it has read in a process
def _token() -> str:
    return secrets.token_hex(32)


def _of_a_cluster(address: str) -> dict[str, str]:
    """One attempt, not the minutes of Ray's twenty; what does not answer at all is said at once."""
    settings = {"RAY_NUM_REDIS_GET_RETRIES": "1"}
    if address == "auto":
        return settings
    host, _, number = address.removeprefix("ray://").rpartition(":")
    if not host or not number.isdecimal() or not 0 < int(number) < 65_536:
        raise UsageError(f"Ray's address must be HOST:PORT, ray://HOST:PORT, auto or local. Received: {address}")
    port = int(number)
    if refusal := _refusal(host.strip("[]"), port):
        raise PneumoscopeError(
            f"no Ray answers at {address} ({refusal}): see that the cluster runs, or give no address"
        )
    # Of 127.0.0.1 Ray makes this machine's own address, where one that listens on loopback alone does not answer.
    if host in ("127.0.0.1", "localhost") and _refusal(_own_address(), port):
        settings |= _ON_LOOPBACK
    return settings


def _refusal(host: str, port: int) -> str | None:
    """Why nothing can be told to what listens there; None: it can."""
    try:
        socket.create_connection((host, port), CONNECT_SECONDS).close()
    except OSError as error:
        return error.strerror or str(error)
    return None


def _own_address() -> str:
    """Return the address that others know this machine by; loopback where there is none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # nothing is sent: the way there is looked up
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])


def _start(ray: Any, options: Mapping[str, Any]) -> None:  # noqa: ANN401
    """Start Ray's processes; they end with this process however it ends."""
    for attempt in range(1, START_ATTEMPTS + 1):
        try:
            ray.init(address=LOCAL, include_dashboard=False, object_store_memory=OBJECT_STORE_BYTES, **options)
            return
        except Exception as error:  # Ray's own are plain Exceptions
            ray.shutdown()
            if attempt == START_ATTEMPTS:
                raise PneumoscopeError(
                    f"Ray does not start here ({_first_line(error)}): try when the machine is less busy, or do without"
                ) from error


def _join(ray: Any, address: str, options: Mapping[str, Any]) -> None:  # noqa: ANN401
    try:
        with _unheard():
            ray.init(address=address, **options)
    except Exception as error:  # ConnectionError, RuntimeError, ValueError: as the way there has it
        words = " ".join(str(error).split())
        if "ersion mismatch" in words:
            raise PneumoscopeError(
                f"the cluster at {address} is of another version: expected the same Ray and Python there and here; "
                f"install what it has ({words.removeprefix('Version mismatch: ')})"
            ) from error
        raise PneumoscopeError(
            f"the cluster at {address} cannot be joined ({_first_line(error)}): see that 'ray status' works there, "
            "and that RAY_AUTH_MODE and RAY_AUTH_TOKEN are the cluster's"
        ) from error


@contextlib.contextmanager
def _ending_in_order() -> Iterator[None]:
    """At a SIGTERM, as a queue or Kubernetes sends it, end Ray and go; Ray's own handler prints its stack and dies."""
    if threading.current_thread() is not threading.main_thread():  # Python sets signals in no other thread
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before if callable(before) else signal.SIG_DFL)


@contextlib.contextmanager
def _unheard() -> Iterator[None]:
    """Throw away what native code writes to stderr: of what it fails at, an exception says enough."""
    saved, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(nothing)


def _described(ray: Any, address: str) -> str:  # noqa: ANN401
    has = ray.cluster_resources()
    cpus, gpus = has.get("CPU", 0), has.get("GPU", 0)
    machines = sum(node["Alive"] for node in ray.nodes())
    where = "on this machine" if address == LOCAL else f"at {address}, {machines} machine{'s' if machines != 1 else ''}"
    return f"Ray {ray.__version__} {where}: {cpus:g} CPUs, {gpus:g} GPUs"


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__


@contextlib.contextmanager
def _short_folder() -> Iterator[str]:
    """A folder of this user's alone, which is gone afterwards."""
    parent = tempfile.gettempdir() if len(tempfile.gettempdir()) <= _LONGEST_FOLDER else "/tmp"  # noqa: S108
    with tempfile.TemporaryDirectory(prefix="ray-", dir=parent, ignore_cleanup_errors=True) as folder:
        yield folder


@contextlib.contextmanager
def _set(variables: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
