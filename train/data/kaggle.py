"""Download one public Kaggle set with kagglehub: no account, bounded waiting, a bar, one line when it fails."""

import logging
import os
import shutil
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from train.common.console import Progress
from train.common.errors import PneumoscopeError, UsageError

ARCHIVE_NAME = "archive.zip"
HOW_TO_INSTALL = "pip install 'pneumoscope[train]', or kagglehub alone"

# Seconds: to connect, and between two pieces of an answer.
TIMEOUTS = (10.0, 60.0)
_MB = 1_000_000


class KaggleError(PneumoscopeError):
    """Kaggle cannot be reached, or answers with something else than the set."""


def download(handle: str, into: Path, progress: Progress) -> Path:
    """Download a public set as it lies on Kaggle; resumes where an earlier call with the same folder stopped.

    Args:
        handle: owner/name of the set.
        into: folder for the download, kept for the next call when this one fails.
        progress: makes a bar of a description and a total in MB, as `train.common.console.progress_bar` does.

    Returns:
        The archive, or a folder with the set's files where kagglehub has it unpacked already (inside Kaggle's and
        Colab's notebooks it is a read-only mount).

    Raises:
        UsageError: kagglehub is not installed.
        KaggleError: no connection, refused, broken off, damaged.
    """
    for archive in into.rglob(ARCHIVE_NAME):
        return archive
    with redirect_stdout(sys.stderr):  # kagglehub prints to stdout, where results belong
        try:
            import kagglehub
            import kagglehub.clients
            import kagglehub.http_resolver
            import requests
        except ImportError:
            raise UsageError(f"kagglehub is not installed; {HOW_TO_INSTALL}") from None
        if "KAGGLEHUB_VERBOSITY" not in os.environ:
            logging.getLogger("kagglehub").setLevel(logging.ERROR)
        with (
            _environment("KAGGLEHUB_CACHE", str(into)),
            _replaced(requests.Session, "send", _with_timeouts(requests.Session.send)),
            _replaced(kagglehub.clients, "tqdm", _bar(progress)),
            _replaced(kagglehub.http_resolver, "_extract_archive", _keep_archive),
        ):
            try:
                place = Path(kagglehub.dataset_download(handle))
            except Exception as error:
                raise _explained(error, into) from error
    archive = place / ARCHIVE_NAME
    return archive if archive.is_file() else place


def _explained(error: Exception, into: Path) -> Exception:
    """The error to raise instead of kagglehub's; `error` itself where nothing is known about it."""
    import requests
    from kagglehub.exceptions import DataCorruptionError

    if isinstance(error, requests.HTTPError):
        return KaggleError(_refusal(None if error.response is None else error.response.status_code))
    if isinstance(error, requests.exceptions.SSLError):
        return KaggleError("the connection to Kaggle is not secure (certificate refused): is a proxy in between?")
    if isinstance(error, requests.RequestException):
        if here := _size(into):
            return KaggleError(
                f"the connection to Kaggle broke; {here / _MB:.0f} MB are kept: run the same command again to resume"
            )
        return KaggleError("Kaggle cannot be reached: no internet here, or a firewall or sign-in page in between")
    if isinstance(error, DataCorruptionError | zipfile.BadZipFile | tarfile.TarError | zlib.error | EOFError):
        # A damaged archive would be taken for a finished one the next time.
        shutil.rmtree(into, ignore_errors=True)
        return KaggleError("the download was damaged and is thrown away: run the same command again")
    if isinstance(error, OSError):
        return KaggleError(f"the download cannot be written: {error.strerror or 'the system refused'}")
    if isinstance(error, ValueError):
        return KaggleError(f"{error}: correct or remove what it names, the set needs no account")
    return error


def _refusal(status: int | None) -> str:
    if status in (401, 403):
        return (
            f"Kaggle refused ({status}): if KAGGLE_API_TOKEN or the .kaggle folder in your home holds a token, "
            "renew or remove it, the set needs no account"
        )
    if status == 404:
        return "Kaggle no longer has the set at this address (404)"
    if status == 429:
        return "Kaggle was asked too often (429): wait an hour, then run the same command again"
    return f"Kaggle answered with an error ({status or 'unknown'}): run the same command again later"


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _with_timeouts(send: Callable[..., Any]) -> Callable[..., Any]:
    """kagglesdk asks without a timeout: behind a firewall it would wait two minutes, on a stalled line for ever."""

    def send_in_time(session: Any, request: Any, **settings: Any) -> Any:  # noqa: ANN401
        settings["timeout"] = settings.get("timeout") or TIMEOUTS
        return send(session, request, **settings)

    return send_in_time


def _bar(progress: Progress) -> Callable[..., Any]:
    """Stands in for tqdm, which fills a log file with lines and knows nothing of our bar."""

    @contextmanager
    def bar(total: int, initial: int = 0, **_: Any) -> Iterator[SimpleNamespace]:
        words = f"downloading the last {(total - initial) // _MB} MB" if initial else "downloading, in MB"
        with progress(words, max(1, (total - initial) // _MB)) as advance:
            read = reported = 0

            def update(count: int) -> None:
                nonlocal read, reported
                read += count
                if read // _MB > reported:
                    advance(read // _MB - reported)
                    reported = read // _MB

            yield SimpleNamespace(update=update)

    return bar


def _keep_archive(archive_path: str, out_path: str) -> None:
    """Stands in for unpacking: this set's archive holds every film twice, and only one of them is wanted."""
    place = Path(out_path)
    place.mkdir(parents=True, exist_ok=True)
    Path(archive_path).replace(place / ARCHIVE_NAME)
    Path(archive_path).touch()  # kagglehub removes it next


@contextmanager
def _replaced(owner: ModuleType | type, name: str, value: object) -> Iterator[None]:
    """Replace a function of another package; where a later version has none of that name, do without."""
    original = getattr(owner, name, None)
    if original is None:
        yield
        return
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, original)


@contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
