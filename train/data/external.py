"""Another hospital's films, for evaluating a network and nothing else: no threshold, no calibration, no epoch."""

from dataclasses import replace
from pathlib import Path

from train.common.errors import UsageError
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
        UsageError: a film of the run's own split is among them, test included: it would be evaluated unlogged.
    """
    cohort = index_cohort(folder, other_columns=True)
    by_name: dict[str, list[Path]] = {}
    for film in own.films:
        by_name.setdefault(Path(film.path).name, []).append(own.root / film.path)
    for film in cohort.films:
        path = folder / film.path
        if any(_same_file(path, other) for other in by_name.get(path.name, ())):
            raise UsageError(f"{path} is a film of the run's own split: expected films of another hospital")
    return Cohort(folder, tuple(replace(film, split=EXTERNAL) for film in cohort.films))


def _same_file(one: Path, other: Path) -> bool:
    try:
        return one.stat().st_size == other.stat().st_size and one.read_bytes() == other.read_bytes()
    except OSError:
        return False
