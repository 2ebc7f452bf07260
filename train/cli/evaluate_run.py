"""What `evaluate` does with a run's own films, step by step; `train` ends with the same."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from train.cli.evaluate_parts import augmented_readings, frozen_choice, with_kept_parts
from train.cli.evaluate_tables import print_evaluation, print_trained
from train.cli.options import data_option
from train.common.console import NOT_A_MEDICAL_DEVICE, print_json, progress_bar, say, say_next, say_warning
from train.common.errors import PneumoscopeError, UsageError
from train.data.cohort import Cohort, read_split
from train.evaluation.evaluation import (
    RESAMPLES_PER_SPLIT,
    Advance,
    EvaluationError,
    Json,
    LeftOut,
    evaluate_shifted,
    evaluate_test,
    evaluate_validation,
    is_of_these_scores,
    known_repeats,
    read_evaluation,
    write_evaluation,
)
from train.metrics.augmented_scores import AugmentedScores
from train.metrics.scores import SCORED_SPLITS, SHIFTED, Scores, ScoresError, joined, read_scores, write_scores
from train.runs.finished import read_history
from train.runs.run_folder import RunFolder, settings_of, trained_in
from train.runs.settings import OperatingSettings, Settings
from train.runs.teachers import learning_command
from train.runs.test_set_log import log_test_read, require_test_log


def evaluate_run(
    run: RunFolder,
    data_root: Path,
    *,
    test: bool,
    as_json: bool,
    choice: Mapping[str, str | None] | None = None,
    after_training: bool = False,
) -> None:
    """Score a run's films, keep scores, evaluation and curves in its folder, print them; test only if asked.

    `choice` has fields of `train.runs.settings.OperatingSettings` that win over what the run has frozen or its
    settings. At the end of a training (`after_training`) one short table is printed instead of all there is.
    """
    if test:
        require_test_log()
    settings = settings_of(run)
    cohort = read_split(run.split, data_root)
    standing = _read_standing(run, settings, cohort, choice or {}, test=test)
    scored = _score(run, cohort, standing, test=test)
    evaluation = _evaluate(run, cohort, standing, scored)
    _keep(run, evaluation, scored, test=test)
    splits = [split for split in ("validation", SHIFTED, "test") if evaluation.get(split) and (test or split != "test")]
    if as_json:
        shown = {split: {**evaluation[split]["metrics"], "cohorts": evaluation[split]["cohorts"]} for split in splits}
        print_json({"run": run.name, **shown})
    elif after_training:
        print_trained(run.name, str(run.folder), evaluation, splits, trained_in(run))
    else:
        for split in splits:
            print_evaluation(run.name, split, evaluation[split], evaluation["default_operating_point"])
    say(NOT_A_MEDICAL_DEVICE)
    say(f"curves: {run.curves}")
    say_next(f"{next_command(run, settings, after_training=after_training, test=test)}{data_option(data_root)}")


def next_command(run: RunFolder, settings: Settings, *, after_training: bool = False, test: bool = True) -> str:
    """What comes after a run's evaluation: its test films, its bundle; of a teacher a B that learns from it."""
    if settings.network == "teacher":
        return learning_command(run, settings)
    if test:
        return f"pneumoscope export {run.name}"
    return f"pneumoscope evaluate {run.name}{'' if after_training else ' --test'}"


@dataclass(frozen=True, eq=False)
class Standing:
    """What a run's folder holds from before, and how thresholds are chosen.

    Attributes:
        known: its scores; None where it has none yet.
        before: its evaluation; None where it has none yet.
        frozen: both, where the thresholds in them stand and only the test films are read at them.
        operating: from what thresholds and calibration are chosen where they are not frozen.
        validation: scores and repeats of the validation films, where they had to be read to say what stands.
    """

    settings: Settings
    known: Scores | None
    before: Json | None
    frozen: tuple[Json, Scores] | None
    operating: OperatingSettings
    validation: tuple[Scores, frozenset[str]] | None


@dataclass(frozen=True, eq=False)
class ScoredRun:
    """A run's scores by split, read now or before.

    Attributes:
        shifted: of its shifted validation films; None where it has none.
        test: None or no rows where its test films were never read.
        augmented: readings of augmented validation films, where something is chosen from them now.
        repeats: split → films that repeat an earlier one; None where it is not known.
    """

    validation: Scores
    shifted: Scores | None
    test: Scores | None
    augmented: AugmentedScores | None
    repeats: Mapping[str, frozenset[str] | None]

    @property
    def main(self) -> Scores:
        """Validation and test films."""
        return self.validation if self.test is None else joined(self.validation, self.test)


def _read_standing(
    run: RunFolder, settings: Settings, cohort: Cohort, choice: Mapping[str, str | None], *, test: bool
) -> Standing:
    from train.fitting.scoring import score_run

    known, before = _known_scores(run), _known_evaluation(run)
    tested = bool(before and before.get("test"))
    if known is not None and before is not None and tested and not _are_evaluated(before, known):
        say_warning(f"{run.scores} does not hold the scores that were evaluated: it was cut or edited")
        known = None
    if before is None and choice and known is not None and len(known.of_split("test")):
        raise UsageError(
            f"{run.evaluation} is gone or damaged, and with it how the thresholds were chosen before the test films "
            "were read: expected no other choice now; give none"
        )
    same_network = known is not None and run.scores.stat().st_mtime >= run.best_network.stat().st_mtime
    validation = None
    if not same_network and before is not None and (tested or known is None):
        # A copy or an archive may have lost the times; what was frozen before test was read must not hang on them.
        validation = score_run(run, cohort, "validation")
        same_network = is_of_these_scores(before, validation[0])
    if known is None and tested and same_network and not test:
        raise PneumoscopeError(
            f"{run.scores} is gone or damaged, and with it the scores of the test films; to read them again, at the "
            f"same choice of thresholds: pneumoscope evaluate {run.name} --test"
        )
    operating, changed = frozen_choice(run, settings.operating, before if same_network else None, choice)
    frozen = None
    if (test or tested) and same_network and not changed and known is not None and before is not None:
        # An evaluation from before intervals over patients is made again.
        frozen = (before, known) if "cohorts" in before["validation"] else None
    return Standing(settings, known, before, frozen, operating, validation)


def _known_scores(run: RunFolder) -> Scores | None:
    """The run's scores; None where it has none, or damaged ones, which are made anew."""
    try:
        return read_scores(run.scores) if run.scores.is_file() else None
    except ScoresError as error:
        say_warning(f"{error}; it is made now")
        return None


def _known_evaluation(run: RunFolder) -> Json | None:
    """The run's evaluation; None where it has none, or a damaged one, which is made anew."""
    try:
        return read_evaluation(run.evaluation) if run.evaluation.is_file() else None
    except EvaluationError as error:
        say_warning(f"{error}; it is made now")
        return None


def _are_evaluated(before: Json, known: Scores) -> bool:
    splits = [split for split in SCORED_SPLITS if before.get(split)]
    try:
        return all(is_of_these_scores(before, known.of_split(split), split) for split in splits)
    except PneumoscopeError:  # none are left, or of one class only
        return False


def _score(run: RunFolder, cohort: Cohort, standing: Standing, *, test: bool) -> ScoredRun:
    """Read the films whose scores are wanted and not known."""
    from train.fitting.scoring import score_run

    repeats: dict[str, frozenset[str] | None] = {"test": known_repeats(standing.before, "test")}
    shifted, augmented = None, None
    if standing.frozen is not None:
        known = standing.frozen[1]
        validation, shifted = known.of_split("validation"), known.of_split(SHIFTED)
    else:
        validation, repeats["validation"] = standing.validation or score_run(run, cohort, "validation")
        if cohort.of_split(SHIFTED):
            shifted, repeats[SHIFTED] = score_run(run, cohort, SHIFTED)
        if standing.operating.needs_augmented:
            augmented = augmented_readings(run, cohort)
    tested = standing.known.of_split("test") if standing.known is not None else None
    of_another = standing.frozen is None and not _of_one_network(standing.known, validation)
    if tested is not None and len(tested) and of_another:
        say_warning(
            f"the test scores of {run.name} are of the network it had before, and left out; to read the test films "
            f"with the one it has now: pneumoscope evaluate {run.name} --test"
        )
        tested = None
    if test:
        tested, repeats["test"] = score_run(run, cohort, "test")
    return ScoredRun(validation, shifted, tested, augmented, repeats)


def _of_one_network(known: Scores | None, validation: Scores) -> bool:
    """Whether scores from before are of the network that gave these, up to what differs between two forward passes."""
    if known is None:
        return False
    then = known.of_split("validation")
    return then.films == validation.films and bool(np.allclose(then.logits, validation.logits, rtol=1e-3, atol=1e-3))


def _evaluate(run: RunFolder, cohort: Cohort, standing: Standing, scored: ScoredRun) -> Json:
    """The run's evaluation: the frozen one or a new one, with the test films where they have been read."""
    trained_on = frozenset(film.patient for film in cohort.of_split("train"))
    left_out = {split: LeftOut(repeats, trained_on) for split, repeats in scored.repeats.items()}
    before, validation, shifted = standing.before, scored.validation, scored.shifted
    if standing.frozen is not None:
        with progress_bar("resampling patients", 2 * RESAMPLES_PER_SPLIT) as advance:
            return _with_test(standing.frozen[0], cohort, scored, left_out["test"], advance)
    kept = before if before is not None and is_of_these_scores(before, validation) else None
    parts = 2 + (shifted is not None) + (kept is not None)
    with progress_bar("resampling patients", parts * RESAMPLES_PER_SPLIT) as advance:
        evaluation = evaluate_validation(
            *(validation, standing.settings.network, cohort.fingerprint, left_out["validation"], advance),
            operating=standing.operating,
            augmented=scored.augmented,
        )
        if shifted is not None:
            evaluation = evaluate_shifted(evaluation, shifted, left_out[SHIFTED], advance)
        if kept is not None:
            evaluation = with_kept_parts(run, evaluation, kept, cohort, advance)
        return _with_test(evaluation, cohort, scored, left_out["test"], advance)


def _with_test(evaluation: Json, cohort: Cohort, scored: ScoredRun, left_out: LeftOut, advance: Advance) -> Json:
    if scored.test is None or not len(scored.test):
        return evaluation
    return evaluate_test(evaluation, scored.main, cohort.fingerprint, left_out, advance)


def _keep(run: RunFolder, evaluation: Json, scored: ScoredRun, *, test: bool) -> None:
    """Write the reading of test films into their log, then scores, evaluation and curves into the run's folder."""
    from train.evaluation.plots import plot_curves

    if test:  # before anything is kept: no figure may stand in the folder whose reading is not logged
        log_test_read(run.name, evaluation)
    write_scores(run.scores, scored.main if scored.shifted is None else joined(scored.main, scored.shifted))
    write_evaluation(run.evaluation, evaluation)
    plot_curves(evaluation, run.curves, _known_history(run))


def _known_history(run: RunFolder) -> list[dict[str, str]]:
    """The epochs to be drawn; none where there are none, or a damaged table, which spoils no evaluation."""
    try:
        return read_history(run) if run.history.is_file() else []
    except PneumoscopeError as error:
        say_warning(f"the picture of the training is left out: {error}")
        return []
