"""Bring the public set to a folder: from Kaggle, or out of an archive downloaded by hand; whole or not at all.

The set is that of Kermany, Goldbaum et al., Cell 172 (2018) 1122–1131. Kaggle's archive holds every film twice
(chest_xray/ and chest_xray/chest_xray/) beside macOS leftovers. Mendeley's edition has no validation split, so a
cohort.csv lists its films.
"""

import csv
import io
import shlex
import shutil
import zipfile
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO

from train.common.atomic import write_text
from train.common.console import Progress
from train.common.errors import PneumoscopeError, UsageError
from train.data.check import PUBLISHED_COUNTS, Counts, count_films
from train.data.cohort import COHORT_FOLDER, COHORT_TABLE, CohortError, Split, index_cohort, patient_id, subtype_of
from train.data.kaggle import KaggleError, download

HANDLE = "paultimothymooney/chest-xray-pneumonia"
KAGGLE_PAGE = f"https://www.kaggle.com/datasets/{HANDLE}"
MENDELEY_PAGE = "https://data.mendeley.com/datasets/rscbjbr9sj"
LICENCE = "CC BY 4.0"
CITATION = (
    "Kermany, Goldbaum et al.: Identifying Medical Diagnoses and Treatable Diseases by Image-Based Deep Learning. "
    "Cell 172 (2018) 1122–1131. Films: Mendeley Data, doi 10.17632/rscbjbr9sj"
)
SOURCE_NOTE = "SOURCE.txt"
WORK_FOLDER = ".pneumoscope-fetch"

# Kaggle's archive and the films out of it, side by side for a moment.
NEEDED_BYTES = 3_700_000_000

_SPLITS: dict[str, Split] = {"train": "train", "val": "validation", "test": "test"}
_CLASSES = {"NORMAL": "normal", "PNEUMONIA": "pneumonia"}
_SUFFIXES = frozenset({".jpeg", ".jpg", ".png"})


class FetchError(PneumoscopeError):
    """What was fetched is not the public set, or cannot be written."""


@dataclass(frozen=True)
class Fetched:
    """A whole public set in `folder`/chest_xray: its edition and counts; `already_there` when nothing was done."""

    folder: Path
    edition: str
    films: Counts
    already_there: bool


@dataclass(frozen=True)
class _Entry:
    """A film of a source: split folder, class folder and name; size in bytes; how to open it."""

    place: tuple[str, str, str]
    size: int
    open: Callable[[], IO[bytes]]


_Groups = dict[tuple[str, ...], list[_Entry]]


def fetch_public_set(folder: Path, source: Path | None, progress: Progress) -> Fetched:
    """Put the public set into a folder, 5,856 films, counted by split and class before they appear there.

    Args:
        folder: does not exist, is empty, holds the whole set already, or an interrupted fetch, which goes on.
        source: a ZIP archive or an unpacked folder downloaded by hand; None downloads from Kaggle.
        progress: makes a bar of a description and a total, as `train.common.console.progress_bar` does.

    Raises:
        UsageError: the folder holds something else or cannot be written, the source does not exist.
        KaggleError: the download failed; what is there of it is kept for the next call.
        FetchError: the source is damaged or is not the whole set.
    """
    if source is not None and not source.exists():
        raise UsageError(f"{source} does not exist: expected the downloaded archive, or the folder it was unpacked to")
    try:
        fetched = _whole_set(folder)
        if fetched is None:
            _refuse_foreign(folder, source)
            fetched = _fetch(folder, source, progress)
        shutil.rmtree(folder / WORK_FOLDER, ignore_errors=True)
    except OSError as error:
        raise UsageError(f"{folder} cannot be written: {error.strerror or error}") from error
    return fetched


def _fetch(folder: Path, source: Path | None, progress: Progress) -> Fetched:
    work = folder / WORK_FOLDER
    downloads = work / "kaggle"
    is_new = not folder.exists()
    work.mkdir(parents=True, exist_ok=True)
    try:
        if source is None:
            _require_space(work)
            source = _download(folder, downloads, progress)
        with _entries(source) as entries:
            edition, films = _choose(entries, source)
            _bring(films, work, progress)
        return _install(edition, work, folder)
    except FetchError:
        # The next call must not go on with a download that leads nowhere.
        shutil.rmtree(downloads, ignore_errors=True)
        raise
    finally:
        if not any(path.is_file() for path in work.rglob("*")):
            shutil.rmtree(work, ignore_errors=True)
            if is_new and not any(folder.iterdir()):
                folder.rmdir()


def _whole_set(folder: Path) -> Fetched | None:
    try:
        films = count_films(index_cohort(folder))
    except CohortError:
        return None
    edition = _edition(films)
    return None if edition is None else Fetched(folder, edition, films, already_there=True)


def _edition(films: Counts) -> str | None:
    return next((name for name, published in PUBLISHED_COUNTS.items() if published == films), None)


def _refuse_foreign(folder: Path, source: Path | None) -> None:
    """Raise unless the folder holds nothing but what an interrupted fetch, or the user for this one, left there."""
    if not folder.exists() and not folder.is_symlink():
        return
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder: choose another one for the films")
    names = {entry.name for entry in folder.iterdir() if not entry.name.startswith(".")}
    if source is not None and source.absolute().parent == folder.absolute() and source.is_file():
        names.discard(source.name)
    if (folder / WORK_FOLDER).is_dir():
        names.discard(COHORT_TABLE)
    if COHORT_FOLDER in names:
        raise UsageError(
            f"{folder / COHORT_FOLDER} is there and is not the whole public set: move it away, or choose another folder"
        )
    if names:
        raise UsageError(f"{folder} holds other files, {min(names)} among them: choose an empty or a new folder")


def _require_space(work: Path) -> None:
    here = sum(path.stat().st_size for path in work.rglob("*") if path.is_file())
    free = shutil.disk_usage(work).free
    if free + here < NEEDED_BYTES:
        raise UsageError(
            f"{free / 1e9:.1f} GB are free there and {NEEDED_BYTES / 1e9:.1f} GB are needed for a while "
            "(1.2 GB in the end): make room, or choose another folder"
        )


def _download(folder: Path, into: Path, progress: Progress) -> Path:
    try:
        return download(HANDLE, into, progress)
    except KaggleError as error:
        raise KaggleError(
            f"{error}. Or get the archive elsewhere ({KAGGLE_PAGE}, or ChestXRay2017.zip from {MENDELEY_PAGE}), "
            f"then: pneumoscope data fetch {shlex.quote(str(folder))} --from ARCHIVE"
        ) from error


def _opened(path: Path) -> IO[bytes]:
    return path.open("rb")


@contextmanager
def _entries(source: Path) -> Iterator[_Groups]:
    """The films of an archive or a folder by the folder that holds train and test, macOS leftovers left out."""
    if source.is_dir():
        yield _grouped(
            (path.relative_to(source).as_posix(), path.stat().st_size, partial(_opened, path))
            for path in sorted(source.rglob("*"))
            if path.suffix.lower() in _SUFFIXES and path.is_file()
        )
        return
    try:
        source.open("rb").close()
    except OSError as error:
        raise UsageError(f"{source} cannot be read: {error.strerror}") from error
    try:
        with zipfile.ZipFile(source) as archive:
            yield _grouped(
                (member.filename, member.file_size, partial(archive.open, member))
                for member in archive.infolist()
                if not member.is_dir()
            )
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise FetchError(
            f"{source} is no whole ZIP archive: expected the set as Kaggle or Mendeley gives it; download it again"
        ) from error


def _grouped(files: Iterable[tuple[str, int, Callable[[], IO[bytes]]]]) -> _Groups:
    groups = defaultdict(list)
    for name, size, opener in files:
        parts = PurePosixPath(name).parts
        if len(parts) < 3:
            continue
        *above, split, class_folder, film = parts
        if split not in _SPLITS or class_folder not in _CLASSES or PurePosixPath(film).suffix.lower() not in _SUFFIXES:
            continue
        if "__MACOSX" in above or any(part.startswith(".") for part in (*above, film)):
            continue
        groups[tuple(above)].append(_Entry((split, class_folder, film), size, opener))
    return groups


def _choose(groups: _Groups, source: Path) -> tuple[str, list[_Entry]]:
    """The uppermost group that is a whole edition of the set."""
    found = []
    for _, entries in sorted(groups.items(), key=lambda group: (len(group[0]), group[0])):
        films = _counted(entries)
        edition = _edition(films)
        if edition is not None:
            return edition, entries
        found.append(films)
    if not found:
        raise FetchError(
            f"{source} holds no train and test folders with NORMAL and PNEUMONIA: expected the public set of chest "
            "films as Kaggle or Mendeley gives it"
        )
    most = max(found, key=lambda films: sum(sum(counts.values()) for counts in films.values()))
    raise FetchError(
        f"{source} is not the whole set: {_in_words(most)} films, normal/pneumonia; "
        f"expected {_in_words(PUBLISHED_COUNTS['Kaggle'])}; download it again"
    )


def _counted(entries: list[_Entry]) -> Counts:
    counts = Counter(entry.place[:2] for entry in {entry.place: entry for entry in entries}.values())
    return {
        split: {name: counts[split_folder, class_folder] for class_folder, name in _CLASSES.items()}
        for split_folder, split in _SPLITS.items()
    }


def _in_words(films: Counts) -> str:
    return ", ".join(f"{split} {counts['normal']}/{counts['pneumonia']}" for split, counts in films.items())


def _bring(entries: list[_Entry], work: Path, progress: Progress) -> None:
    """Copy the films into the work folder; those an earlier call brought stay, what does not belong goes."""
    films = {work / COHORT_FOLDER / Path(*entry.place): entry for entry in entries}
    with progress("unpacking films", len(films)) as advance:
        for target, entry in films.items():
            if not (target.is_file() and target.stat().st_size == entry.size):
                target.parent.mkdir(parents=True, exist_ok=True)
                part = target.with_name(f".{target.name}")
                with entry.open() as read, part.open("wb") as write:
                    shutil.copyfileobj(read, write)
                part.replace(target)
            advance()
    for path in (work / COHORT_FOLDER).rglob("*"):
        if path.is_file() and path not in films:
            path.unlink()


def _install(edition: str, work: Path, folder: Path) -> Fetched:
    """Count what lies in the work folder as every command will, then let it appear under its name at once."""
    (work / COHORT_FOLDER / SOURCE_NOTE).write_text(
        f"{CITATION}\nLicence: {LICENCE}\nEdition: {edition}\n", encoding="utf-8"
    )
    table = work / COHORT_TABLE
    table.unlink(missing_ok=True)
    if not (work / COHORT_FOLDER / "val").is_dir():
        write_text(table, _table(work))
    films = count_films(index_cohort(work))
    if films != PUBLISHED_COUNTS[edition]:
        raise FetchError(f"{work} holds {_in_words(films)}: delete it and run the same command again")
    if table.is_file():
        table.replace(folder / COHORT_TABLE)
    (work / COHORT_FOLDER).rename(folder / COHORT_FOLDER)
    return Fetched(folder, edition, films, already_there=False)


def _table(root: Path) -> str:
    text = io.StringIO(newline="")
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(("path", "label", "patient", "split", "kind"))
    for path in sorted((root / COHORT_FOLDER).glob("*/*/*")):
        split, class_folder, name = path.relative_to(root / COHORT_FOLDER).parts
        label = int(class_folder == "PNEUMONIA")
        rows.writerow((path.relative_to(root).as_posix(), label, patient_id(name), split, subtype_of(name, label)))
    return text.getvalue()
