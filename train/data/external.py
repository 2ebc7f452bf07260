"""Another hospital's films, for evaluating networks: no weight, threshold, scale or epoch is fitted on them.

Their figures do choose between candidates: recipes (`docs/training.md`), and the rule and calibration that ship
(`train.evaluation.carry_over`).
"""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from train.common.errors import UsageError
from train.data.checksums import MISSING, digest_file
from train.data.cohort import Cohort, index_cohort
from train.metrics.scores import EXTERNAL

#: Where the data root has them, if it has them.
EXTERNAL_FOLDER = "external"


def external_folder(given: Path | None, data_root: Path | None) -> Path:
    """The folder of the external films: the one given, or `external` of the data root.

    Raises:
        UsageError: neither is there.
    """
    if given is not None:
        if not given.is_dir():
            raise UsageError(f"--external-root {given} is not a folder: expected one that holds cohort.csv")
        return given
    if data_root is not None and (data_root / EXTERNAL_FOLDER).is_dir():
        return data_root / EXTERNAL_FOLDER
    raise UsageError(
        f"no external films: expected a folder {EXTERNAL_FOLDER}/ in the data root, or --external-root DIR that holds "
        "cohort.csv (path, label, patient; other columns are not read) or chest_xray/"
    )


def read_external(folder: Path, own: Cohort) -> Cohort:
    """List another hospital's films, every one of them with the split "external".

    Args:
        folder: as `train.data.cohort.index_cohort` takes it; cohort.csv may have further columns.
        own: the run's split.

    Raises:
        CohortError: as `index_cohort`.
        UsageError: a film of the run's own split is among them, by whatever name, test included: it would be
            evaluated unlogged.
    """
    cohort = index_cohort(folder, other_columns=True)
    if found := _first_copy((folder / film.path for film in cohort.films), own):
        path, film = found
        raise UsageError(f"{path} is a film of the run's own split ({film}): expected films of another hospital")
    return Cohort(folder, tuple(replace(film, split=EXTERNAL) for film in cohort.films))


def _first_copy(paths: Iterable[Path], own: Cohort) -> tuple[Path, str] | None:
    """The first file with the bytes of a film of a cohort, and that film; only files of one size are read."""
    by_size: dict[int | None, list[str]] = {}
    for film in own.films:
        by_size.setdefault(_size(own.root / film.path), []).append(film.path)
    digests: dict[int, dict[str, str]] = {}
    for path in paths:
        size = _size(path)
        if size is None or size not in by_size:
            continue
        if size not in digests:
            digests[size] = {digest_file(own.root / film): film for film in by_size[size]}
        digest = digest_file(path)
        if digest != MISSING and digest in digests[size]:
            return path, digests[size][digest]
    return None


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None
