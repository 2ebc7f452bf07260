"""The command `demo`."""

import logging
import os
import signal
import sys
import threading
import webbrowser
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from demo.page.hosting.options import (
    AllowedHosts,
    ClientQuota,
    FrameAncestors,
    Log,
    Metrics,
    RootPath,
    TlsCert,
    TlsKey,
    TrustedProxies,
    UploadQuota,
)
from demo.predict.options import Device, Models
from train.common.console import (
    NOT_A_MEDICAL_DEVICE,
    Command,
    CommandGroup,
    Debug,
    print_line,
    say,
    say_next,
    say_warning,
)
from train.common.errors import PneumoscopeError, UsageError

if TYPE_CHECKING:
    from demo.page.accounts import Account
    from demo.page.serving import Running

DEFAULT_PORT = 7860

ExampleRoot = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="DIR",
        envvar="PNEUMOSCOPE_DATA",
        help="Folder that holds chest_xray/, to take the examples from; synthetic films if none is given.",
    ),
]
Share = Annotated[
    bool, typer.Option("--share", help="Open a public link to the page through Gradio's server, for up to a week.")
]
Host = Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 lets the whole network reach the page.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; if it is in use, the next free one.")]
AuthFile = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Ask for a password: a file with a line user:password for each person."),
]
NoBrowser = Annotated[bool, typer.Option("--no-browser", help="Do not open the page in the browser.")]

app = typer.Typer(rich_markup_mode=None)


@app.callback(cls=CommandGroup, invoke_without_command=True, epilog=NOT_A_MEDICAL_DEVICE)
def demo(
    context: typer.Context,
    models: Models = None,
    data: ExampleRoot = None,
    share: Share = False,
    host: Host = "127.0.0.1",
    port: Port = DEFAULT_PORT,
    auth_file: AuthFile = None,
    no_browser: NoBrowser = False,
    device: Device = "auto",
    allowed_host: AllowedHosts = None,
    client_quota: ClientQuota = 2_000,
    upload_quota: UploadQuota = 8_000,
    root_path: RootPath = "",
    trusted_proxy: TrustedProxies = None,
    tls_cert: TlsCert = None,
    tls_key: TlsKey = None,
    frame_ancestors: FrameAncestors = None,
    log: Log = None,
    metrics: Metrics = False,
    debug: Debug = False,
) -> None:
    """Open the page: drop a chest X-ray, see what both networks say.

    The address is printed to standard output, everything else to standard error. Films are read on this machine and
    deleted after reading; nothing is looked up on the internet unless --share is given. Ctrl-C ends the page;
    a SIGTERM lets it answer first what it is reading.
    """
    if context.invoked_subcommand:
        return
    from demo.page.guard.upload_space import Quota
    from demo.page.hosting.settings import hosting
    from demo.page.private_folder import private_folder
    from demo.page.serving import check_installed, finish_readings, prepare_environment, silence, start, take_port

    check_installed()
    if data is not None and not data.is_dir():
        raise UsageError(f"--data {data}: no such folder; name one that holds chest_xray/, or leave it out")
    hosted = hosting(
        root_path,
        trusted_proxy or (),
        (tls_cert, tls_key),
        frame_ancestors or (),
        log,
        metrics,
        allowed_host or (),
        Quota(client_quota * 1_000_000, upload_quota * 1_000_000),
    )
    if share and hosted.tls:
        raise UsageError("--share: Gradio's server asks this one for plain HTTP, and has HTTPS itself; no --tls-cert")
    accounts = _accounts(auth_file) if auth_file else ()
    if debug:
        _log_to_stderr()
    with _ended_by_a_signal() as ended, take_port(host, port) as listening, private_folder() as folder:
        _say_port(port, listening.getsockname()[1])
        say("starting the page")
        prepare_environment(folder)
        with silence(debug):
            running = start(models, data, folder, listening=listening, device=device, accounts=accounts, hosting=hosted)
        try:
            _say_what_runs(running, host, bool(accounts))
            if not no_browser:
                _open_browser(running.url)
            if share:
                _share(running, bool(accounts), debug)
            with silence(debug):
                running.wait()
        finally:
            with silence(debug):
                _end(running, ended)
    # Here, where their uploads are gone: of a batch only the film in hand is read to its end.
    finish_readings(2 if ended.by == signal.SIGTERM else 10)


def _accounts(auth_file: Path) -> "Sequence[Account]":
    """Read who may see the page; warn of a file that others can read, or that holds passwords as they are."""
    from demo.page.accounts import others_may_read, read_accounts

    accounts = read_accounts(auth_file)
    if others_may_read(auth_file):
        say_warning(f"{auth_file}: others on this machine can read it; keep it to yourself: chmod 600 {auth_file}")
    if any(account.is_readable for account in accounts):
        say_warning(
            f"{auth_file}: holds passwords that can be read there; store hashes: pneumoscope demo hash-password"
        )
    return accounts


def _say_port(asked: int, taken: int) -> None:
    if asked and taken != asked:
        say(f"port {asked} is in use, so the page takes {taken}")


def _open_browser(url: str) -> None:
    if _has_screen():
        threading.Thread(target=webbrowser.open, args=[url], daemon=True).start()


def _end(running: "Running", ended: "_Ended") -> None:
    """End the page. A SIGTERM comes from a host that gives it ten seconds, to answer what it has begun."""
    if ended.by == signal.SIGTERM:
        running.drain()
    running.close()


@app.command("hash-password", cls=Command)
def hash_password(debug: Debug = False) -> None:
    """Ask for a password and print what to write in its place into the file of --auth-file, as user:HASH.

    Where standard input is no terminal, its first line is the password.
    """
    from demo.page.login import passwords

    if sys.stdin.isatty():
        password = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    else:
        password = sys.stdin.readline()
    if not (password := password.strip()):
        raise UsageError("no password given; write it into standard input, or run this in a terminal")
    print_line(passwords.hash_password(password))
    say("Write a line user:HASH into the file that --auth-file names.")


@app.command("api-token", cls=Command)
def api_token(debug: Debug = False) -> None:
    """Print a new token for a program, and what to write for it into the file of --auth-file.

    The program sends it with each request: Authorization: Bearer TOKEN. It does not expire; take its line out of the
    file, and start the page again, to end it.
    """
    from demo.page.accounts import TOKEN_MARK
    from demo.page.login.tokens import fingerprint, new_api_token

    token = new_api_token()
    print_line(token)
    say("The token above is shown only now. Write this line into the file that --auth-file names, with a user's name:")
    say(f"user:{TOKEN_MARK}{fingerprint(token)}")


def _say_what_runs(running: "Running", host: str, has_accounts: bool) -> None:
    loaded = running.loaded
    for fault in loaded.faults.values():
        say_warning(fault)
    if not loaded.classifiers:
        say_warning(f"{loaded.models}: no network here; the page tells how to make them")
    for line in dict.fromkeys(classifier.device_line for classifier in loaded.classifiers.values()):
        say(line)
    if host not in ("127.0.0.1", "localhost", "::1", "[::1]"):
        if has_accounts and running.url.startswith("http:"):
            say_warning("everyone in the network can reach the page's login, and passwords travel there unencrypted")
        elif not has_accounts:
            say_warning("everyone in the network can use the page; ask for a password with --auth-file FILE")
    print_line(running.url)
    say(f"The page is open at this address; press Ctrl-C to stop it. {NOT_A_MEDICAL_DEVICE}")
    say_next("pneumoscope predict FILM")


def _share(running: "Running", has_accounts: bool, debug: bool) -> None:
    from demo.page.hosting.share_link import how_long, qr_code, suggested_account
    from demo.page.serving import open_share_link, silence

    say("opening a share link")
    try:
        with silence(debug):
            address = open_share_link(running)
    except PneumoscopeError as error:
        say_warning(str(error))
        return
    print_line(address)
    if sys.stderr.isatty():
        say(qr_code(address))
    say(how_long(datetime.now().astimezone()))
    if not has_accounts:
        say_warning("films that are uploaded pass through Gradio's server; ask for a password with --auth-file FILE")
        say(f"a line that file may hold: {suggested_account()}")


@dataclass
class _Ended:
    """Which signal ended the block; None as long as none did."""

    by: int | None = None


@contextmanager
def _ended_by_a_signal() -> Iterator[_Ended]:
    """Ctrl-C, a kill and a closed terminal all end the block in good order, and the command with success."""
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    ended = _Ended()
    if threading.current_thread() is not threading.main_thread():  # Python sets signals in no other thread
        yield ended
        return

    def end(number: int, _frame: FrameType | None) -> None:
        ended.by = number
        for other in signals:  # once is enough: a second one must not cut the clearing away short
            signal.signal(other, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {number: signal.signal(number, end) for number in signals}
    try:
        yield ended
    except KeyboardInterrupt:
        with suppress(OSError):  # the terminal may be gone
            say("stopped")
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _has_screen() -> bool:
    """Whether a browser would have a window: in a terminal alone one would take the terminal over."""
    shown = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    return sys.platform == "darwin" or any(os.environ.get(name) for name in shown)


def _log_to_stderr() -> None:
    logging.basicConfig(format="%(name)s: %(message)s")
    logging.getLogger("demo").setLevel(logging.DEBUG)
