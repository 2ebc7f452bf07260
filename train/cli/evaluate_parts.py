"""What `evaluate` does beside the ordinary films: another hospital's, blacked-out ones, augmented ones."""

from collections.abc import Mapping
from pathlib import Path

from train.cli.evaluate_tables import print_evaluation, print_shortcut
from train.common.console import print_json, progress_bar, say, say_warning
from train.common.errors import PneumoscopeError, UsageError
from train.data.checksums import digest_films, digest_of_all
from train.data.cohort import Cohort, Split, read_split
from train.data.external import read_external
from train.evaluation.evaluation import (
    RESAMPLES_PER_SPLIT,
    Advance,
    Json,
    LeftOut,
    evaluate_external,
    read_evaluation,
    write_evaluation,
)
from train.evaluation.external_films import FILMS_CHECKSUM
from train.evaluation.shortcut import SHORTCUT_RESAMPLES, shortcut_figures
from train.evaluation.thresholds import operating_of
from train.metrics.augmented_scores import AugmentedScores, read_augmented, write_augmented
from train.metrics.scores import EXTERNAL, ScoresError, read_scores, write_scores
from train.runs.network_identity import is_of_present_network
from train.runs.run_folder import RunFolder
from train.runs.settings import OperatingSettings

SHORTCUT = "shortcut"


def evaluate_on_external(run: RunFolder, data_root: Path, folder: Path, *, as_json: bool) -> None:
    """Score another hospital's films, keep external.csv and the evaluation's part "external", print it.

    Raises:
        PneumoscopeError: the run is not evaluated, or the films cannot be read or evaluated.
    """
    from train.fitting.scoring import score_run

    evaluation, own = evaluated_run(run, data_root)
    cohort = read_external(folder, own)
    scores, repeated = score_run(run, cohort, EXTERNAL)
    left_out = LeftOut(repeated, frozenset(film.patient for film in own.of_split("train")))
    with progress_bar("resampling patients", RESAMPLES_PER_SPLIT) as advance:
        films = digest_of_all(digest_films(cohort))
        evaluation = evaluate_external(evaluation, scores, cohort.fingerprint, left_out, advance, films=films)
    write_scores(run.external_scores, scores)
    write_evaluation(run.evaluation, evaluation)
    part = evaluation[EXTERNAL]
    if as_json:
        print_json({"run": run.name, EXTERNAL: {**part["metrics"], "cohorts": part["cohorts"]}})
    else:
        print_evaluation(run.name, EXTERNAL, part, evaluation["default_operating_point"])


def evaluate_shortcut(run: RunFolder, data_root: Path, external: Path | None, *, as_json: bool) -> None:
    """Score films without lungs and lungs without films; keep and print the evaluation's part "shortcut".

    Args:
        run: an evaluated run.
        data_root: its films; the lungs are found by healthy training films among them.
        external: evaluate another hospital's films too.
        as_json: instead of tables.

    Raises:
        PneumoscopeError: as `evaluate_on_external`, or no lungs are found.
    """
    from train.fitting.scoring import lung_template, score_blacked_out

    evaluation, own = evaluated_run(run, data_root)
    cohorts: dict[Split, Cohort] = {"validation": own}
    if external is not None:
        cohorts[EXTERNAL] = read_external(external, own)
    template = lung_template(own)
    parts: Json = {}
    for split, cohort in cohorts.items():
        scores, logits = score_blacked_out(run, cohort, split, template)
        with progress_bar("resampling patients", SHORTCUT_RESAMPLES) as advance:
            parts[split] = shortcut_figures(scores.labels, scores.patients, logits, advance)
        if split == EXTERNAL:
            parts[split]["cohort_fingerprint"] = cohort.fingerprint
    kept = {SHORTCUT: {**(evaluation.get(SHORTCUT) or {}), **parts}}
    write_evaluation(run.evaluation, evaluation | kept)
    if as_json:
        print_json({"run": run.name, SHORTCUT: parts})
    else:
        print_shortcut(run.name, parts)


def augmented_readings(run: RunFolder, cohort: Cohort) -> AugmentedScores:
    """The run's readings of augmented validation films: those it keeps where they are of this network, or new ones."""
    kept = run.augmented_scores
    if kept.is_file():
        try:
            readings = read_augmented(kept)
            labels = dict(zip(readings.films, readings.labels.tolist(), strict=True))
            same_films = labels == {film.path: film.label for film in cohort.of_split("validation")}
            if same_films and is_of_present_network(run, readings):
                return readings
        except ScoresError as error:
            say_warning(f"{error}; it is made now")
    from train.fitting.scoring import score_augmented

    readings = score_augmented(run, cohort)
    write_augmented(kept, readings)
    return readings


def keep_augmented(run: RunFolder, data_root: Path, *, as_json: bool) -> None:
    """Read the validation films through the run's augmentation and keep the readings; nothing is chosen by them yet."""
    _, cohort = evaluated_run(run, data_root)
    readings = augmented_readings(run, cohort)
    if as_json:
        found = {"films": len(readings.films), "copies": readings.copies, "file": run.augmented_scores.name}
        print_json({"run": run.name, "validation_augmented": found})
    say(f"{readings.copies} readings of each of {len(readings.films)} validation films: {run.augmented_scores}")


def frozen_choice(
    run: RunFolder, by_settings: OperatingSettings, before: Json | None, choice: Mapping[str, str | None]
) -> tuple[OperatingSettings, bool]:
    """From what thresholds and calibration are to be chosen now, and whether the run's evaluation differs from that.

    Args:
        run: whose name errors give.
        by_settings: what the run's settings say; taken where nothing is frozen yet.
        before: the network's evaluation, if there is one.
        choice: fields that win over both.

    Raises:
        UsageError: another choice once the test films have been read.
    """
    standing = operating_of(before) if before is not None else by_settings
    operating = standing.model_copy(update=dict(choice))
    if before is not None and operating != standing and before.get("test"):
        raise UsageError(
            f"the test films of {run.name} were read with thresholds from {standing.seen} validation films, default "
            f"{standing.default}, calibration {standing.calibration}: these stay as they were frozen"
        )
    return operating, before is not None and operating != standing


def with_kept_parts(run: RunFolder, evaluation: Json, before: Json, own: Cohort, advance: Advance) -> Json:
    """A new evaluation of the same network with the parts that an earlier one had, at the new thresholds.

    Args:
        run: whose external.csv is read; the figures are counted again from it.
        evaluation: new.
        before: of the same network.
        own: the run's split.
        advance: called with the number of resamples done, RESAMPLES_PER_SPLIT in all.
    """
    if before.get(SHORTCUT):
        evaluation = evaluation | {SHORTCUT: before[SHORTCUT]}
    part = before.get(EXTERNAL)
    if not part or not run.external_scores.is_file():
        advance(RESAMPLES_PER_SPLIT)
        return evaluation
    repeated = part["cohorts"]["deduplicated"].get("repeats")
    left_out = LeftOut(repeated, frozenset(film.patient for film in own.of_split("train")))
    scores = read_scores(run.external_scores)
    films = part.get(FILMS_CHECKSUM, "")
    return evaluate_external(evaluation, scores, part["cohort_fingerprint"], left_out, advance, films=films)


def evaluated_run(run: RunFolder, data_root: Path) -> tuple[Json, Cohort]:
    """The evaluation of the network that a run has now, and its split.

    Raises:
        PneumoscopeError: it is of another split, or of the network before it was trained on.
    """
    evaluation, cohort = read_evaluation(run.evaluation), read_split(run.split, data_root)
    if evaluation["split_fingerprint"] != cohort.fingerprint:
        raise PneumoscopeError(f"the evaluation of {run.name} is of another split: pneumoscope evaluate {run.name}")
    if run.best_network.stat().st_mtime > run.evaluation.stat().st_mtime:
        raise PneumoscopeError(f"{run.name} was trained on since its evaluation: pneumoscope evaluate {run.name}")
    return evaluation, cohort
