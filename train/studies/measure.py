"""A finished training → the figures of each network it ended a stage with, on validation and on the test films.

Here alone do the studies read the test films: with thresholds that were frozen on validation before. What is read is
kept in the run's folder, as `evaluate` keeps it, and each reading is logged.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np

from train.common.console import say_warning
from train.common.errors import PneumoscopeError
from train.data.checksums import MISSING, digest_file
from train.data.cohort import Cohort, Film, Split, index_cohort, read_split
from train.data.film_hash import film_hashes, repeats
from train.evaluation.evaluation import (
    EvaluationError,
    Json,
    LeftOut,
    evaluate_test,
    evaluate_validation,
    is_of_these_scores,
    read_evaluation,
    write_evaluation,
)
from train.metrics.scores import DivergedError, Scores, ScoresError, joined, read_scores, write_scores
from train.radiograph import PrepareSpec
from train.runs.finished import read_environment, read_history
from train.runs.run_folder import RunFolder, settings_of
from train.runs.settings import Settings
from train.runs.test_set_log import log_test_read, require_test_log
from train.studies.record import AtThreshold, Figures, Interval, StageFigures, Training

#: Key in evaluation.json: the checksum of the network that it is of.
WEIGHTS = "weights"
DECIMALS = 6


class FinishedTraining(Protocol):
    """What `train.studies.running.storage.finished` says of a training.

    rows: (study, row key).
    diverged: its loss became no number.
    """

    @property
    def run(self) -> RunFolder: ...  # noqa: D102
    @property
    def scale(self) -> str: ...  # noqa: D102
    @property
    def seed(self) -> int: ...  # noqa: D102
    @property
    def rows(self) -> tuple[tuple[str, str], ...]: ...  # noqa: D102
    @property
    def diverged(self) -> bool: ...  # noqa: D102


@dataclass(frozen=True)
class StageFiles:
    """The files of a network that a run ended a stage with."""

    stage: str
    network: Path
    scores: Path
    evaluation: Path


def stages_measured(run: RunFolder, settings: Settings) -> tuple[StageFiles, ...]:
    """Return the networks of a run that the report has figures of: A's; B's with its head trained, and fine-tuned."""
    if settings.network == "a":
        return (StageFiles("train", run.best_network, run.scores, run.evaluation),)
    if settings.fine_tune.epochs == 0:
        return (StageFiles("head", run.best_network, run.scores, run.evaluation),)
    return (
        StageFiles("head", run.head_network, run.folder / "head_scores.csv", run.folder / "head_evaluation.json"),
        StageFiles("fine_tune", run.best_network, run.scores, run.evaluation),
    )


def lacks(done: FinishedTraining, *, test: bool) -> tuple[StageFiles, ...]:
    """Return the networks of a training whose films have yet to be read: of validation, and of test where wanted.

    Raises:
        PneumoscopeError: `measure` cannot do without a file that is missing or damaged.
    """
    _environment(done)
    if done.run.history.is_file():
        read_history(done.run)
    files = stages_measured(done.run, settings_of(done.run))
    return tuple(each for each in files if not _is_measured(each, test=test) and _can_be_read(done, each))


class FilmsOfStudies:
    """Films prepared once for all trainings that look at them alike.

    Args:
        data_root: that the runs were trained on.
    """

    def __init__(self, data_root: Path) -> None:
        self.data_root = data_root
        self._test: tuple[Film, ...] | None = None
        self._prepared: dict[tuple[PrepareSpec, tuple[str, ...]], tuple[np.ndarray, frozenset[str]]] = {}

    def cohort(self, run: RunFolder) -> Cohort:
        """The films that a run was trained and validated on."""
        return read_split(run.split, self.data_root)

    def of(self, cohort: Cohort, split: Split) -> tuple[Film, ...]:
        """The films of a split; a study's run knows no test films, they are those of the data root then.

        Raises:
            PneumoscopeError: there are none, or a test film is among those that the run was trained on.
        """
        films = cohort.of_split(split)
        if split == "test" and not films:
            if self._test is None:
                self._test = index_cohort(self.data_root).of_split("test")
            films = self._test
            if known := {film.path for film in cohort.films} & {film.path for film in films}:
                raise PneumoscopeError(
                    f"{len(known)} test films are in the run's own split, such as {min(known)}: expected none"
                )
        if not films:
            raise PneumoscopeError(f"{self.data_root} has no {split} films: expected those the studies are reported on")
        return films

    def prepared(self, films: tuple[Film, ...], spec: PrepareSpec, split: Split) -> tuple[np.ndarray, frozenset[str]]:
        """Films as networks of a size take them, uint8 [n, S, S], and those that repeat an earlier one."""
        from train.fitting.scoring import prepare_all

        key = (spec, tuple(film.path for film in films))
        if key not in self._prepared:
            images = prepare_all(self.data_root, films, spec, split)
            again = repeats(film_hashes(images))
            repeated = frozenset(film.path for film, is_one in zip(films, again, strict=True) if is_one)
            self._prepared[key] = images, repeated
        return self._prepared[key]


def measure(done: FinishedTraining, films: FilmsOfStudies | None, *, test: bool) -> Training:
    """Read the films that have not been read with a training's networks, and return the figures of all.

    Args:
        done: the training.
        films: to be read; None where `lacks` finds nothing.
        test: read the test films too, log it, and say what was seen on them.

    Raises:
        PneumoscopeError: a file of the run is missing or damaged, or films cannot be read.
    """
    settings, stages = settings_of(done.run), {}
    for files in stages_measured(done.run, settings):
        if not _can_be_read(done, files) and not _is_measured(files, test=test):
            continue
        try:
            evaluation = _evaluation(done.run, settings, files, films, test=test)
        except DivergedError as error:
            say_warning(f"{done.run.name}, stage {files.stage}: {error}")
            continue
        stages[files.stage] = stage_figures(evaluation)
    environment = _environment(done)
    return Training(
        run=done.run.name,
        network="a" if settings.network == "a" else "b",
        scale=done.scale,
        seed=done.seed,
        rows=done.rows,
        diverged=done.diverged,
        operating_point=settings.operating.default,
        stages=stages,
        epochs=len(read_history(done.run)) if done.run.history.is_file() else 0,
        seconds=_number(environment.get("seconds")),
        device=str(environment.get("device", "unknown")),
        commit=environment.get("commit"),
        versions={name: str(version) for name, version in environment.get("versions", {}).items()},
    )


def stage_figures(evaluation: Json) -> StageFigures:
    """What the record keeps of an evaluation; test where the evaluation has it."""
    point, test = evaluation["default_operating_point"], evaluation.get("test")
    return StageFigures(
        validation=_figures(evaluation["validation"]["metrics"], point),
        test=_figures(test["metrics"], point) if test else None,
    )


def _environment(done: FinishedTraining) -> Json:
    """How a training was run; one that diverged was never finished, and has no more to say than the storage has."""
    return {} if done.diverged and not done.run.environment.is_file() else read_environment(done.run)


def _can_be_read(done: FinishedTraining, files: StageFiles) -> bool:
    """Whether the network is there; one that never was is no error of a training that diverged.

    Raises:
        PneumoscopeError: it should be there.
    """
    if files.network.is_file():
        return True
    if done.diverged or files.evaluation.is_file():
        return False
    raise PneumoscopeError(
        f"{files.network} is missing, and with it the figures of {done.run.name} after stage {files.stage}: "
        "train the row again with pneumoscope study run"
    )


def _is_measured(files: StageFiles, *, test: bool) -> bool:
    try:
        kept = _kept_evaluation(files)
    except EvaluationError:  # damaged: it is made anew, which says so
        return False
    return kept is not None and (bool(kept.get("test")) or not test)


def _kept_evaluation(files: StageFiles) -> Json | None:
    """The evaluation that a run has of a network; None where it has none, or of the network it had before.

    Raises:
        EvaluationError: it is damaged.
    """
    if not files.evaluation.is_file():
        return None
    evaluation = read_evaluation(files.evaluation)
    return evaluation if _is_of_network(files, files.evaluation, evaluation.get(WEIGHTS)) else None


def _is_of_network(files: StageFiles, file: Path, weights: object) -> bool:
    """Whether a file is of the network that is there: by its checksum, else by the times of the files.

    A run that was carried here without its network is of no other.
    """
    present = digest_file(files.network)
    if present == MISSING:
        return True
    return weights == present if weights else file.stat().st_mtime >= files.network.stat().st_mtime


def _evaluation(
    run: RunFolder, settings: Settings, files: StageFiles, films: FilmsOfStudies | None, *, test: bool
) -> Json:
    """The kept evaluation, with what it lacks read and kept: first what is frozen on validation, then test."""
    try:
        kept = _kept_evaluation(files)
    except EvaluationError as error:
        say_warning(f"{error}; it is made now")
        kept = None
    if kept is not None and (kept.get("test") or not test):
        return kept if test else kept | {"test": None}
    if films is None:
        raise PneumoscopeError(f"the films of {run.name} have not been read: give them with --data")
    cohort = films.cohort(run)
    reader = _Reader(run, settings, files, films, cohort)
    trained_on = frozenset(film.patient for film in cohort.of_split("train"))
    known = _kept_scores(files, kept)
    if kept is None or known is None:
        known, repeated = reader.read("validation")
        if kept is None or not is_of_these_scores(kept, known):
            left_out = LeftOut(repeated, trained_on)
            kept = evaluate_validation(
                known, settings.network, cohort.fingerprint, left_out, operating=settings.operating
            )
    kept = kept | {WEIGHTS: digest_file(files.network)}
    _keep(files, known, kept)
    if test:
        require_test_log()
        read, repeated = reader.read("test")
        scores = joined(known, read)
        # A study's split has no test films: its fingerprint is that of the films the thresholds were chosen on.
        kept = evaluate_test(kept, scores, cohort.fingerprint, LeftOut(repeated, trained_on))
        # Before they are kept: no figure may stand whose reading is not logged.
        log_test_read(run.name if files.network == run.best_network else f"{run.name} ({files.stage})", kept)
        _keep(files, scores, kept)
    return kept


@dataclass(frozen=True)
class _Reader:
    """Reads films with one network of a run."""

    run: RunFolder
    settings: Settings
    files: StageFiles
    films: FilmsOfStudies
    cohort: Cohort

    def read(self, split: Literal["validation", "test"]) -> tuple[Scores, frozenset[str]]:
        from train.fitting.scoring import cached_logits, load_network, scores_of
        from train.fitting.watchers import free_networks

        found = self.films.of(self.cohort, split)
        images, repeated = self.films.prepared(found, self.settings.prepare.spec(), split)
        free_networks()
        network = load_network(self.run, self.files.network)
        logits = cached_logits(network, images, self.settings, f"{self.run.name} {self.files.stage} {split}")
        return scores_of(found, logits), repeated


def _kept_scores(files: StageFiles, evaluation: Json | None) -> Scores | None:
    """The validation scores that a run has of this network; None where they have to be read."""
    if evaluation is None or not files.scores.is_file():
        return None
    try:
        known = read_scores(files.scores).of_split("validation")
        return known if len(known) and is_of_these_scores(evaluation, known) else None
    except ScoresError as error:
        say_warning(f"{error}; it is made now")
        return None


def _keep(files: StageFiles, scores: Scores, evaluation: Json) -> None:
    write_scores(files.scores, scores)
    write_evaluation(files.evaluation, evaluation)


def _figures(metrics: Mapping[str, Any], point: str) -> Figures:
    best = metrics["as_report"]["f1_maximum"]
    return Figures(
        films=metrics["n"],
        patients=metrics["patients"],
        positives=metrics["positives"],
        loss=_rounded(metrics["log_loss"]),
        auroc=_interval(metrics["auroc"]),
        half=_at_threshold(metrics["operating_points"]["half"]),
        chosen=_at_threshold(metrics["operating_points"][point]),
        f1_maximum=_number(best["value"]),
        f1_maximum_at=_rounded(best["threshold"]),
    )


def _at_threshold(point: Mapping[str, Any]) -> AtThreshold:
    figures = ("accuracy", "balanced_accuracy", "sensitivity", "specificity", "f1")
    return AtThreshold(threshold=_rounded(point["threshold"]), **{name: _interval(point[name]) for name in figures})


def _interval(found: Mapping[str, float | None]) -> Interval:
    return Interval(**{name: _number(found[name]) for name in ("value", "low", "high")})


def _number(value: Any) -> float | None:  # noqa: ANN401  # JSON
    return _rounded(value) if isinstance(value, int | float) and np.isfinite(value) else None


def _rounded(value: float) -> float:
    return round(float(value), DECIMALS)
