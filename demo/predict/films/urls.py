"""Films in object storage, or wherever else fsspec reads: listed by URL, fetched as bytes, errors in words."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO

from train.common.errors import PneumoscopeError, UsageError
from train.radiograph import RadiographError
from train.radiograph.film_files import is_named_as_film
from train.radiograph.formats import MAX_BYTES

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gs", "gcs": "gs"}  # protocol → the extra that reads it
# What object stores answer when it is not the object that is denied but whoever asks: every further film would fail.
_WRONG_CREDENTIALS = frozenset(
    {"ExpiredToken", "ExpiredTokenException", "InvalidAccessKeyId", "InvalidToken", "SignatureDoesNotMatch"}
)
_LIBRARIES = frozenset({"botocore", "aiobotocore", "aiohttp", "gcsfs", "google"})  # whose errors are no OSErrors
_EMPTY_OBJECT = frozenset({"InvalidRange", "416"})  # the first bytes were asked for, and there are none


class StorageError(PneumoscopeError):
    """A storage, not a film, is the trouble: it does not answer, or does not know who asks."""


def open_filesystem(url: str) -> "tuple[AbstractFileSystem, str]":
    """The file system of a URL, and what the URL is called in it.

    Raises:
        UsageError: fsspec, or what it needs for this kind of URL, is not installed; no such kind.
        StorageError: it cannot be reached.
    """
    try:
        import fsspec
    except ImportError:
        raise UsageError(f"{url}: needs fsspec: pip install 'pneumoscope[distributed]'") from None
    protocol = url.partition("://")[0]
    try:
        # Without its cache of listings, which would grow with every folder that is looked into.
        filesystem = fsspec.filesystem(protocol, use_listings_cache=False)
        return filesystem, str(filesystem._strip_protocol(url))
    except ImportError as error:
        extra = EXTRAS.get(protocol)
        how = f"pip install 'pneumoscope[{extra}]'" if extra else " ".join(str(error).split())
        raise UsageError(f"{protocol}://: what reads it is not installed; {how}") from None
    except ValueError:
        raise UsageError(f"{url}: fsspec knows no {protocol}://; name s3://, gs:// or another that it reads") from None
    except Exception as error:  # each file system has its own
        raise storage_error(f"{protocol}://", error) from None


@contextmanager
def open_url(url: str) -> Iterator[BinaryIO]:
    """Open a URL for reading, piece by piece.

    Raises:
        UsageError, StorageError: as `open_filesystem`; it is not there, or denied.
    """
    filesystem, name = open_filesystem(url)
    try:
        file = filesystem.open(name, "rb")
    except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
        raise _not_given(url, "opened", error) from None
    except Exception as error:  # each file system has its own
        raise storage_error(url, error) from None
    with file:
        try:
            yield file
        except Exception as error:  # of the storage, or of whoever reads
            if type(error).__module__.partition(".")[0] not in _LIBRARIES:
                raise
            raise storage_error(url, error) from None


def version_of(url: str) -> str:
    """What the storage knows this very content by: an entity tag, or time and size.

    Raises:
        UsageError, StorageError: as `open_url`.
    """
    filesystem, name = open_filesystem(url)
    try:
        return str(filesystem.ukey(name))[:16]
    except (FileNotFoundError, PermissionError) as error:
        raise _not_given(url, "opened", error) from None
    except Exception as error:  # each file system has its own
        raise storage_error(url, error) from None


def fetch(url: str) -> bytes:
    """The bytes of a film, of a larger one no more than the reader needs to refuse it.

    Raises:
        RadiographError: this object is not there, or is denied.
        StorageError: the storage does not answer, or does not know who asks: no film can be fetched.
    """
    filesystem, name = open_filesystem(url)
    try:
        return filesystem.cat_file(name, start=0, end=MAX_BYTES + 1)
    except FileNotFoundError:
        raise RadiographError("cannot be opened: no such object") from None
    except IsADirectoryError:
        raise RadiographError("cannot be opened: a folder") from None
    except PermissionError as error:
        if _code(error) in _WRONG_CREDENTIALS:
            raise storage_error(url, error) from None
        raise RadiographError("cannot be opened: access denied") from None
    except Exception as error:  # each file system has its own
        if _code(error) in _EMPTY_OBJECT:
            return b""
        if str(error).startswith("Forbidden"):  # gcsfs has no PermissionError
            raise RadiographError("cannot be opened: access denied") from None
        raise storage_error(url, error) from None


def films_at(url: str, recursive: bool, every_file: bool, on_warning: Callable[[str], None]) -> Iterator[str]:
    """The films that a URL names: of a folder, those that are named as films.

    Unlike a local folder's, files of other names are not opened: each would be a request of its own. Sub-folders are
    looked into where the folder has no film of its own, or with `recursive`.

    Args:
        url: of a film, of a folder, or a pattern.
        recursive: look into the sub-folders in any case.
        every_file: of a folder take every file.
        on_warning: called with what a folder holds besides.

    Raises:
        UsageError: as `open_filesystem`; nothing is there, or it is denied.
        StorageError: as `open_filesystem`.
    """
    filesystem, name = open_filesystem(url)
    try:
        if "*" in name or "?" in name:
            matches = sorted(filesystem.glob(name))
            if not matches:
                raise UsageError(f"{url}: the pattern matches no object; check it")
            yield from map(filesystem.unstrip_protocol, matches)
        elif filesystem.isdir(name):
            yield from _films_below(filesystem, name, url, recursive, every_file, on_warning)
        elif filesystem.exists(name):
            yield url
        else:
            raise UsageError(f"{url}: no such object or folder; check the URL")
    except PneumoscopeError:
        raise
    except (FileNotFoundError, PermissionError) as error:
        raise _not_given(url, "listed", error) from None
    except Exception as error:  # each file system has its own
        raise storage_error(url, error) from None


def _films_below(
    filesystem: "AbstractFileSystem",
    top: str,
    url: str,
    recursive: bool,
    every_file: bool,
    on_warning: Callable[[str], None],
) -> Iterator[str]:
    unnamed = films = 0
    for folder, folders, files in filesystem.walk(top, on_error="raise"):
        for file in sorted(filter(None, files)):  # the empty name is the folder's own marker
            if every_file or (is_named_as_film(file) and not file.startswith(".")):
                films += 1
                yield filesystem.unstrip_protocol(f"{folder.rstrip('/')}/{file}")
            else:
                unnamed += 1
        if films and not recursive and folder.rstrip("/") == top.rstrip("/"):
            if folders:
                on_warning(f"{url}: {len(folders)} sub-folders not looked into; --recursive does")
            break
    if unnamed:
        on_warning(f"{url}: {unnamed} files left out, not named as films (.jpg, .png, .dcm …); --all takes every file")
    if not films:
        on_warning(f"{url}: no film here, in sub-folders neither")


def _not_given(url: str, what: str, error: Exception) -> UsageError:
    return UsageError(f"{url}: cannot be {what} ({_reason(error)}); check the name and the rights to it")


def storage_error(what: str, error: Exception) -> StorageError:
    """What a file system of fsspec raised, in one line that says what to do."""
    if type(error).__name__ in ("NoCredentialsError", "DefaultCredentialsError", "RefreshError"):
        advice = "set them as for the store's own command line (AWS_PROFILE, GOOGLE_APPLICATION_CREDENTIALS)"
        return StorageError(f"{what}: no credentials ({_reason(error)}); {advice}")
    return StorageError(
        f"{what}: the storage does not give it ({_reason(error)}); check address and credentials, then give the same "
        "command again"
    )


def _code(error: Exception) -> str:
    """The code that a server answered with, of S3 a word, of others HTTP's number; "" for none."""
    for found in (error, error.__cause__):
        response: Any = getattr(found, "response", None)
        if isinstance(response, dict):
            return str(response.get("Error", {}).get("Code", ""))
    return str(getattr(error, "code", getattr(error, "status", "")))


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split())[:160]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
