"""Open every film of a cohort once and report what is there, what cannot be read and what is unusual."""

import hashlib
import os
from collections import Counter, defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from train.cohort import CLASSES, SPLITS, Cohort
from train.radiograph import RadiographError, read_radiograph


@dataclass(frozen=True)
class CheckReport:
    """What `check_cohort` found. Paths are relative to the cohort's root.

    Attributes:
        films: split → class → number of films.
        patients: split → number of patients.
        unreadable: (path, reason) of each film that cannot be read.
        sizes: (width, height, number of films) in pixels, the most frequent size first.
        duplicates: groups of films whose files are equal byte for byte.
        patients_across_splits: patient → the splits it occurs in, where these are several.
        fingerprint: of the cohort as it was given.
    """

    films: dict[str, dict[str, int]]
    patients: dict[str, int]
    unreadable: tuple[tuple[str, str], ...]
    sizes: tuple[tuple[int, int, int], ...]
    duplicates: tuple[tuple[str, ...], ...]
    patients_across_splits: dict[str, tuple[str, ...]]
    fingerprint: str


def check_cohort(cohort: Cohort, advance: Callable[..., None] | None = None) -> CheckReport:
    """Read every film of a cohort, in as many threads as there are processors.

    Args:
        cohort: the films.
        advance: called without arguments after each film.

    Returns:
        The report; an unreadable film is part of it, never an exception.
    """
    unreadable, sizes, by_digest = [], Counter(), defaultdict(list)
    paths = [film.path for film in cohort.films]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        examined = pool.map(_examine, (cohort.root / path for path in paths))
        for path, (digest, size, reason) in zip(paths, examined, strict=True):
            if reason is not None:
                unreadable.append((path, reason))
            if size is not None:
                sizes[size] += 1
            if digest is not None:
                by_digest[digest].append(path)
            if advance is not None:
                advance()
    films = {split: dict.fromkeys(CLASSES, 0) for split in SPLITS}
    splits_of = defaultdict(set)
    for film in cohort.films:
        films[film.split][CLASSES[film.label]] += 1
        splits_of[film.patient].add(film.split)
    return CheckReport(
        films=films,
        patients={split: sum(split in found for found in splits_of.values()) for split in SPLITS},
        unreadable=tuple(unreadable),
        sizes=tuple((*size, count) for size, count in sorted(sizes.items(), key=lambda item: (-item[1], item[0]))),
        duplicates=tuple(tuple(group) for group in by_digest.values() if len(group) > 1),
        patients_across_splits={
            patient: tuple(split for split in SPLITS if split in found)
            for patient, found in sorted(splits_of.items())
            if len(found) > 1
        },
        fingerprint=cohort.fingerprint,
    )


def _examine(path: Path) -> tuple[str | None, tuple[int, int] | None, str | None]:
    """SHA-256, (width, height) and the reason why not."""
    digest = None
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        film = read_radiograph(path)
    except RadiographError as error:
        return digest, None, str(error)
    except OSError as error:
        return digest, None, f"cannot be opened: {error.strerror}"
    return digest, (film.shape[1], film.shape[0]), None
