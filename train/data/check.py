"""Open every film of a cohort once and report what is there, what cannot be read and what is unusual."""

import hashlib
import os
from collections import Counter, defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import Literal, get_args

import cv2
import numpy as np

from train.data.cohort import CLASSES, PUBLISHED_NAME, SPLITS, Cohort, Film, Split, left_out_files
from train.radiograph import RadiographError, read_with_warnings
from train.radiograph.formats import MAX_BYTES

Anomaly = Literal["small", "elongated", "nearly_black", "nearly_white", "flat", "colour", "warned"]
Counts = dict[Split, dict[str, int]]

# The same 5,856 films in two editions. Mendeley's has no validation split; Kaggle's was taken out of its train.
PUBLISHED_COUNTS: dict[str, Counts] = {
    "Kaggle": {
        "train": {"normal": 1341, "pneumonia": 3875},
        "validation": {"normal": 8, "pneumonia": 8},
        "test": {"normal": 234, "pneumonia": 390},
    },
    "Mendeley Data": {
        "train": {"normal": 1349, "pneumonia": 3883},
        "validation": {"normal": 0, "pneumonia": 0},
        "test": {"normal": 234, "pneumonia": 390},
    },
}

# Beyond what the published films show: at least 127 pixels a side, 99th percentile from 131 up, 1st up to 162.
SMALL_SIDE = 100  # pixels
ELONGATED = 2.5  # longer to shorter side
BLACK_BELOW = 50  # grey level of the 99th percentile
WHITE_ABOVE = 200  # grey level of the 1st percentile
FLAT_RANGE = 40  # grey levels between the two
TINTED_ABOVE = 5.0  # mean difference of a pixel's strongest and weakest channel; JPEG noise on grey stays below 2

_SAMPLED_SIDE = 56  # pixels
_BATCH = 16  # films a thread takes at once: small ones cost as much to hand over as to read
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PNG_COLOUR_TYPES = (b"\x02", b"\x03", b"\x06")


@dataclass(frozen=True)
class CheckReport:
    """What `check_cohort` found. Paths are relative to the cohort's root.

    Attributes:
        films: split → class → number of films.
        pneumonia_share: split → share of films with pneumonia, 0 to 1; None for a split without films.
        patients: split → number of patients.
        unreadable: (path, reason) of each film that cannot be read.
        unusual: oddity → (path, detail) of each film that has it; only what was found.
        sizes: (width, height, number of films) in pixels, the most frequent size first.
        duplicates: groups of films whose files are equal byte for byte.
        duplicates_across_splits: those of the groups that lie in several splits.
        duplicates_across_classes: those of the groups that carry both labels.
        patients_across_splits: patient → the splits it occurs in, where these are several.
        passed_over: files that lie among the films and are none.
        is_public_set: whether most films are named as the public set's.
        published_differences: (split, class, films found, films published) where the public set has other
            counts than it was published with; empty where it has not, and for other cohorts.
        fingerprint: of the cohort as it was given.
    """

    films: Counts
    pneumonia_share: dict[Split, float | None]
    patients: dict[str, int]
    unreadable: tuple[tuple[str, str], ...]
    unusual: dict[Anomaly, tuple[tuple[str, str], ...]]
    sizes: tuple[tuple[int, int, int], ...]
    duplicates: tuple[tuple[str, ...], ...]
    duplicates_across_splits: tuple[tuple[str, ...], ...]
    duplicates_across_classes: tuple[tuple[str, ...], ...]
    patients_across_splits: dict[str, tuple[str, ...]]
    passed_over: tuple[str, ...]
    is_public_set: bool
    published_differences: tuple[tuple[str, str, int, int], ...]
    fingerprint: str


@dataclass(frozen=True)
class _Examined:
    """One film: SHA-256 of its file, (width, height) in pixels, why it cannot be read, what is odd about it."""

    digest: str | None = None
    size: tuple[int, int] | None = None
    reason: str | None = None
    anomalies: tuple[tuple[Anomaly, str], ...] = ()


def check_cohort(cohort: Cohort, advance: Callable[..., None] | None = None) -> CheckReport:
    """Read every film of a cohort, in as many threads as there are processors.

    Args:
        cohort: the films.
        advance: called without arguments after each film.

    Returns:
        The report; an unreadable film is part of it, never an exception.
    """
    unreadable, by_digest, unusual = [], defaultdict(list), defaultdict(list)
    sizes: Counter[tuple[int, int]] = Counter()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        paths = [cohort.root / film.path for film in cohort.films]
        batches = (paths[start : start + _BATCH] for start in range(0, len(paths), _BATCH))
        examined = chain.from_iterable(pool.map(_examine_all, batches))
        for film, found in zip(cohort.films, examined, strict=True):
            if found.reason is not None:
                unreadable.append((film.path, found.reason))
            if found.size is not None:
                sizes[found.size] += 1
            if found.digest is not None:
                by_digest[found.digest].append(film)
            for anomaly, detail in found.anomalies:
                unusual[anomaly].append((film.path, detail))
            if advance is not None:
                advance()
    films = count_films(cohort)
    splits_of = defaultdict(set)
    for film in cohort.films:
        splits_of[film.patient].add(film.split)
    groups = [group for group in by_digest.values() if len(group) > 1]
    public = _is_public_set(cohort)
    return CheckReport(
        films=films,
        pneumonia_share={split: _share(counts) for split, counts in films.items()},
        patients={split: sum(split in found for found in splits_of.values()) for split in SPLITS},
        unreadable=tuple(unreadable),
        unusual={anomaly: tuple(unusual[anomaly]) for anomaly in get_args(Anomaly) if anomaly in unusual},
        sizes=tuple((*size, count) for size, count in sorted(sizes.items(), key=lambda item: (-item[1], item[0]))),
        duplicates=_paths(groups),
        duplicates_across_splits=_paths([group for group in groups if len({film.split for film in group}) > 1]),
        duplicates_across_classes=_paths([group for group in groups if len({film.label for film in group}) > 1]),
        patients_across_splits={
            patient: tuple(split for split in SPLITS if split in found)
            for patient, found in sorted(splits_of.items())
            if len(found) > 1
        },
        passed_over=left_out_files(cohort),
        is_public_set=public,
        published_differences=_published_differences(films) if public else (),
        fingerprint=cohort.fingerprint,
    )


def count_films(cohort: Cohort) -> Counts:
    """Films per split and class, zeros included."""
    films: Counts = {split: dict.fromkeys(CLASSES, 0) for split in SPLITS}
    for film in cohort.films:
        films[film.split][CLASSES[film.label]] += 1
    return films


def _examine_all(paths: list[Path]) -> list[_Examined]:
    return [_examine(path) for path in paths]


def _examine(path: Path) -> _Examined:
    digest = None
    try:
        with path.open("rb") as file:
            # Never more than one byte too many, and no buffer of 100 MB for a film of 100 kB.
            data = file.read(min(os.fstat(file.fileno()).st_size, MAX_BYTES) + 1)
            sha256 = hashlib.sha256(data)
            while rest := file.read(1 << 20):
                sha256.update(rest)
        digest = sha256.hexdigest()
        film, warnings = read_with_warnings(data)
    except RadiographError as error:
        return _Examined(digest, reason=str(error))
    except OSError as error:
        return _Examined(digest, reason=f"cannot be opened: {error.strerror}")
    height, width = film.shape
    anomalies = (*_anomalies(film, data), *(("warned", warning) for warning in warnings))
    return _Examined(digest, (width, height), anomalies=anomalies)


def _anomalies(film: np.ndarray, data: bytes) -> list[tuple[Anomaly, str]]:
    """What is odd about a film uint8 [H, W] and its file."""
    found: list[tuple[Anomaly, str]] = []
    height, width = film.shape
    shorter, longer = sorted((width, height))
    if shorter < SMALL_SIDE:
        found.append(("small", f"{width}×{height} pixels"))
    if longer > ELONGATED * shorter:
        found.append(("elongated", f"{width}×{height} pixels"))
    # A film's percentiles need no more than every n-th pixel of it.
    step = max(1, shorter // _SAMPLED_SIDE)
    counts = np.bincount(film[::step, ::step].ravel(), minlength=256).cumsum()
    low, high = (int(level) for level in counts.searchsorted((0.01 * counts[-1], 0.99 * counts[-1])))
    if high < BLACK_BELOW:
        found.append(("nearly_black", f"99 % of the pixels are at or below grey level {high} of 255"))
    elif low > WHITE_ABOVE:
        found.append(("nearly_white", f"99 % of the pixels are at or above grey level {low} of 255"))
    elif high - low < FLAT_RANGE:
        found.append(("flat", f"98 % of the pixels lie within grey levels {low} to {high}"))
    tint = _tint(data)
    if tint > TINTED_ABOVE:
        found.append(("colour", f"the channels differ by {tint:.0f} grey levels on average"))
    return found


def _tint(data: bytes) -> float:
    """Mean difference of the strongest and the weakest channel over a small copy of the picture, 0 for grey ones."""
    if not _may_hold_colour(data):
        return 0.0
    try:
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_REDUCED_COLOR_8)
    except cv2.error:
        return 0.0
    if picture is None:
        return 0.0
    blue, green, red = cv2.split(picture)
    strongest, weakest = cv2.max(cv2.max(blue, green), red), cv2.min(cv2.min(blue, green), red)
    return cv2.mean(cv2.subtract(strongest, weakest))[0]


def _may_hold_colour(data: bytes) -> bool:
    """Whether the header names more than one channel; spares most films a second decoding.

    DICOM never: its reader refuses colour. TIFF neither: OpenCV writes to the terminal about its deeper kinds.
    """
    if data.startswith(b"\x89PNG"):
        return data[25:26] in _PNG_COLOUR_TYPES
    if not data.startswith(b"\xff\xd8"):
        return data.startswith((b"BM", b"RIFF"))
    position = 2
    while position + 9 < len(data):
        marker = data[position + 1]
        if marker == 0xFF:  # a fill byte
            position += 1
            continue
        if marker in _JPEG_FRAMES:
            return data[position + 9] > 1
        position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
    return True


def _share(counts: dict[str, int]) -> float | None:
    total = sum(counts.values())
    return counts["pneumonia"] / total if total else None


def _paths(groups: list[list[Film]]) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(film.path for film in group) for group in groups)


def _is_public_set(cohort: Cohort) -> bool:
    named = sum(bool(PUBLISHED_NAME.match(PurePosixPath(film.path).name)) for film in cohort.films)
    return 2 * named > len(cohort.films)


def _published_differences(films: Counts) -> tuple[tuple[str, str, int, int], ...]:
    edition = PUBLISHED_COUNTS["Kaggle" if sum(films["validation"].values()) else "Mendeley Data"]
    return tuple(
        (split, name, films[split][name], edition[split][name])
        for split in SPLITS
        for name in CLASSES
        if films[split][name] != edition[split][name]
    )
