"""What `train` is asked of devices and processes: wrong words are one line, and nobody waits forever."""

import importlib.util
import os
import signal
import socket
import subprocess
import sys

import pytest

from train.common.errors import PneumoscopeError, UsageError
from train.fitting.devices.processes import DevicesRequest, Processes, devices_request, join

TWO = ("127.0.0.1:1234", 2, 1)


@pytest.fixture
def backend(monkeypatch):
    monkeypatch.setattr("train.fitting.devices.device.importlib.util.find_spec", lambda _name: True)
    return lambda name: monkeypatch.setenv("KERAS_BACKEND", name)


def test_options_become_a_request(backend):
    backend("jax")
    assert devices_request("all", None, None, None) == DevicesRequest(None)
    assert devices_request("2", None, None, None) == DevicesRequest(2)
    assert devices_request(None, *TWO) == DevicesRequest(None, Processes("127.0.0.1", 1234, 2, 1))


def test_one_device_is_any_backends(backend):
    backend("tensorflow")
    assert devices_request(None, None, None, None) is None
    assert devices_request("1", None, None, None) is None


@pytest.mark.parametrize("options", [("2", None, None, None), ("all", None, None, None), (None, *TWO)])
@pytest.mark.parametrize("name", ["tensorflow", "torch"])
def test_another_backend_is_refused_with_the_way_of_jax(backend, name, options):
    backend(name)
    with pytest.raises(UsageError, match="KERAS_BACKEND=jax"):
        devices_request(*options)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("0", None, None, None), "--devices must be all or a number from 1. Received: 0"),
        (("two", None, None, None), "--devices must be all or a number"),
        ((None, None, 2, None), "--coordinator and --process-id missing"),
        ((None, "host:1", 2, None), "--process-id missing"),
        ((None, "host:1", 2, 2), "--process-id must be from 0 to 1 .* Received: 2"),
        ((None, "host:1", 2, -1), "--process-id must be from 0 to 1"),
        ((None, "host:1", 1, 0), "--processes must be 2 or more"),
        ((None, "host", 2, 0), "--coordinator must be HOST:PORT"),
        ((None, "host:0", 2, 0), "--coordinator must be HOST:PORT"),
        ((None, "host:99999", 2, 0), "--coordinator must be HOST:PORT"),
        ((None, "http://host:1234", 2, 0), "--coordinator must be HOST:PORT"),
        ((None, "::1:1234", 2, 0), r"of IPv6 \[ADDRESS\]:PORT"),
    ],
)
def test_what_does_not_fit_together_is_one_line(backend, options, words):
    backend("jax")
    with pytest.raises(UsageError, match=words):
        devices_request(*options)


def test_an_address_of_ipv6_is_in_brackets_where_a_port_follows(backend):
    backend("jax")
    request = devices_request(None, "[::1]:1234", 2, 0)
    assert request.processes == Processes("::1", 1234, 2, 0)
    assert request.processes.coordinator == "[::1]:1234"


needs_jax = pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="JAX is not installed")


@pytest.fixture
def port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@needs_jax
def test_a_coordinator_that_does_not_answer_is_one_line(port):
    with pytest.raises(PneumoscopeError, match="did not answer within 0 seconds"):
        join(Processes("127.0.0.1", port, 2, 1), 0)


@needs_jax
def test_an_address_where_process_0_cannot_listen_is_one_line():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(PneumoscopeError, match=r"cannot listen .*in use\): give an address of this machine"):
            join(Processes("127.0.0.1", taken.getsockname()[1], 2, 0))
    with pytest.raises(PneumoscopeError, match=r"cannot listen at --coordinator 192\.0\.2\.1:1234"):
        join(Processes("192.0.2.1", 1234, 2, 0))


JOINING = """
import os, sys
from train.common.errors import PneumoscopeError
from train.fitting.devices.processes import Processes, join
try:
    join(Processes("127.0.0.1", {port}, {count}, 0), {seconds})
except (PneumoscopeError, KeyboardInterrupt) as error:
    print(type(error).__name__, error, flush=True)
    os._exit(1)
{then}
"""


@pytest.fixture
def joining(port):
    """A process that is number 0 of so many, waits so many seconds for the others, and then does something."""

    begun = []

    def begin(count, seconds, then=""):
        process = subprocess.Popen(
            [sys.executable, "-c", JOINING.format(port=port, count=count, seconds=seconds, then=then)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "JAX_PLATFORMS": "cpu", "TF_CPP_MIN_LOG_LEVEL": "3"},
        )
        begun.append(process)
        return process

    yield begin
    for process in begun:
        with process:
            process.kill()


@needs_jax
def test_others_that_do_not_come_are_one_line(joining, port):
    said, noise = joining(2, 1).communicate(timeout=120)
    assert f"PneumoscopeError the 2 processes did not meet at 127.0.0.1:{port} within 1 seconds: start all" in said
    assert noise == ""


@needs_jax
def test_ctrl_c_ends_the_wait_for_others(joining, port):
    process = joining(2, 100)
    while process.poll() is None:  # until it listens
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=50)
    assert said.endswith("KeyboardInterrupt \n")


@needs_jax
def test_a_sigterm_ends_a_process_that_has_met_the_others(joining):
    process = joining(1, 100, "import signal; os.kill(os.getpid(), signal.SIGTERM); print('goes on')")
    said, _ = process.communicate(timeout=120)
    assert (process.returncode, said) == (-signal.SIGTERM, "")
