"""What a user names → the films of a chunked run, one after the other: local ones, those in a storage, a manifest's."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from demo.predict.films.manifest import films_of_manifest
from demo.predict.films.names import STANDARD_INPUT, is_url
from demo.predict.films.paths import find_films
from train.common.errors import UsageError


@dataclass(frozen=True)
class Inputs:
    """What names the films.

    Attributes:
        paths: as of `find_films`, or URLs of films, folders or patterns.
        manifest: a CSV or Parquet file, or the URL of one.
        recursive, every_file: as of `find_films`.
    """

    paths: tuple[str, ...]
    manifest: str | None
    recursive: bool
    every_file: bool


def references(inputs: Inputs, on_warning: Callable[[str], None]) -> Iterator[str]:
    """Go through the films in the order that they are named in.

    Of folders and patterns each film comes once; a manifest's come as often as they stand in it, row by row. A
    manifest and folders in a storage are read as they are gone through; a local folder's names are held meanwhile.

    Args:
        inputs: what names them.
        on_warning: called with what was strange on the way, and what folders hold besides.

    Raises:
        UsageError: as `find_films` and `films_of_manifest`; no film at all.
        StorageError: a storage does not answer.
    """
    if STANDARD_INPUT in inputs.paths:
        raise UsageError("standard input (-) has no name to be found again by, so --output cannot take it; name a file")
    count = 0
    for film in _all(inputs, on_warning):
        count += 1
        yield film
    if not count:
        raise UsageError("no film was named; name a file, a folder, a URL or a manifest")


def _all(inputs: Inputs, on_warning: Callable[[str], None]) -> Iterator[str]:
    for are_urls, group in groupby(inputs.paths, key=is_url):
        find = _in_storage if are_urls else _local
        yield from find(list(group), inputs, on_warning)
    if inputs.manifest is not None:
        yield from films_of_manifest(inputs.manifest)


def _local(paths: Sequence[str], inputs: Inputs, on_warning: Callable[[str], None]) -> Iterator[str]:
    found = find_films(paths, inputs.recursive, None, inputs.every_file)
    for warning in filter(None, (*found.warnings, found.left_out.in_words())):
        on_warning(warning)
    yield from found.films


def _in_storage(urls: Sequence[str], inputs: Inputs, on_warning: Callable[[str], None]) -> Iterator[str]:
    from demo.predict.films.urls import films_at

    for url in urls:
        yield from films_at(url, inputs.recursive, inputs.every_file, on_warning)
