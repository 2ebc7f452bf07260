"""The page on an address: networks, port, passwords, share link; nothing looked up, nothing left behind."""

import errno
import io
import os
import secrets
import socket
import threading
import time
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass, replace
from importlib.util import find_spec
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import numpy as np

from demo.inference.networks import LoadedModels, load_models
from demo.inference.onnx_runtime import Device
from demo.page.accounts import Account
from demo.page.guard.hosts import AllowedHosts, allowed_hosts
from demo.page.hosting.settings import AT_HOME, Hosting
from train.common.errors import PneumoscopeError, UsageError

if TYPE_CHECKING:
    import gradio as gr

    from demo.inference.film_workers import FilmWorkers
    from demo.page.hosting.shutdown import Draining

LOOPBACK = "127.0.0.1"
PORTS_TRIED = 100
MOST_WORKERS = 4  # processes that decode films, of some 100 MB each
HOW_TO_INSTALL = "pip install 'pneumoscope[cpu,page]'"

# Every switch that the page's dependencies have, and those that many programs honour.
NO_TELEMETRY = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_OFFLINE": "1",
    "DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "ORT_DISABLE_TELEMETRY": "1",
    "OTEL_SDK_DISABLED": "true",
    "FASTAPI_OTEL_AUTO_CONFIGURE": "false",
}
# A proxy in front of the page needs the one, a share server of one's own the other; our options say all the rest.
_GRADIO_SETTINGS_KEPT = ("GRADIO_ROOT_PATH", "GRADIO_SHARE_SERVER_ADDRESS")

# How Gradio serves the page, wherever that is: quietly, without what it would look up or leave behind.
LAUNCH_SETTINGS: dict[str, Any] = {
    "prevent_thread_lock": True,
    "quiet": True,
    "share": False,  # Gradio's own way to share loads the page's script from another host; see `open_share_link`
    "inbrowser": False,
    "show_error": False,
    "footer_links": [],
    "run_history": False,
    "ssr_mode": False,
    "mcp_server": False,
    "pwa": False,
    "enable_monitoring": False,
    "num_workers": 0,
}


@dataclass(frozen=True)
class Running:
    """A page that answers.

    Attributes:
        url: its address on this machine, with a slash at the end.
        loaded: the networks it reads with.
        workers: the processes that decode its films.
        draining: whether it is being stopped.
        hosts: the names it answers to.
    """

    url: str
    port: int
    loaded: LoadedModels
    blocks: "gr.Blocks"
    workers: "FilmWorkers"
    draining: "Draining"
    hosts: AllowedHosts

    def wait(self) -> None:
        """Return never; a signal ends it.

        Raises:
            PneumoscopeError: the server ended by itself.
        """
        while self.blocks.server.thread.is_alive():
            time.sleep(1)  # a signal that interrupts `join` has Python take the thread for ended, and `close` not wait
        raise PneumoscopeError("the page's server ended by itself; start it again with --debug to see why")

    def drain(self) -> bool:
        """Take no new work, and wait until what was begun is answered; whether all of it was before time was up."""
        return self.draining.wait(self.blocks)

    def close(self) -> None:
        """End the page at once, whoever is still looking at it."""
        from gradio.tunneling import CURRENT_TUNNELS

        for tunnel in CURRENT_TUNNELS:
            tunnel.kill()
        self.blocks.server.force_exit = True
        self.blocks.close(verbose=False)
        self.workers.close()


def finish_readings(seconds: float = 10) -> None:
    """Wait for the films that a closed page is still reading, `seconds` at most.

    Python ends beside their threads, and C++ (the networks, OpenCV, NumPy) then aborts the process as they come back.
    """
    deadline = time.monotonic() + seconds
    for thread in threading.enumerate():
        if thread.name.startswith("AnyIO worker"):  # Gradio runs every reading in one of these
            thread.join(max(0, deadline - time.monotonic()))


def prepare_environment(folder: Path) -> None:
    """Set what the page's dependencies read when they are imported: no telemetry, temporary files in `folder`."""
    for name in [name for name in os.environ if name.startswith("GRADIO_") and name not in _GRADIO_SETTINGS_KEPT]:
        del os.environ[name]
    os.environ |= NO_TELEMETRY | {"GRADIO_TEMP_DIR": str(folder)}
    os.environ["FORWARDED_ALLOW_IPS"] = ""  # whom to believe about a visitor is for `TrustedProxies` to say
    # Gradio tells nobody here how long functions took, which it else works out with pandas after each of them.
    os.environ |= {"GRADIO_ANALYTICS_MAX_EVENTS": "1", "GRADIO_ANALYTICS_CACHE_FREQUENCY": "1000000000"}
    # Gradio greets its own server as it starts, which is nothing for a proxy.
    for name in ("NO_PROXY", "no_proxy"):
        os.environ[name] = ",".join(filter(None, (os.environ.get(name), "localhost,127.0.0.1,::1")))


def check_installed() -> None:
    """Raise UsageError where the page's own packages are missing."""
    missing = [name for name in ("gradio", "plotly") if find_spec(name) is None]
    if missing:
        raise UsageError(f"the page needs {' and '.join(missing)}, not installed here; {HOW_TO_INSTALL}")


def take_port(host: str, port: int) -> socket.socket:
    """A socket that listens on the port itself if it is free, or on the next one that is; for 0 on any free port.

    From now on it is nobody else's: another page that is begun at the same time takes the next one.

    Raises:
        UsageError: the host is no address of this machine, the port may not be taken, or none of `PORTS_TRIED` is free.
    """
    address = _address(host)
    for candidate in range(port, min(port + PORTS_TRIED, 65536)) if port else (0,):
        if listening := _listen(address, candidate):
            return listening
    raise UsageError(f"--port {port}: this and the next {PORTS_TRIED - 1} ports are in use; choose another")


def start(
    models: Path | None,
    data_root: Path | None,
    folder: Path,
    *,
    listening: socket.socket,
    device: Device = "auto",
    accounts: Sequence[Account] = (),
    hosting: Hosting = AT_HOME,
) -> Running:
    """Load the networks, build the page and serve it; returns when it answers.

    Args:
        models: the folder that holds a and b; None for the one that came with pneumoscope.
        data_root: root of the user's films, for examples; None for the synthetic ones.
        folder: for temporary files, private to this process; `prepare_environment` was called with it.
        listening: as `take_port` gives it.
        accounts: who may see the page; everyone if empty.
        hosting: what stands before it, and what it writes down.

    Raises:
        UsageError: a package is missing, or the device cannot be used.
    """
    with ThreadPoolExecutor(2) as loading:  # beside the import of Gradio, which takes longer
        networks = loading.submit(_loaded_models, models, device)
        decoding = loading.submit(_film_workers)
        try:
            from fastapi.exceptions import RequestValidationError
            from gradio import networking

            from demo.page import layout as page
            from demo.page.before_gradio import before_gradio
            from demo.page.guard.answer_headers import failed, not_understood
            from demo.page.guard.sweep import Sweep, sweeping
            from demo.page.hosting.own_server import serving_on
            from demo.page.hosting.shutdown import Draining
            from demo.page.login.gate import Logins
            from demo.page.panels.batch import PLACES
            from demo.page.queue.reading_queue import bound_queue, one_place_each
        except ImportError as error:
            raise UsageError(f"the page's packages cannot be imported ({error}); {HOW_TO_INSTALL}") from error
    workers = decoding.result()
    loaded = replace(networks.result(), read_film=workers.read)
    networking.CERTIFICATE_PATH = str(folder / "share-server.pem")  # instead of .gradio/ in the user's folder
    name, port = listening.getsockname()[:2]
    address = ip_address(name)
    hosts, draining = allowed_hosts(address, hosting.allowed_hosts), Draining()
    logins = Logins(accounts) if accounts else None
    before = before_gradio(loaded, hosting, hosts, draining, logins)
    blocks = page.build_page(before.loaded, data_root)
    bound_queue(blocks)
    one_place_each(blocks, PLACES)
    in_url = f"[{address}]" if address.version == 6 else str(address)
    with serving_on(listening, before.outermost):
        blocks.launch(
            server_name=in_url,
            server_port=port,
            auth=logins.check if logins else None,  # type: ignore[arg-type]  # Gradio awaits it, and says so nowhere
            app_kwargs={
                "middleware": before.middleware,
                "exception_handlers": {500: failed, RequestValidationError: not_understood},
                "lifespan": lambda _: sweeping(Sweep(folder), blocks),
            },
            theme=page.THEME,
            css=page.css(),
            head=page.head(),
            **LAUNCH_SETTINGS,
            **hosting.launch_settings,
        )
    shown = LOOPBACK if address.is_unspecified else in_url
    return Running(f"{hosting.scheme}://{shown}:{port}/", port, before.loaded, blocks, workers, draining, hosts)


def open_share_link(running: Running) -> str:
    """Open Gradio's tunnel to the page; returns the address that everyone can use.

    Raises:
        PneumoscopeError: there is no way to Gradio's server.
    """
    from gradio import networking

    try:
        address = networking.setup_tunnel(LOOPBACK, running.port, secrets.token_urlsafe(32), None, None)
    except Exception as error:  # the tunnel's program is fetched, checked and run: each fails in its own way
        raise PneumoscopeError(
            f"no share link ({type(error).__name__}): it needs the internet, api.gradio.app among it; "
            "the page goes on here without it"
        ) from error
    address = "https" + address.removeprefix("https").removeprefix("http")
    running.hosts.shared.add(urlsplit(address).hostname or "")
    return address


@contextmanager
def silence(debug: bool) -> Iterator[None]:
    """Keep what the dependencies print and warn of from the terminal, unless someone is looking for a fault."""
    if debug:
        yield
        return
    nowhere = _Nowhere()
    with redirect_stdout(nowhere), redirect_stderr(nowhere), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


class _Nowhere(io.TextIOBase):
    """Takes text and forgets it; never closed, for the server's log goes on writing to what it was begun with."""

    def write(self, text: str) -> int:
        return len(text)

    def close(self) -> None:
        pass


def _loaded_models(models: Path | None, device: Device) -> LoadedModels:
    loaded = load_models(models, device)
    for classifier in loaded.classifiers.values():
        # A network's first run takes several times as long as any other: not for the first visitor to wait for.
        with suppress(PneumoscopeError):
            classifier.read(np.zeros((8, 8), np.uint8))
    return loaded


def _film_workers() -> "FilmWorkers":
    from demo.inference.film_workers import FilmWorkers
    from demo.inference.onnx_runtime import usable_processors

    return FilmWorkers(max(2, min(usable_processors(), MOST_WORKERS)))


def _address(host: str) -> IPv4Address | IPv6Address:
    try:
        return ip_address(LOOPBACK if host == "localhost" else host.strip("[]"))
    except ValueError:
        raise UsageError(f"--host {host}: expected an address such as 127.0.0.1 or 0.0.0.0, or localhost") from None


def _listen(address: IPv4Address | IPv6Address, port: int) -> socket.socket | None:
    """None if the port is in use."""
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    # Named, or asyncio takes it for another protocol and lets the system hold back small answers for 40 ms.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((str(address), port))
        listening.listen()  # two may bind a port, one may listen
    except OSError as error:
        listening.close()
        if error.errno == errno.EADDRINUSE:
            return None
        if isinstance(error, PermissionError):
            raise UsageError(f"--port {port}: needs an administrator; choose one above 1023") from None
        raise UsageError(f"--host {address}: no address of this machine ({error.strerror})") from None
    return listening
