"""What `train` does otherwise where several devices or processes share a training."""

import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, NoReturn

from train.common.console import refusal_in_words, say, say_error
from train.common.errors import PneumoscopeError, UsageError

if TYPE_CHECKING:
    from train.fitting.devices.data_parallel import Share
    from train.fitting.devices.device import Device, DeviceRequest
    from train.fitting.devices.processes import DevicesRequest


def keeps_the_run(devices: "DevicesRequest | None", name: str | None) -> bool:
    """Whether this process writes the run folder: the only one does, or number 0 of several.

    Raises:
        UsageError: one of several has no name of a run.
    """
    if devices is None or devices.processes is None:
        return True
    if name is None:
        raise UsageError(
            "several processes need --name RUN, the same in each: it is how they know what they go on with"
        )
    return devices.processes.process == 0


@contextmanager
def started(
    device: "DeviceRequest", devices: "DevicesRequest | None", batch_size: int, facts: Sequence[object], *, debug: bool
) -> "Iterator[tuple[Device, Share]]":
    """Start Keras's backend; have devices share every batch in the block; of several processes, part at its end.

    A process among several that fails in the block ends at once, in one line: left to itself it would wait for the
    others, and they for it.

    Args:
        device: where to train.
        devices: that share it.
        batch_size: films per step, of all devices together.
        facts: what several processes have to have alike.
        debug: show the traceback of an error.

    Raises:
        UsageError: as `train.fitting.devices.device.choose_device` and `train.fitting.devices.data_parallel.spread`.
    """
    from train.fitting.devices.device import backend_in_prose, choose_device
    from train.fitting.devices.processes import leave, prepare_jax

    say(f"starting {backend_in_prose()} …")
    if devices is None or devices.processes is None:
        chosen = choose_device(device, partial(prepare_jax, devices) if devices is not None else None)
        with _spread(devices, batch_size, chosen) as chosen_and_share:
            yield chosen_and_share
        return
    own = devices.processes
    say(f"process {own.process} of {own.count}: waiting for the others at {own.coordinator} …")
    with _native_stdout_to_stderr():
        try:
            chosen = choose_device(device, partial(prepare_jax, devices))
            from train.fitting.devices.data_parallel import require_same_training

            require_same_training(own.count, devices.count, *facts)
            with _spread(devices, batch_size, chosen) as chosen_and_share:
                yield chosen_and_share
            leave()
        except (Exception, KeyboardInterrupt) as error:
            if debug:
                traceback.print_exception(error)
            _end_at_once(error)


@contextmanager
def _spread(devices: "DevicesRequest | None", batch_size: int, device: "Device") -> "Iterator[tuple[Device, Share]]":
    from train.fitting.devices.data_parallel import spread

    with spread(devices, batch_size) as share:
        yield _of_all(device, share), share


def _of_all(device: "Device", share: "Share") -> "Device":
    """Say beside the device how many of its kind share a batch."""
    if share.devices == 1:
        return device
    among = f", in {share.processes} processes (this is {share.process})" if share.processes > 1 else ""
    return replace(device, line=f"{device.line}; {share.devices} devices share every batch{among}")


def _end_at_once(error: BaseException) -> NoReturn:
    if isinstance(error, KeyboardInterrupt):
        say_error("stopped by Ctrl-C, and the other processes with it; what was finished is kept")
    elif isinstance(error, PneumoscopeError):
        say_error(str(error))
    elif isinstance(error, OSError):
        say_error(refusal_in_words(error))
    else:  # what JAX raises of another process has no type of its own
        reason = str(error).split("\n", 1)[0][:200]
        say_error(
            f"this process cannot go on ({type(error).__name__}: {reason}): if another one has ended, give all of them "
            "the same command again; they go on from the last saved epoch"
        )
    sys.stderr.flush()
    os._exit(2 if isinstance(error, UsageError) else 1)


@contextmanager
def _native_stdout_to_stderr() -> Iterator[None]:
    """Keep stdout for results: what carries numbers between processes on CPUs (Gloo) says there that it met them."""
    saved = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        os.dup2(saved, 1)
        os.close(saved)
