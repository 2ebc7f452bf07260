"""Cohorts: films on disk → a table with patients, labels and splits; splits that keep a patient together.

The public set's official validation split has 16 films, so train and validation are pooled and split again
by patient (Kermany et al., Cell 2018;172:1122, number their files by patient).
"""

import csv
import hashlib
import io
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Literal, TypeVar, get_args

from train.common.atomic import write_text
from train.common.errors import PneumoscopeError, UsageError
from train.radiograph.film_files import describe_no_film, is_named_as_film

Split = Literal["train", "validation", "test", "shifted", "external"]
_Value = TypeVar("_Value")
Subtype = Literal["normal", "bacterial", "viral", "unknown"]

CLASSES = ("normal", "pneumonia")  # the index is the label
#: The splits that a cohort comes with; "shifted" is made of training and validation films (`train.data.shifted_split`),
#: "external" is all of another cohort (`train.data.external`).
SPLITS: tuple[Split, ...] = ("train", "validation", "test")
COHORT_FOLDER = "chest_xray"
COHORT_TABLE = "cohort.csv"
SPLIT_COLUMNS = ("film", "patient", "split", "label", "kind")

_SPLIT_FOLDERS: dict[str, Split] = {"train": "train", "val": "validation", "test": "test"}
_CLASS_FOLDERS = ("NORMAL", "PNEUMONIA")
_SPLIT_NAMES: dict[str, Split] = {**_SPLIT_FOLDERS, "validation": "validation"}
_LABELS = {"0": 0, "1": 1, "normal": 0, "pneumonia": 1}

# person123_bacteria_4, IM-0115-0001, NORMAL2-IM-0650-0001-0002; phantom7_normal_2 are our synthetic films.
_PATIENT = re.compile(r"(person\d+|phantom\d+)(?=_)|((?:NORMAL\d*-)?IM-\d+)(?=-|$)")
_ORGANISM = re.compile(r"_(bacteria|virus)(?=_|$)")
# Mendeley's third version, BACTERIA-1008087-0001: kind, patient, number of the film.
_MENDELEY_NAME = re.compile(r"(NORMAL|BACTERIA|VIRUS)-(\d+)-\d+")
_NO_UTF8 = re.compile("[\ud800-\udfff]")  # what Python makes of bytes that are none
_SUBTYPES: dict[str, Subtype] = {"bacteria": "bacterial", "virus": "viral"}

# How both editions of the public set name their films.
PUBLISHED_NAME = re.compile(rf"(?:NORMAL2-)?IM-\d+-\d+|person\d+_(?:bacteria|virus)_\d+|{_MENDELEY_NAME.pattern}")

# Folds the pooled films are dealt into; 3 of 20 are the default share of 0.15.
_FOLDS = 20


class CohortError(PneumoscopeError):
    """A cohort that cannot be indexed or split: a folder, class, column or file is missing or wrong."""


@dataclass(frozen=True)
class Film:
    """One film of a cohort: POSIX `path` relative to the cohort's root; `label` 0 normal, 1 pneumonia."""

    path: str
    patient: str
    label: int
    split: Split
    subtype: Subtype


@dataclass(frozen=True)
class Cohort:
    """Films under a root folder, sorted by path."""

    root: Path
    films: tuple[Film, ...]

    def of_split(self, split: Split) -> tuple[Film, ...]:
        """The films of one split, sorted by path."""
        return tuple(film for film in self.films if film.split == split)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of the sorted "path,patient,label,split" lines: equal for equal splits."""
        lines = sorted(f"{film.path},{film.patient},{film.label},{film.split}" for film in self.films)
        return hashlib.sha256("\n".join(lines).encode(errors="surrogateescape")).hexdigest()


def patient_id(file_name: str) -> str:
    """Patient of a film by the set's naming schemes; a name outside them is a patient of its own.

    "person123_bacteria_4.jpeg" → "person123"; "NORMAL2-IM-0650-0001.jpeg" → "NORMAL2-IM-0650", which is
    not the patient "IM-0650"; "BACTERIA-1008087-0001.jpeg" → "1008087", and so does VIRUS with this number:
    it is taken for the same patient.
    """
    path = PurePosixPath(file_name)
    stem = path.stem if is_named_as_film(file_name) else path.name  # what ends a UID is no suffix
    if mendeley := _MENDELEY_NAME.match(stem):
        return mendeley[2]
    found = _PATIENT.match(stem)
    return found[0] if found else stem


def subtype_of(file_name: str, label: int) -> Subtype:
    """What a film shows by label and file name: the set names the organism of a pneumonia."""
    if label == 0:
        return "normal"
    stem = PurePosixPath(file_name).stem
    found = _MENDELEY_NAME.match(stem) or _ORGANISM.search(stem)
    return _SUBTYPES.get(found[1].lower(), "unknown") if found else "unknown"


def index_cohort(root: Path, *, other_columns: bool = False) -> Cohort:
    """List the films under a folder; opened are only files whose names leave open what they are.

    Args:
        root: holds cohort.csv (columns path, label, patient and optionally split and kind; label is 0, 1, normal
            or pneumonia; without a split every film is "train"), or chest_xray/ with train, val and test ×
            NORMAL and PNEUMONIA, or is that chest_xray itself. Film paths are relative to this root.
        other_columns: let cohort.csv have others too, such as age or sex; they are not read.

    Raises:
        CohortError: a folder or class is missing or empty, the table is wrong, or a name is no UTF-8.
    """
    if not root.is_dir():
        raise CohortError(f"{root} is not a folder: expected one that holds {COHORT_FOLDER}/ or {COHORT_TABLE}")
    if (root / COHORT_TABLE).is_file():
        films = _index_table(root, other_columns)
    else:
        nested = (root / COHORT_FOLDER).is_dir()
        if not nested and not any((root / name).is_dir() for name in _SPLIT_FOLDERS):
            raise CohortError(
                f"{root} holds no films: expected {COHORT_FOLDER}/ with train, val and test, or {COHORT_TABLE}"
            )
        films = _index_folders(root, root / COHORT_FOLDER if nested else root)
    _require_utf8(films, root)
    return Cohort(root, _sorted_films(films, str(root)))


def _require_utf8(films: list[Film], root: Path) -> None:
    """A run's tables, its evaluation and its bundle name the films, and are UTF-8."""
    odd = sorted(film.path for film in films if _NO_UTF8.search(film.path))
    if odd:
        raise CohortError(
            f"{len(odd)} films under {root} have names that are no UTF-8, the first is {odd[0]}: rename them, "
            "for instance with convmv -f latin1 -t utf8"
        )


def may_be_film(entry: Path) -> bool:
    """Whether a file in a cohort's folder counts as a film: by its name, or else by its first bytes."""
    return not entry.name.startswith(".") and entry.is_file() and describe_no_film(entry) is None


def left_out_files(cohort: Cohort) -> tuple[str, ...]:
    """What lies in the films' folders and is none of them; a table lists what it means, so nothing is left out."""
    if (cohort.root / COHORT_TABLE).is_file():
        return ()
    known = {film.path for film in cohort.films}
    folders = sorted({str(PurePosixPath(film.path).parent) for film in cohort.films})
    return tuple(
        path
        for folder in folders
        for name in sorted(entry.name for entry in (cohort.root / folder).iterdir())
        if not name.startswith(".") and (path := f"{folder}/{name}") not in known
    )


def split_cohort(cohort: Cohort, seed: int, validation_fraction: float = 0.15) -> Cohort:
    """Pool train and validation and split them again by patient, stratified by class; test stays as it is.

    The patients are dealt into 20 folds (fewer where a class has fewer patients) with scikit-learn's
    StratifiedGroupKFold, and the nearest number of folds to the fraction becomes validation.

    Args:
        cohort: any cohort.
        seed: same seed, same split.
        validation_fraction: share of the pooled films, above 0 and below 1.

    Raises:
        CohortError: a class has fewer than two patients outside test.
        UsageError: a fraction out of range.
    """
    if not 0 < validation_fraction < 1:
        raise UsageError(f"validation_fraction must lie between 0 and 1. Received: {validation_fraction}")
    pooled = [film for film in cohort.films if film.split != "test"]
    patients = [len({film.patient for film in pooled if film.label == label}) for label in range(len(CLASSES))]
    if min(patients) < 2:
        name = CLASSES[patients.index(min(patients))]
        raise CohortError(f"{min(patients)} patients of class {name} outside test: expected at least two to split")
    folds = min(_FOLDS, *patients)
    taken = min(max(1, round(validation_fraction * folds)), folds - 1)

    from sklearn.model_selection import StratifiedGroupKFold

    dealer = StratifiedGroupKFold(n_splits=folds, shuffle=True, random_state=seed)
    labels = [film.label for film in pooled]
    dealt = dealer.split(labels, labels, [film.patient for film in pooled])
    chosen = {int(index) for _, (_, fold) in zip(range(taken), dealt, strict=False) for index in fold}
    validation = {pooled[index].path for index in chosen}

    def place(film: Film) -> Film:
        if film.split == "test":
            return film
        return replace(film, split="validation" if film.path in validation else "train")

    return Cohort(cohort.root, tuple(place(film) for film in cohort.films))


def write_split(cohort: Cohort, path: Path) -> None:
    """Write the cohort's films as CSV (film, patient, split, label, kind), one a line, sorted by path."""
    text = io.StringIO(newline="")
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(SPLIT_COLUMNS)
    rows.writerows((film.path, film.patient, film.split, film.label, film.subtype) for film in cohort.films)
    write_text(path, text.getvalue())


def read_split(path: Path, root: Path) -> Cohort:
    """Read a split written by `write_split`; whether the films are under `root` is not looked at.

    Raises:
        CohortError: no such file, other columns, an unknown split, label or kind, a film twice.
    """
    try:
        films = [
            Film(
                path=_relative(row["film"], where),
                patient=_filled(row["patient"], "patient", where),
                label=_known(row["label"], _LABELS, "label", where),
                split=_known(row["split"], _SPLIT_NAMES | {"shifted": "shifted"}, "split", where),
                subtype=_known(row["kind"], {kind: kind for kind in get_args(Subtype)}, "kind", where),
            )
            for row, where in _read_rows(path, required=SPLIT_COLUMNS, allowed=SPLIT_COLUMNS)
        ]
        return Cohort(root, _sorted_films(films, str(path)))
    except CohortError as error:
        raise CohortError(
            f"{error}; a run's split is written when its training begins: train it again, --new"
        ) from None


def _index_folders(root: Path, chest_xray: Path) -> list[Film]:
    films = []
    for split_folder, split in _SPLIT_FOLDERS.items():
        for label, class_folder in enumerate(_CLASS_FOLDERS):
            folder = chest_xray / split_folder / class_folder
            if not folder.is_dir():
                raise CohortError(
                    f"{folder} is missing: expected train, val and test, each with NORMAL and PNEUMONIA; "
                    f"for another layout write a {COHORT_TABLE}"
                )
            names = sorted(entry.name for entry in folder.iterdir() if may_be_film(entry))
            if not names:
                raise CohortError(f"{folder} holds no films: expected JPEG, PNG, TIFF, BMP, WebP or DICOM files")
            place = folder.relative_to(root).as_posix()
            films += [
                Film(f"{place}/{name}", patient_id(name), label, split, subtype_of(name, label)) for name in names
            ]
    return films


def _index_table(root: Path, other_columns: bool) -> list[Film]:
    table = root / COHORT_TABLE
    films, missing = [], []
    columns = ("path", "label", "patient")
    allowed = None if other_columns else (*columns, "split", "kind")
    for row, where in _read_rows(table, required=columns, allowed=allowed):
        if other_columns:  # another cohort's split and kind are its own
            row = {name: row[name] for name in columns}
        path = _relative(row["path"], where)
        label = _known(row["label"].lower(), _LABELS, "label", where)
        kinds = {kind: kind for kind in get_args(Subtype)}
        kind = _known(row["kind"], kinds, "kind", where) if row.get("kind") else subtype_of(path, label)
        split = _known(row.get("split", "train").lower(), _SPLIT_NAMES, "split", where)
        films.append(Film(path, _filled(row["patient"], "patient", where), label, split, kind))
        try:
            there = (root / path).is_file()
        except OSError as error:  # of a name that is too long, or a folder that may not be looked into
            raise CohortError(
                f"{where}: the path that ends in {path[-40:]!r} cannot be looked up ({error.strerror}): expected that "
                f"of a film below {root}"
            ) from None
        if not there:
            missing.append(path)
    if missing:
        raise CohortError(f"{table} names {len(missing)} files that are not there, the first is {missing[0]}")
    for label, name in enumerate(CLASSES):
        if not any(film.label == label for film in films):
            raise CohortError(f"{table} has no film of class {name}: expected both normal and pneumonia")
    return films


def _read_rows(path: Path, required: tuple[str, ...], allowed: tuple[str, ...] | None) -> Iterable[tuple[dict, str]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise CohortError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError:
        raise CohortError(f"{path} is no UTF-8 text: expected a CSV with {', '.join(required)}") from None
    rows = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        columns = rows.fieldnames or []
        absent = [name for name in required if name not in columns]
        unknown = [name for name in columns if allowed is not None and name not in allowed]
        if absent or unknown or len(set(columns)) < len(columns):
            raise CohortError(
                f"{path}: expected the columns {', '.join(allowed or required)}. Received: {', '.join(columns)}"
            )
        for row in rows:
            where = f"{path}, line {rows.line_num}"
            if None in row or None in row.values():
                raise CohortError(f"{where}: expected {len(columns)} values, as in the first line")
            yield {name: value.strip() for name, value in row.items()}, where
    except csv.Error as error:
        raise CohortError(f"{path}, line {rows.line_num}: {error}; expected comma-separated values") from None


def _relative(text: str, where: str) -> str:
    path = PurePosixPath(text)
    if not path.parts or path.is_absolute() or ".." in path.parts:
        raise CohortError(f"{where}: expected a path below the cohort's root, with forward slashes. Received: {text!r}")
    return str(path)


def _filled(text: str, name: str, where: str) -> str:
    if not text:
        raise CohortError(f"{where}: the {name} is empty: expected an id, the same for all films of one patient")
    return text


def _known(text: str, values: dict[str, _Value], name: str, where: str) -> _Value:
    if text not in values:
        raise CohortError(f"{where}: unknown {name} {text!r}: expected one of {', '.join(values)}")
    return values[text]


def _sorted_films(films: list[Film], where: str) -> tuple[Film, ...]:
    if not films:
        raise CohortError(f"{where} lists no films")
    twice = [path for path, times in Counter(film.path for film in films).items() if times > 1]
    if twice:
        raise CohortError(f"{where} lists {len(twice)} films more than once, the first is {twice[0]}")
    return tuple(sorted(films, key=lambda film: film.path))
