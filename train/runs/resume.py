"""What a killed training goes on from: a record inside last.keras, and the question whether it is the same training.

A .keras file is a ZIP archive. Network, optimizer and record stand in one, written beside and renamed, so that an epoch
is there whole or not at all. All else in a run folder that changes with the epochs (best.keras, history.csv) is written
after it and can be made from it again, but for a best.keras of an earlier epoch.
"""

import json
import math
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from train.common import atomic
from train.common.errors import PneumoscopeError, UsageError
from train.data.checksums import MISSING, digest_file, digest_films, digest_of_all, first_difference, read_digests
from train.data.cohort import Cohort, CohortError, read_split
from train.runs.run_folder import RunFolder, settings_of, versions
from train.runs.settings import Settings, make_settings

RECORD_NAME = "pneumoscope.json"
FORMAT = 1
_SHOWN = 4


@dataclass(frozen=True)
class Origin:
    """What a training was begun with.

    settings: as in settings.yaml, a weights file by its name alone.
    split: fingerprint of split.csv.
    films: checksum of films.csv.
    weights: checksum of the backbone's weights file; None where there is none.
    """

    settings: dict[str, Any]
    split: str
    films: str
    weights: str | None


@dataclass
class Progress:
    """How far a training is, after an epoch; nothing is finished in a new one.

    stage: which of the run's stages, from 0.
    epochs_in_stage: finished in it.
    stage_finished: by its number of epochs or by early stopping.
    steps: of the optimizer in this stage.
    rows: of history.csv, unrounded.
    best_val_loss, best_epoch: the lowest so far and its epoch, counted from 1 over all stages; 0 for none.
    counters: name of a Keras callback → what it counts.
    seeds: state of each random generator of the network, in its order.
    seconds: of training, whatever was lost to kills left out.
    moved: it was resumed on another kind of device or with other versions.
    """

    stage: int = 0
    epochs_in_stage: int = 0
    stage_finished: bool = False
    steps: int = 0
    rows: list[dict[str, Any]] = field(default_factory=list)
    best_val_loss: float = math.inf
    best_epoch: int = 0
    counters: dict[str, dict[str, Any]] = field(default_factory=dict)
    seeds: list[list[int]] = field(default_factory=list)
    images_seen: int = 0
    training_seconds: float = 0.0
    seconds: float = 0.0
    moved: bool = False


@dataclass(frozen=True)
class Record:
    """All that last.keras knows beside network and optimizer; `device` is "cpu" or "gpu"."""

    origin: Origin
    progress: Progress
    device: str
    versions: dict[str, str]


def origin_of(settings: Settings, cohort: Cohort, digests: Mapping[str, str]) -> Origin:
    """Describe a training by what it is begun with; `cohort` without the films that could not be read."""
    weights = digest_file(Path(settings.backbone_weights))
    return Origin(
        plain_settings(settings), cohort.fingerprint, digest_of_all(digests), None if weights == MISSING else weights
    )


def plain_settings(settings: Settings) -> dict[str, Any]:
    """Return settings as they come back from JSON or YAML; of weights and teachers the name, never the folder."""
    values = settings.model_dump(mode="json")
    values["backbone_weights"] = Path(settings.backbone_weights).name
    values["teacher"] = [Path(teacher).name for teacher in settings.teacher]
    return values


def add_record(path: Path, record: Record) -> None:
    """Put a record into a .keras file that is being written."""
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(RECORD_NAME, json.dumps({"format": FORMAT, **asdict(record)}))


def replace_record(source: Path, target: Path, record: Record) -> None:
    """Write the network and optimizer of a .keras file into another one, with another record."""
    with atomic.replace_file(target) as temporary:
        with zipfile.ZipFile(source) as old, zipfile.ZipFile(temporary, "w") as new:
            for entry in old.infolist():
                if entry.filename != RECORD_NAME:
                    new.writestr(entry, old.read(entry))
        add_record(temporary, record)


def read_record(run: RunFolder) -> Record | None:
    """Read the record of a run's last epoch; None before its first epoch is finished.

    Raises:
        PneumoscopeError: last.keras is broken, or was written by a version that keeps no such record.
    """
    if not run.last_network.exists():
        return None
    try:
        with zipfile.ZipFile(run.last_network) as archive:
            if RECORD_NAME not in archive.namelist():
                raise _unusable(run, "it was written by a version that could not resume")
            values = json.loads(archive.read(RECORD_NAME))
            damaged = archive.testzip()
        if damaged:
            raise _unusable(run, f"{damaged} in it is damaged")
        if values["format"] != FORMAT:
            raise _unusable(run, f"its record has format {values['format']}, expected {FORMAT}")
        known = {item.name for item in fields(Progress)}
        progress = Progress(**{key: value for key, value in values["progress"].items() if key in known})
        return Record(Origin(**values["origin"]), progress, values["device"], values["versions"])
    except (OSError, zipfile.BadZipFile, ValueError, KeyError, TypeError, EOFError, RecursionError) as error:
        raise _unusable(run, " ".join(str(error).split())) from error


def require_same_settings(run: RunFolder, settings: Settings, record: Record | None) -> None:
    """Refuse to go on with a run whose settings are not those asked for, or were edited since its last epoch.

    Raises:
        UsageError: each differing setting as `key: was → is`.
    """
    found = plain_settings(settings_of(run))
    if record is not None:
        values = dict(record.origin.settings)
        begun = plain_settings(make_settings(str(values.pop("network")), values))
        _refuse(run, "its settings.yaml was edited since its last epoch", _differences(begun, found))
    _refuse(run, "it was begun with other settings", _differences(found, plain_settings(settings)))


def require_same_films(run: RunFolder, cohort: Cohort, record: Record | None) -> None:
    """Refuse to go on with a run whose split or films are not those it was begun with; reads every film once.

    Args:
        run: to go on with.
        cohort: the split that the command makes now.
        record: of the run's last epoch.

    Raises:
        UsageError: the first film that differs, and how.
    """
    if not run.split.is_file() or not run.films.is_file():
        if record is None:
            return
        raise UsageError(f"run {run.name} cannot resume: its split.csv or films.csv is gone; start over with --new")
    known = read_digests(run.films)
    try:
        split = read_split(run.split, cohort.root)
    except CohortError as error:
        raise UsageError(f"run {run.name} cannot resume: {error}") from error
    if record is not None and digest_of_all(known) != record.origin.films:
        raise UsageError(f"run {run.name} cannot resume: its films.csv was edited since its last epoch")
    if difference := first_difference(known, digest_films(cohort)):
        raise UsageError(
            f"run {run.name} cannot resume, the films under the data root are not those it was begun with: {difference}"
        )
    asked = {film.path: film for film in cohort.films}
    for film in split.films:
        if asked.get(film.path) != film:
            now = asked.get(film.path)
            _refuse(
                run,
                "its split.csv is not the split asked for, or was edited",
                [f"{film.path}: {_placed(film)} → {_placed(now) if now else 'not there'}"],
            )
    if record is not None and split.fingerprint != record.origin.split:
        raise UsageError(
            f"run {run.name} cannot resume, its split.csv was edited since its last epoch: {len(split.films)} films "
            "are listed, and they are not those it was begun with"
        )


def require_same_weights(run: RunFolder, settings: Settings, record: Record | None) -> None:
    """Refuse another weights file under the same name; one that is gone is no longer needed.

    Raises:
        UsageError: the file has other contents.
    """
    now = digest_file(Path(settings.backbone_weights))
    if record is not None and record.origin.weights is not None and now not in (MISSING, record.origin.weights):
        raise UsageError(f"run {run.name} was begun with other weights than {settings.backbone_weights} holds now")


def require_best_network(run: RunFolder, record: Record) -> None:
    """Refuse to go on without the best network of an earlier epoch: no later one may be better, and it would be lost.

    Raises:
        UsageError: best.keras is gone.
    """
    best = record.progress.best_epoch
    if 0 < best < len(record.progress.rows) and not run.best_network.is_file():
        raise UsageError(
            f"run {run.name} cannot resume: its best.keras, of epoch {best}, is gone; put it back, or start over with "
            "--new"
        )


def changed_surroundings(record: Record, device: str) -> str | None:
    """Say what is different about the machine since the last epoch, `what: was → is`; None where nothing is."""
    then, now = {"device": record.device, **record.versions}, {"device": device, **versions()}
    return "; ".join(_differences(then, now)) or None


def _placed(film: Any) -> str:  # noqa: ANN401  # a Film; its split, label and patient are what is compared
    return f"{film.split} {film.label} {film.patient}"


def _differences(was: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    before, now = _flat(was), _flat(found)
    keys = [*before, *(key for key in now if key not in before)]
    return [
        f"{key}: {_shown(before, key)} → {_shown(now, key)}" for key in keys if _shown(before, key) != _shown(now, key)
    ]


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat.update(_flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {prefix + key: value})
    return flat


def _shown(values: Mapping[str, Any], key: str) -> str:
    return json.dumps(values[key], ensure_ascii=False).strip('"') if key in values else "none"


def _refuse(run: RunFolder, what: str, differences: list[str]) -> None:
    if differences:
        more = f"; and {len(differences) - _SHOWN} more" if len(differences) > _SHOWN else ""
        raise UsageError(
            f"run {run.name} cannot resume, {what}: {'; '.join(differences[:_SHOWN])}{more}. Give the command it was "
            "begun with, or --new for another run"
        )


def _unusable(run: RunFolder, reason: str) -> PneumoscopeError:
    return PneumoscopeError(
        f"{run.last_network} cannot be resumed ({reason}): start over with --new; best.keras can still be evaluated"
    )
