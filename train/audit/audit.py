"""What a cohort gives away besides lungs: copies, patients in several splits, sizes and exposure that tell the class.

The test films may be covered: nothing is chosen here.
"""

import os
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from train.audit.measurements import EXPOSURE, SIZE, Traits, describe, measure_film
from train.audit.metadata_baseline import COLUMNS, MetadataBaseline, metadata_baseline
from train.data.cohort import (
    CLASSES,
    COHORT_FOLDER,
    COHORT_TABLE,
    SPLITS,
    Cohort,
    CohortError,
    Film,
    index_cohort,
    may_be_film,
    patient_id,
    read_split,
    subtype_of,
)
from train.data.duplicates import Group, count_groups, exact_groups, near_groups
from train.data.film_hash import BITS, LIMIT

FORMAT = 1
_BATCH = 16  # films a thread takes at once
_CLASS_FOLDERS = ("NORMAL", "PNEUMONIA")


@dataclass(frozen=True)
class Audit:
    """What `audit_films` found.

    Attributes:
        cohort: as it was given.
        split_given: whether it is the split of a run, not the folder's own.
        unreadable: (path, reason) of each film that cannot be read; no other part counts it, save patients'.
        exact, near: groups of films that are one film.
        closest_apart: signs of `train.data.film_hash.BITS` in which the two closest films that are no copies differ.
        patients_across_splits: patient → its splits, where these are several.
        size, exposure: see `train.audit.measurements.describe`.
        baseline: see `train.audit.metadata_baseline`.
    """

    cohort: Cohort
    split_given: bool
    unreadable: tuple[tuple[str, str], ...]
    exact: tuple[Group, ...]
    near: tuple[Group, ...]
    closest_apart: int | None
    patients_across_splits: dict[str, tuple[str, ...]]
    size: dict[str, Any]
    exposure: dict[str, Any]
    baseline: MetadataBaseline

    @property
    def covers_test(self) -> bool:
        """Whether there are test films among the films."""
        return any(film.split == "test" for film in self.cohort.films)

    def as_json(self) -> dict[str, Any]:
        """The findings in figures: no picture, no file's name, no patient's id, no folder; NaN as None."""
        films = self.cohort.films
        return {
            "format": FORMAT,
            "fingerprint": self.cohort.fingerprint,
            "split_fingerprint": self.cohort.fingerprint if self.split_given else None,
            "covers_test": self.covers_test,
            "films": {
                "total": len(films),
                "readable": len(films) - len(self.unreadable),
                "unreadable": len(self.unreadable),
                "by_split": _by_split(films),
            },
            "patients": _patients(films),
            "exact_duplicates": count_groups(self.exact),
            "near_duplicates": {
                **count_groups(self.near),
                "limit": LIMIT,
                "bits": BITS,
                "closest_apart": self.closest_apart,
            },
            "patients_across_splits": _across(films, self.patients_across_splits),
            "metadata_baseline": self.baseline.as_json(),
            "size": self.size,
            "exposure": self.exposure,
        }

    def details(self) -> dict[str, Any]:
        """Which films and patients the figures are about."""
        return {
            "unreadable": [list(film) for film in self.unreadable],
            "exact_duplicates": [[film.path for film in group.films] for group in self.exact],
            "near_duplicates": [[film.path for film in group.films] for group in self.near],
            "patients_across_splits": {patient: list(found) for patient, found in self.patients_across_splits.items()},
        }


def is_one_split(root: Path) -> bool:
    """Whether a folder holds NORMAL and PNEUMONIA (or one of them) itself, without splits."""
    nested = (root / COHORT_TABLE).is_file() or (root / COHORT_FOLDER).is_dir() or (root / "train").is_dir()
    return not nested and any((root / name).is_dir() for name in _CLASS_FOLDERS)


def films_to_audit(root: Path, split: Path | None = None) -> Cohort:
    """List the films of a folder.

    Args:
        root: as `train.data.cohort.index_cohort` takes it, or a folder that holds NORMAL and PNEUMONIA (or one of them)
            itself: these count as train.
        split: a run's split.csv, or the run's folder; its paths are relative to `root`.

    Raises:
        CohortError: no films, or none of the split's under `root`.
    """
    if split is not None:
        cohort = read_split(split / "split.csv" if split.is_dir() else split, root)
        if not any((root / film.path).is_file() for film in cohort.films):
            raise CohortError(f"none of the films of {split} is under {root}: give the folder the run was trained on")
        return cohort
    if not is_one_split(root):
        return index_cohort(root)
    films = [
        Film(f"{folder}/{entry.name}", patient_id(entry.name), label, "train", subtype_of(entry.name, label))
        for label, folder in enumerate(_CLASS_FOLDERS)
        if (root / folder).is_dir()
        for entry in (root / folder).iterdir()
        if may_be_film(entry)
    ]
    if not films:
        raise CohortError(f"{root} holds no films: expected JPEG, PNG, TIFF, BMP, WebP or DICOM files")
    return Cohort(root, tuple(sorted(films, key=lambda film: film.path)))


def measure_films(cohort: Cohort, advance: Callable[..., None] = lambda *_: None) -> list[Traits | str]:
    """Read every film in threads: its traits, or why it cannot be read; `advance` is called after each film."""
    paths = [cohort.root / film.path for film in cohort.films]
    batches = (paths[start : start + _BATCH] for start in range(0, len(paths), _BATCH))
    found = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for result in chain.from_iterable(pool.map(_measure_all, batches)):
            found.append(result)
            advance()
    return found


def audit_films(
    cohort: Cohort,
    measured: Sequence[Traits | str],
    split_given: bool = False,
    advance: Callable[..., None] = lambda *_: None,
) -> Audit:
    """Audit measured films.

    Args:
        cohort: the films.
        measured: of each, see `measure_films`.
        split_given: whether the cohort is a run's split.
        advance: see `train.audit.metadata_baseline`.
    """
    rows = [(film, found) for film, found in zip(cohort.films, measured, strict=True) if isinstance(found, Traits)]
    films, traits = [film for film, _ in rows], [found for _, found in rows]
    digests = [found.digest for found in traits]
    hashes = np.array([found.signs for found in traits], dtype=bool).reshape(-1, BITS)
    near, closest = near_groups(films, digests, hashes)
    splits_of = defaultdict(set)
    for film in cohort.films:
        splits_of[film.patient].add(film.split)
    return Audit(
        cohort=cohort,
        split_given=split_given,
        unreadable=tuple(
            (film.path, found) for film, found in zip(cohort.films, measured, strict=True) if isinstance(found, str)
        ),
        exact=exact_groups(films, digests),
        near=near,
        closest_apart=closest,
        patients_across_splits={
            patient: tuple(split for split in SPLITS if split in found)
            for patient, found in sorted(splits_of.items())
            if len(found) > 1
        },
        size=describe(films, traits, tuple(SIZE)),
        exposure=describe(films, traits, tuple(EXPOSURE)),
        baseline=metadata_baseline(
            [[found.quantities[name] for name in COLUMNS] for found in traits],
            [film.label for film in films],
            [film.patient for film in films],
            [film.split == "test" for film in films],
            advance,
        ),
    )


def _measure_all(paths: list[Path]) -> list[Traits | str]:
    return [measure_film(path) for path in paths]


def _by_split(films: Sequence[Film]) -> dict[str, dict[str, int]]:
    counts = Counter((film.split, film.label) for film in films)
    return {split: {name: counts[split, label] for label, name in enumerate(CLASSES)} for split in SPLITS}


def _patients(films: Sequence[Film]) -> dict[str, Any]:
    times = Counter(film.patient for film in films)
    labels = defaultdict(set)
    for film in films:
        labels[film.patient].add(film.label)
    return {
        "total": len(times),
        "by_split": {split: len({film.patient for film in films if film.split == split}) for split in SPLITS},
        "with_both_labels": sum(len(found) > 1 for found in labels.values()),
        "films_of_one": {"median": float(np.median(list(times.values()))), "most": max(times.values())},
    }


def _across(films: Sequence[Film], patients: dict[str, tuple[str, ...]]) -> dict[str, Any]:
    """How many patients lie in several splits, in which, and how many films of each split are theirs."""
    return {
        "patients": len(patients),
        "by_splits": dict(sorted(Counter(" + ".join(splits) for splits in patients.values()).items())),
        "films": {split: sum(film.split == split and film.patient in patients for film in films) for split in SPLITS},
    }
