"""The studies: which rows there are, what the report measured of each, and the settings that train one."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from train.common.errors import UsageError
from train.runs.settings import Settings, make_settings
from train.runs.settings_file import dump_settings
from train.studies.study_file import ReportedTable, StudyFile, read_reported_table, read_study_file

#: A file a study; its name is the study's.
FOLDER = Path(__file__).parent
#: Side of the report's films in pixels: what `Scale` calls full.
FULL_IMAGE_SIZE = 250
#: Every row of every seed is trained and validated on the same patients, so that rows are paired film by film.
SPLIT_SEED = 0


@dataclass(frozen=True)
class Reported:
    """What the report prints of a stage, on the 624 test films; None: it gives no value.

    accuracy: at the threshold 0.5, 0..1.
    loss: binary cross-entropy.
    f1: the highest of a sweep of thresholds over the test films themselves, 0..1.
    threshold: the threshold of that F1.
    """

    accuracy: float | None = None
    loss: float | None = None
    f1: float | None = None
    threshold: float | None = None


@dataclass(frozen=True)
class Row:
    """One setting of a study.

    key: unique within the study: "adam-0.1-8", "3", "0.25".
    changes: settings by dotted key, as `make_settings` takes them, those fixed for the whole study included.
    reported: by stage: of A "train"; of B "head" and "fine_tune".
    notes: where the report contradicts itself.
    """

    key: str
    network: Literal["a", "b"]
    changes: Mapping[str, object]
    reported: Mapping[str, Reported]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Study:
    """Rows that belong together.

    section: of the report.
    network: "a", "b", or "a, b" where its rows are of both.
    varies: the settings in which its rows differ, by dotted key.
    counted: of the report's 107 rows; its reference runs are not.
    """

    name: str
    title: str
    section: str
    network: str
    varies: tuple[str, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    counted: bool = True

    def row(self, key: str) -> Row:
        """Return the row of a key.

        Raises:
            UsageError: there is none; the message names those there are.
        """
        for row in self.rows:
            if row.key == key:
                return row
        raise UsageError(f"study {self.name} has no row {key}: its rows are {', '.join(row.key for row in self.rows)}")


@dataclass(frozen=True)
class Scale:
    """How the runs of a study are reduced; `Scale()` is the report's own size.

    image_size: side of a film in pixels.
    films_per_class: at most so many training films of each class.
    epochs: at most so many in each stage.
    backbone_weights: of network B, instead of ImageNet's: "random" or a file.
    heads: of network B alone the head, on one augmented picture of each film, whose features all heads share.
    """

    image_size: int | None = None
    films_per_class: int | None = None
    epochs: int | None = None
    backbone_weights: str | None = None
    heads: bool = False

    def __post_init__(self) -> None:
        if self.epochs is not None and self.epochs < 1:
            raise UsageError(f"--epochs must be 1 or more. Received: {self.epochs}")

    @property
    def label(self) -> str:
        """What is reduced, in words; "full" where nothing is. Runs of two labels are never compared as one."""
        reduced = []
        if self.image_size not in (None, FULL_IMAGE_SIZE):
            reduced.append(f"{self.image_size} px")
        if self.films_per_class is not None:
            reduced.append(f"{self.films_per_class} films a class")
        if self.epochs is not None:
            reduced.append(f"{self.epochs} epoch{'s' if self.epochs > 1 else ''} at most")
        if self.backbone_weights not in (None, "imagenet"):
            reduced.append(f"backbone weights {Path(str(self.backbone_weights)).stem}")
        if self.heads:
            reduced.append("B's head alone")
        return ", ".join(reduced) or "full"


@cache
def studies() -> tuple[Study, ...]:
    """Return all studies that can be run, in the report's order.

    Raises:
        UsageError: a study's file is wrong.
    """
    found = (study_of(path) for path in FOLDER.glob("*.yaml"))
    return tuple(sorted(found, key=lambda study: (study.counted, study.section, study.name)))


@cache
def reported_only() -> Mapping[str, ReportedTable]:
    """Return the report's tables of other people's networks by name: they can be shown, not run."""
    return {path.stem: read_reported_table(path) for path in sorted((FOLDER / "reported_only").glob("*.yaml"))}


def find_study(name: str) -> Study:
    """Return the study of a name.

    Raises:
        UsageError: there is none; the message names those there are.
    """
    for study in studies():
        if study.name == name:
            return study
    if name in reported_only():
        raise UsageError(f"{name} is reported figures only, of networks that are not trained here: nothing to run")
    raise UsageError(f"no study {name}: there are {', '.join(study.name for study in studies())}")


def settings_of(row: Row, seed: int, scale: Scale) -> Settings:
    """Return the settings of a training: equal settings are one training, whatever rows ask for it.

    Args:
        row: of a study.
        seed: of weights and augmentation; the split is always that of `SPLIT_SEED`.
        scale: how the training is reduced.

    Raises:
        UsageError: a setting that the network does not take, or a scale outside its range.
    """
    changes: dict[str, object] = {**row.changes, "seed": seed, "split_seed": SPLIT_SEED}
    if scale.image_size is not None:
        changes["prepare.image_size"] = scale.image_size
    if scale.films_per_class is not None:
        changes["films_per_class"] = scale.films_per_class
    if scale.backbone_weights is not None and row.network == "b":
        changes["backbone_weights"] = scale.backbone_weights
    if scale.heads and row.network == "b":
        changes |= {"fine_tune.epochs": 0, "cache.copies": 1}
    settings = make_settings(row.network, changes)
    if scale.epochs is not None:
        changes["epochs"] = min(settings.epochs, scale.epochs)
        if row.network == "b":
            changes["fine_tune.epochs"] = min(settings.fine_tune.epochs, scale.epochs)
        settings = make_settings(row.network, changes)
    return settings


def rows_of_training(row: Row) -> tuple[tuple[tuple[str, str], Row], ...]:
    """Return all rows of all studies that are one training with a row, itself included: ((study, key), row)."""
    wanted = settings_of(row, 0, Scale())
    return tuple(
        ((study.name, other.key), other)
        for study in studies()
        for other in study.rows
        if other.network == row.network and settings_of(other, 0, Scale()) == wanted
    )


def run_name(settings: Settings) -> str:
    """Return the name of a training's run folder: equal settings, equal name."""
    return f"study-{hashlib.sha256(dump_settings(settings).encode()).hexdigest()[:12]}"


@dataclass(frozen=True)
class Training:
    """The unit of work: a network trained once, for all rows and studies that set the same.

    name: of its run folder.
    rows: (study, row key) of what asks for it.
    """

    name: str
    settings: Settings
    seed: int
    rows: tuple[tuple[str, str], ...]


def trainings_of(rows: Iterable[tuple[Study, Row]], seeds: Iterable[int], scale: Scale) -> tuple[Training, ...]:
    """Return what rows need to be trained: each training once; all rows of the first seed, then of the next.

    Seed by seed, since network B's cached features are of one seed.
    """
    asked = tuple(rows)
    found: dict[str, Training] = {}
    for seed in seeds:
        for study, row in asked:
            settings = settings_of(row, seed, scale)
            name = run_name(settings)
            before = found[name].rows if name in found else ()
            found[name] = Training(name, settings, seed, (*before, (study.name, row.key)))
    return tuple(found.values())


def study_of(path: Path) -> Study:
    """Read the study of a file, and make sure that each of its rows can be trained.

    Raises:
        UsageError: one line that names the file, the row and the key.
    """
    file = read_study_file(path)
    rows = tuple(_row(path, file, number) for number in range(len(file.rows)))
    trained: dict[str, str] = {}
    for row in rows:
        same = trained.setdefault(run_name(settings_of(row, 0, Scale())), row.key)
        if same != row.key:
            raise UsageError(f"{path}: row {row.key}: sets what row {same} sets")
    return Study(
        name=path.stem,
        title=file.title,
        section=file.section,
        network=", ".join(sorted({row.network for row in rows})),
        varies=tuple(file.varies),
        rows=rows,
        notes=tuple(file.notes),
        counted=file.counted,
    )


def _row(path: Path, file: StudyFile, number: int) -> Row:
    entry = file.rows[number]
    reported = {stage: Reported(**figures.model_dump()) for stage, figures in entry.reported.items()}
    row = Row(entry.key, file.network_of(entry), {**file.fixed, **entry.settings}, reported, tuple(entry.notes))
    try:
        settings_of(row, 0, Scale())
    except UsageError as error:
        raise UsageError(f"{path}: row {entry.key}: {error}") from None
    return row
