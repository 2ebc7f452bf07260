"""What `train` is asked of devices and processes, and how the processes of several machines find one another (JAX)."""

import os
import signal
import socket
import threading
import time
from dataclasses import dataclass

from train.common.errors import PneumoscopeError, UsageError
from train.fitting.devices.device import backend_in_prose, backend_name

#: How long a process waits for the others.
JOIN_SECONDS = 120
_SECONDS_PER_TRY = 0.5
#: That JAX is given beyond that: when its own patience ends, it ends the process in pages of its own.
_SECONDS_MORE = 60
#: More than a step of these networks has sums over devices under way at once.
_CPU_THREADS = 64


@dataclass(frozen=True)
class Processes:
    """The processes of one training: where number 0 listens, how many there are, and which this is.

    host: an address of IPv6 without its brackets.
    """

    host: str
    port: int
    count: int
    process: int

    @property
    def coordinator(self) -> str:
        """Where number 0 listens, HOST:PORT."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True)
class DevicesRequest:
    """The devices that share every batch: `count` of each process (None: all), in the processes (None: this one)."""

    count: int | None
    processes: Processes | None = None


def devices_request(
    devices: str | None, coordinator: str | None, processes: int | None, process_id: int | None
) -> DevicesRequest | None:
    """Read `--devices`, `--coordinator`, `--processes` and `--process-id`; None where there is nothing to share.

    Raises:
        UsageError: options that do not belong together, or a backend on which devices cannot share a training.
    """
    joined = _processes(coordinator, processes, process_id)
    if devices is None or devices == "all":
        count = None
    elif devices.isascii() and devices.isdecimal() and int(devices) > 0:
        count = int(devices)
    else:
        raise UsageError(f"--devices must be all or a number from 1. Received: {devices}")
    if joined is None and (devices is None or count == 1):
        return None
    if backend_name() != "jax":
        raise UsageError(
            f"several devices or processes train on Keras's JAX backend only, not on {backend_in_prose()}: "
            "pip install 'pneumoscope[train-jax]', set KERAS_BACKEND=jax and give the same command; "
            "a run made under JAX is opened, evaluated and exported under TensorFlow like any other"
        )
    return DevicesRequest(count, joined)


def prepare_jax(request: DevicesRequest) -> None:
    """Prepare JAX for devices that share a training, before it has looked for any; meet the other processes.

    Raises:
        PneumoscopeError: as `join`.
    """
    import jax

    # A sum over CPU devices holds its thread until the other devices come to it, and XLA has as many threads as NPROC
    # or, without it, processors: of few, one device's sums may take all, and no other device comes.
    os.environ.setdefault("NPROC", str(_CPU_THREADS))
    # Steps under way on CPUs overlap what follows them, and devices and processes would wait for each other forever.
    jax.config.update("jax_cpu_enable_async_dispatch", False)
    if request.processes is not None:
        join(request.processes)


def join(processes: Processes, seconds: float = JOIN_SECONDS) -> None:
    """Meet the other processes; JAX sees the devices of all of them from then on.

    Raises:
        PneumoscopeError: process 0 cannot listen there or does not answer, or the others do not come, within the
            seconds; JAX still waits for them in a thread then, so that this process has to end.
    """
    until = time.monotonic() + seconds
    if processes.process:
        _wait_for_coordinator(processes, until, seconds)
    else:
        _require_free_address(processes)
    at_sigterm = signal.getsignal(signal.SIGTERM)
    left = max(0.0, until - time.monotonic())
    failed: list[RuntimeError] = []
    # JAX waits where no Ctrl-C reaches it, and one that another thread receives does not wake this one.
    meeting = threading.Thread(target=_meet, args=(processes, round(left) + _SECONDS_MORE, failed), daemon=True)
    meeting.start()
    while meeting.is_alive() and (left := until - time.monotonic()) > 0:
        meeting.join(min(_SECONDS_PER_TRY, left))
    if failed or meeting.is_alive():
        why = f"({str(failed[0])[:160]})" if failed else f"within {seconds:g} seconds"
        raise PneumoscopeError(
            f"the {processes.count} processes did not meet at {processes.coordinator} {why}: start all of them, "
            f"--process-id 0 to {processes.count - 1}, one of each, with the same --coordinator and --processes"
        )
    # JAX takes it for a notice that the machine will be wanted, which nobody here reads, and would train on.
    signal.signal(signal.SIGTERM, at_sigterm or signal.SIG_DFL)


def _meet(processes: Processes, seconds: int, failed: list[RuntimeError]) -> None:
    import jax

    try:
        jax.distributed.initialize(
            processes.coordinator,
            processes.count,
            processes.process,
            initialization_timeout=seconds,
            # Of itself JAX would listen on every address of the machine.
            coordinator_bind_address=processes.coordinator,
        )
    except RuntimeError as error:
        failed.append(error)


def leave() -> None:
    """Part from the other processes, all at once: what follows (evaluation) one of them does alone."""
    import jax

    jax.distributed.shutdown()


def _require_free_address(processes: Processes) -> None:
    """Try to listen where the others will ask, on any of the addresses that the name has.

    Raises:
        PneumoscopeError: it is no address of this machine, or its port is taken.
    """
    refusal: OSError | None = None
    try:
        found = socket.getaddrinfo(processes.host, processes.port, type=socket.SOCK_STREAM)
    except OSError as error:
        found, refusal = [], error
    for family, kind, protocol, _, address in found:
        try:
            with socket.socket(family, kind, protocol) as own:
                own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                own.bind(address)
        except OSError as error:
            refusal = error
        else:
            return
    raise PneumoscopeError(
        f"process 0 cannot listen at --coordinator {processes.coordinator} "
        f"({refusal.strerror or refusal if refusal else 'no address'}): give an address of this machine that the "
        "others reach, with a free port"
    )


def _wait_for_coordinator(processes: Processes, until: float, seconds: float) -> None:
    """Ask until process 0 listens: JAX's own client ends the whole process where it does not in time."""
    while True:
        try:
            socket.create_connection((processes.host, processes.port), timeout=_SECONDS_PER_TRY).close()
        except OSError as error:
            if time.monotonic() >= until:
                raise PneumoscopeError(
                    f"--coordinator {processes.coordinator} did not answer within {seconds:g} seconds "
                    f"({error.strerror or error}): is --process-id 0 started there, and the port open?"
                ) from error
            time.sleep(min(_SECONDS_PER_TRY, max(0.0, until - time.monotonic())))
        else:
            return


def _processes(coordinator: str | None, processes: int | None, process_id: int | None) -> Processes | None:
    given = {"--coordinator": coordinator, "--processes": processes, "--process-id": process_id}
    missing = [option for option, value in given.items() if value is None]
    if coordinator is None or processes is None or process_id is None:
        if len(missing) < len(given):
            raise UsageError(
                f"{' and '.join(missing)} missing: several processes need --coordinator HOST:PORT (of process 0), "
                "--processes N and --process-id I"
            )
        return None
    if processes < 2:
        raise UsageError(f"--processes must be 2 or more. Received: {processes}")
    if not 0 <= process_id < processes:
        raise UsageError(
            f"--process-id must be from 0 to {processes - 1} (--processes {processes}). Received: {process_id}"
        )
    host, _, port = coordinator.rpartition(":")
    is_bracketed = host.startswith("[") and host.endswith("]")
    host = host[1:-1] if is_bracketed else host
    is_port = port.isascii() and port.isdecimal() and 0 < int(port) < 2**16
    if not host or not is_port or (":" in host) != is_bracketed:
        raise UsageError(f"--coordinator must be HOST:PORT, of IPv6 [ADDRESS]:PORT. Received: {coordinator}")
    return Processes(host, int(port), processes, process_id)
