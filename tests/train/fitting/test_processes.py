"""What `train` is asked of devices and processes: wrong words are one line, and nobody waits forever."""

import socket

import pytest

from train.common.errors import PneumoscopeError, UsageError
from train.fitting.processes import DevicesRequest, Processes, _wait_for_coordinator, devices_request

TWO = ("127.0.0.1:1234", 2, 1)


@pytest.fixture
def backend(monkeypatch):
    monkeypatch.setattr("train.fitting.device.importlib.util.find_spec", lambda _name: True)
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
    ],
)
def test_what_does_not_fit_together_is_one_line(backend, options, words):
    backend("jax")
    with pytest.raises(UsageError, match=words):
        devices_request(*options)


def test_a_coordinator_that_does_not_answer_is_one_line():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        processes = Processes("127.0.0.1", taken.getsockname()[1], 2, 1)
        with pytest.raises(PneumoscopeError, match="did not answer within 0 seconds"):
            _wait_for_coordinator(processes, 0, 0)
