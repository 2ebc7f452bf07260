"""What a user names → the films to read: files, folders, globs no shell expanded, a manifest, standard input."""

import glob
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from demo.predict.films.folders import FolderFilms, LeftOut, films_of_folder, folders_below, never
from demo.predict.films.manifest import films_of_manifest
from demo.predict.films.names import STANDARD_INPUT, file_named, is_url, printable
from train.common.errors import UsageError


@dataclass(frozen=True)
class FilmPaths:
    """Films in reading order, each once, what was strange on the way to them, and what folders hold besides."""

    films: tuple[str, ...]
    warnings: tuple[str, ...]
    left_out: LeftOut


def find_films(
    paths: Sequence[str],
    recursive: bool = False,
    manifest: str | None = None,
    every_file: bool = False,
    is_stopped: Callable[[], bool] = never,
) -> FilmPaths:
    """Expand paths in the order given; within a folder or glob, in the order of the names.

    A file is taken whatever its name says. Of a folder, the films are taken, as `films_of_folder` finds them; no file
    twice, whatever folders and links lead to it. Paths stay as relative or absolute as they were given.

    Args:
        paths: files, folders, patterns with `*`, `?`, `[…]` or `**`, or "-" for a film on standard input (only
            that is ever called "-": a file of this name becomes "./-").
        recursive: look into the sub-folders of every folder, also of one that has films of its own.
        manifest: a CSV or Parquet file whose films come after those of `paths`; see `films_of_manifest`.
        every_file: of a folder take every file, also hidden ones and those that are no films.
        is_stopped: asked at every file of a folder; once it says so, what was found so far is returned.

    Raises:
        UsageError: a path does not exist, a pattern matches nothing, the manifest is none, or there is no film at all.
    """
    found: dict[str, None] = {}
    real: set[str] = set()
    warnings: list[str] = []
    left_out = LeftOut()
    for path in paths:
        if is_stopped():
            break
        if path == STANDARD_INPUT:
            found[path] = None
            continue
        for place in _places(path):
            if not Path(place).is_dir():
                found[file_named(place)] = None
                real.add(os.path.realpath(place))
                continue
            inside = films_of_folder(place, recursive, every_file, is_stopped)
            found.update({file_named(film.path): None for film in inside.films if film.real not in real})
            real.update(film.real for film in inside.films)
            left_out += inside.left_out
            warnings += [
                f"{printable(folder)}: folder cannot be opened ({reason}); it was left out"
                for folder, reason in inside.unopened
            ]
            if not inside.films:
                warnings.append(_nothing_in(place, inside))
    if manifest is not None:
        found.update(dict.fromkeys(_check_local(films_of_manifest(manifest))))
    if not found and not is_stopped():
        raise UsageError("; ".join(dict.fromkeys(warnings)) or "no film was named; name a file or a folder")
    return FilmPaths(tuple(found), tuple(dict.fromkeys(warnings)), left_out)


def _places(path: str) -> list[str]:
    # A file may really be called film[1].png: what exists is never a pattern.
    if os.path.lexists(path):
        if not Path(path).exists():
            raise UsageError(f"{printable(path)}: a link to nothing; name a file, a folder or a pattern")
        return [path]
    if is_url(path):
        raise _of_storage(path)
    if not glob.has_magic(path):
        raise UsageError(f"{printable(path) or repr(path)}: no such file or folder; check the path")
    matches = sorted(set(_matches(path)))
    if not matches:
        raise UsageError(f"{printable(path)}: the pattern matches no file; check it, or name the folder")
    return matches


def _matches(pattern: str) -> Iterator[str]:
    """What a pattern matches; `**` stands for a folder and all below it, each once, whatever links lead to it."""
    parts = re.sub(r"\*\*(/+\*\*)+(?=/|$)", "**", pattern).split("/")
    if "**" not in parts:
        yield from glob.iglob(pattern)  # noqa: PTH207  # Path.glob takes no absolute pattern
        return
    at = parts.index("**")
    above, below = "/".join(parts[:at]) or "/" * bool(at), parts[at + 1 :] or ["*"]
    for top in glob.iglob(above) if glob.has_magic(above) else [above]:  # noqa: PTH207
        for folder in folders_below(top or os.curdir):
            inside = os.path.join(glob.escape(folder), *below)  # noqa: PTH118
            yield from _matches(inside if top else os.path.relpath(inside))


def _check_local(films: Iterator[str]) -> Iterator[str]:
    for film in films:
        if is_url(film):
            raise _of_storage(film)
        yield film


def _of_storage(url: str) -> UsageError:
    return UsageError(f"{printable(url)}: films in a storage are read with --output DIR; add it, or copy the film here")


def _nothing_in(folder: str, inside: FolderFilms) -> str:
    left_out = inside.left_out.in_words()
    return (
        f"{printable(folder)}: no film here, in sub-folders neither{f' ({left_out})' if left_out else ''}; expected "
        "JPEG, PNG, TIFF, BMP, WebP or DICOM films; name another folder, or the files themselves"
    )
