"""The runs that network B learns from: found, checked and written down, before Keras starts."""

import json
import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from train.common import atomic
from train.common.errors import UsageError
from train.data.checksums import digest_file
from train.data.cohort import Cohort, CohortError, read_split
from train.runs.run_folder import RunFolder, find_run, require_network, settings_of
from train.runs.settings import Settings, make_settings


@dataclass(frozen=True)
class TeacherRecord:
    """What stands of a teacher in the folder of a run that learnt from it.

    run: its name.
    weights: checksum of its best.keras.
    split_fingerprint: of its films; the same as the run's own where both were split alike.
    backbone_weights: where the teacher itself began.
    """

    run: str
    weights: str
    split_fingerprint: str
    backbone_weights: str


def find_teachers(settings: Settings, cohort: Cohort) -> tuple[TeacherRecord, ...]:
    """Find the runs that the setting `teacher` names, and refuse what would spoil the run that learns from them.

    Args:
        settings: of the run that learns.
        cohort: its films, split.

    Raises:
        UsageError: no such run, a run of another network, one without a best.keras or a split, one that sees films
            prepared otherwise (but for their size), or one that was trained on a film that is held out here, or on a
            patient of validation. (Patients of the public set's test films go by numbers that training films have too.)
    """
    return tuple(_checked(find_run(name), settings, cohort) for name in settings.teacher)


def _checked(run: RunFolder, settings: Settings, cohort: Cohort) -> TeacherRecord:
    teacher = settings_of(run)
    require_network(run, teacher, ("teacher",))
    _refuse_other_pictures(run, teacher, settings)
    try:
        split = read_split(run.split, cohort.root)
    except CohortError as error:
        raise UsageError(f"teacher {run.name} does not say what it learnt from: {error}") from error
    _refuse_held_out(run, split, cohort)
    return TeacherRecord(run.name, digest_file(run.best_network), split.fingerprint, teacher.backbone_weights)


def _refuse_other_pictures(run: RunFolder, teacher: Settings, settings: Settings) -> None:
    """A teacher is shown the pictures of the run that learns from it: only their size may be another than its own."""
    theirs, ours = teacher.prepare.model_dump(), settings.prepare.model_dump()
    for key in theirs:
        if key != "image_size" and theirs[key] != ours[key]:
            raise UsageError(
                f"teacher {run.name} learnt from films of prepare.{key} {theirs[key]}, and would be shown films of "
                f"{key} {ours[key]}: set prepare.{key} to {theirs[key]}, or train a teacher on films of {ours[key]}"
            )


def learning_command(run: RunFolder, teacher: Settings) -> str:
    """The command by which B learns from a teacher: films prepared and split as the teacher's, defaults left out."""
    plain = make_settings("b", {})
    same = {f"prepare.{key}": value for key, value in teacher.prepare.model_dump().items()}
    same |= {"validation_fraction": teacher.validation_fraction, "shifted_validation": teacher.shifted_validation}
    default = {f"prepare.{key}": value for key, value in plain.prepare.model_dump().items()}
    default |= {"validation_fraction": plain.validation_fraction, "shifted_validation": plain.shifted_validation}
    changes = {key: value for key, value in same.items() if value != default[key]}
    if teacher.seed_of_split != plain.seed_of_split:
        changes["split_seed"] = teacher.seed_of_split
    words = ["pneumoscope", "train", "b", "--teacher", run.name]
    return shlex.join([*words, *(word for key, value in changes.items() for word in ("--set", f"{key}={value}"))])


def _refuse_held_out(run: RunFolder, split: Cohort, cohort: Cohort) -> None:
    learnt = split.of_split("train")
    paths, patients = {film.path for film in learnt}, {film.patient for film in learnt}
    # What a teacher was chosen by (its best epoch, its plateaus) it has seen as well.
    chosen = paths | {film.path for film in split.of_split("validation")}
    seen = [film for film in cohort.of_split("validation") if film.path in paths or film.patient in patients]
    seen += [film for film in cohort.films if film.split not in ("train", "validation") and film.path in chosen]
    if seen:
        raise UsageError(
            f"teacher {run.name} was trained or chosen on {seen[0].path} or its patient, one of {len(seen)} films "
            f"that are held out here: expected a teacher of the same split; give both the same split_seed"
        )


def write_teachers(path: Path, teachers: Sequence[TeacherRecord]) -> None:
    """Write the file that says what a run learnt from."""
    atomic.write_text(path, json.dumps([asdict(teacher) for teacher in teachers], indent=2) + "\n")


def read_teachers(path: Path) -> tuple[TeacherRecord, ...]:
    """Read what a run learnt from; nothing where it had no teacher.

    Raises:
        UsageError: the file is broken.
    """
    if not path.is_file():
        return ()
    try:
        return tuple(TeacherRecord(**values) for values in json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise UsageError(
            f"{path} cannot be read ({' '.join(str(error).split())}): it is written when a training begins; begin "
            "another with --new"
        ) from error


def require_same_teachers(run: RunFolder, teachers: Sequence[TeacherRecord]) -> None:
    """Refuse to go on with a run whose teachers are not those that it began with.

    Raises:
        UsageError: a teacher's best.keras is another than then.
    """
    begun = read_teachers(run.teachers)
    if len(begun) != len(teachers):
        raise UsageError(
            f"run {run.name} cannot resume: {run.teachers.name} names {len(begun)} teachers, its settings "
            f"{len(teachers)}; start over with --new"
        )
    for then, now in zip(begun, teachers, strict=True):
        if then.weights != now.weights:
            raise UsageError(
                f"run {run.name} cannot resume: its teacher {then.run} has other weights than when it was begun; "
                "start over with --new"
            )
