"""Several devices that share every batch: the network on each of them, the films dealt out, the gradients added up."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import keras
import numpy as np

from train.common.errors import PneumoscopeError, UsageError
from train.fitting.devices.processes import DevicesRequest


@dataclass(frozen=True)
class Share:
    """What a process feeds of every batch.

    devices: of all processes; they divide every batch.
    processes: how many feed a batch, each as many films.
    process: which of them this is, from 0.
    """

    devices: int = 1
    processes: int = 1
    process: int = 0

    def own(self, batch: np.ndarray) -> np.ndarray:
        """Return this process's part of a batch's films or targets, [batch, …] → [batch / processes, …]."""
        size = len(batch) // self.processes
        return batch[self.process * size : (self.process + 1) * size]


def present_share() -> Share:
    """Return the share under the distribution that holds now; without one all of every batch."""
    distribution = keras.distribution.distribution() if keras.config.backend() == "jax" else None
    if distribution is None:
        return Share()
    import jax

    return Share(distribution.device_mesh.devices.size, jax.process_count(), jax.process_index())


@contextmanager
def spread(request: DevicesRequest | None, batch_size: int) -> Iterator[Share]:
    """Let networks that are built in the block be trained on the devices asked for, each batch shared by all of them.

    BatchNormalization has the mean and variance of the whole batch, not of a device's part.

    Args:
        request: None, or one device in all, changes nothing.
        batch_size: films per step, of all devices together.

    Raises:
        UsageError: there are fewer devices, or they do not divide the batch.
    """
    devices = _devices_of(request) if request is not None else []
    if len(devices) <= 1:
        yield Share()
        return
    count = len(devices)
    if batch_size % count:
        lower, higher = batch_size // count * count, (batch_size // count + 1) * count
        sizes = f"{lower} or {higher}" if lower else str(higher)
        raise UsageError(
            f"{count} devices do not divide a batch of {batch_size} films evenly: use --batch-size {sizes}, or as many "
            f"devices as divide {batch_size}"
        )
    # Every process feeds its own part (`Share`): Keras would have to cut up a data set that it does not know.
    distribution = keras.distribution.DataParallel(devices=devices, auto_shard_dataset=False)
    keras.distribution.set_distribution(distribution)
    try:
        yield present_share()
    finally:
        keras.distribution.set_distribution(None)


def require_same_training(processes: int, *facts: object) -> None:
    """Compare among so many processes what each is about to train; else their steps would wait for each other forever.

    Raises:
        PneumoscopeError: in every process, where one has another command, other films or another state of the run.
    """
    if processes == 1:
        return
    from jax.experimental.multihost_utils import process_allgather

    digest = hashlib.sha256(repr(facts).encode()).digest()
    gathered = np.asarray(process_allgather(np.frombuffer(digest, np.uint8))).reshape(processes, -1)
    if others := [process for process in range(processes) if (gathered[process] != gathered[0]).any()]:
        raise PneumoscopeError(
            f"--process-id {', '.join(map(str, others))} would train something else than process 0: give every process "
            "the same command, films, versions and folder of runs"
        )


def _devices_of(request: DevicesRequest) -> list[str]:
    """Return Keras's names of the devices asked for, those of process 0 first, as many of each process."""
    import jax

    by_process = [
        [device for device in jax.devices() if device.process_index == process]
        for process in range(jax.process_count())
    ]
    counts = [len(devices) for devices in by_process]
    wanted = request.count if request.count is not None else max(counts)
    if wanted > min(counts):
        found = f"{min(counts)} device(s) ({jax.default_backend()})"
        where = "here" if len(counts) == 1 else "in one of the processes, and each has to have as many"
        asked = request.count if request.count is not None else "all"
        raise UsageError(f"--devices {asked}: JAX sees {found} {where}; use --devices {min(counts)}")
    return [f"{device.platform}:{device.id}" for devices in by_process for device in devices[:wanted]]
