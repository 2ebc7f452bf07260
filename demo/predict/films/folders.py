"""The films of a folder: by their content, through links without going round, with a count of all that is left out."""

import os
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import PurePath

from train.radiograph.film_files import describe_no_film, is_named_as_media_directory
from train.radiograph.formats import MEDIA_DIRECTORY

Place = tuple[tuple[bool, str], ...]  # in a tree, from the top: (is a folder, name); they sort as they are read


@dataclass(frozen=True)
class LeftOut:
    """What a folder holds beside the films that were taken; of hidden files nothing is said.

    Attributes:
        files: what they are, in words → how many.
        links: further names of films that were taken.
        folders: sub-folders that were not looked into.
    """

    files: Counter[str] = field(default_factory=Counter)
    links: int = 0
    folders: int = 0

    def __add__(self, other: "LeftOut") -> "LeftOut":
        """Both together."""
        return LeftOut(self.files + other.files, self.links + other.links, self.folders + other.folders)

    def in_words(self, with_options: bool = True) -> str:
        """One line, or "" where nothing was left out; with the options of `predict` that change it."""
        parts = []
        if count := self.files.total():
            kinds = ", ".join(f"{count}× {kind}" for kind, count in self.files.most_common())
            option = "; --all takes every file" if with_options else ""
            parts.append(f"{_counted(count, 'file')} left out, no films by their first bytes ({kinds}){option}")
        if self.links:
            parts.append(f"{_counted(self.links, 'link')} to films that are read already left out")
        if self.folders:
            option = "; --recursive does" if with_options else ""
            parts.append(f"{_counted(self.folders, 'sub-folder')} not looked into{option}")
        return "; ".join(parts)


@dataclass(frozen=True)
class FoundFilm:
    """A film of a folder: its path below the one given, the file it really is, whether it is a link itself."""

    path: str
    real: str
    is_link: bool
    place: Place


@dataclass(frozen=True)
class FolderFilms:
    """The films of a folder in reading order, each file once, and what is not among them.

    Attributes:
        unopened: (path, reason) of each folder that cannot be opened.
    """

    films: tuple[FoundFilm, ...]
    left_out: LeftOut
    unopened: tuple[tuple[str, str], ...]


def never() -> bool:
    """What asks nobody to stop."""
    return False


def films_of_folder(
    folder: str, recursive: bool = False, every_file: bool = False, is_stopped: Callable[[], bool] = never
) -> FolderFilms:
    """List the films of a folder; its sub-folders too where it has no film of its own, or is a DICOM CD.

    Links to files and folders are followed, but no folder is looked into twice and no file taken twice; the name
    that is no link wins. Only files whose names do not end as a film's does are opened, for START_BYTES.

    Args:
        folder: any path of one.
        recursive: look into the sub-folders in any case.
        every_file: take hidden files, and those that are no films, too.
        is_stopped: asked at every file; once it says so, no further one is looked at.
    """
    walk = _Walk(every_file, is_stopped=is_stopped)
    walk.look_into(folder, os.path.realpath(folder), ())
    below = 0
    if recursive or not walk.films or walk.is_cd:
        walk.go_on()
    else:
        below = len(walk.folders) + len(walk.links)
    once: dict[str, FoundFilm] = {}
    for film in sorted(walk.films, key=lambda film: (film.is_link, film.place)):
        once.setdefault(film.real, film)
    films = tuple(sorted(once.values(), key=lambda film: film.place))
    return FolderFilms(films, LeftOut(walk.kinds, len(walk.films) - len(films), below), tuple(walk.unopened))


def folders_below(top: str) -> list[str]:
    """A folder and all folders below it but hidden ones, each once whatever links lead to it."""
    walk = _Walk(every_file=False, only_folders=True)
    walk.look_into(top, os.path.realpath(top), ())
    walk.go_on()
    return walk.entered


@dataclass
class _Walk:
    """A walk through a tree: what was found, and where it has still to go (path, real path, place)."""

    every_file: bool
    films: list[FoundFilm] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)
    unopened: list[tuple[str, str]] = field(default_factory=list)
    folders: list[tuple[str, str, Place]] = field(default_factory=list)
    links: list[tuple[str, Place]] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    is_cd: bool = False
    only_folders: bool = False
    entered: list[str] = field(default_factory=list)
    is_stopped: Callable[[], bool] = never

    def go_on(self) -> None:
        """Look into everything below: real folders first, so that a link never takes the name from one."""
        while (self.folders or self.links) and not self.is_stopped():
            if self.folders:
                self.look_into(*self.folders.pop())
            else:
                self.links.sort(key=lambda link: link[1], reverse=True)
                path, place = self.links.pop()
                self.look_into(path, os.path.realpath(path), place)

    def look_into(self, folder: str, real: str, place: Place) -> None:
        """Take the films of one folder, and remember its sub-folders."""
        if real in self.seen:
            return
        self.seen.add(real)
        try:
            with os.scandir(folder) as entries:
                self._sort(entries, folder, real, place)
            self.entered.append(folder)
        except OSError as error:
            self.unopened.append((folder, error.strerror or "the system refused"))

    def _sort(self, entries: "Iterable[os.DirEntry[str]]", folder: str, real: str, place: Place) -> None:
        # As pathlib joins them, without the "./" of a folder that was given as ".", but as strings: there may be many.
        before = "" if str(PurePath(folder)) == "." else os.path.join(PurePath(folder), "")  # noqa: PTH118
        for entry in entries:
            if self.is_stopped():
                return
            if not self.every_file and (entry.name.startswith(".") or entry.name == "__MACOSX"):
                continue
            path = before + entry.name
            if _is_folder(entry):
                if entry.is_symlink():
                    self.links.append((path, (*place, (True, entry.name))))
                else:
                    self.folders.append((path, os.path.join(real, entry.name), (*place, (True, entry.name))))  # noqa: PTH118
                continue
            if self.only_folders:
                continue
            kind = None if self.every_file else describe_no_film(path)
            self.is_cd = self.is_cd or kind == MEDIA_DIRECTORY or is_named_as_media_directory(entry.name)
            if kind is not None:
                self.kinds[kind] += 1
                continue
            is_link = entry.is_symlink()
            truly = os.path.realpath(path) if is_link else os.path.join(real, entry.name)  # noqa: PTH118
            self.films.append(FoundFilm(path, truly, is_link, (*place, (False, entry.name))))


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself, or into a folder that is closed to us
        return False


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
