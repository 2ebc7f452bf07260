"""The command `evaluate`: one run judged, two compared, several seeds summed up, one put under stress."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from train.cli.options import DataRoot, data_option, required_data_root
from train.common.console import NOT_A_MEDICAL_DEVICE, AsJson, Debug, print_json, progress_bar, say, say_next
from train.common.errors import PneumoscopeError, UsageError
from train.metrics.operating_choices import CalibrationRule, PointName, Seen

if TYPE_CHECKING:
    from train.runs.run_folder import RunFolder

EVALUATED_NETWORKS = ("a", "b", "teacher")


def evaluate_command(
    runs: Annotated[
        list[str], typer.Argument(metavar="RUN...", help="A run: its name or its folder; or several of them.")
    ],
    data: DataRoot = None,
    test: Annotated[
        bool,
        typer.Option("--test", help="Read the test films at the thresholds frozen on validation; logged."),
    ] = False,
    stress: Annotated[
        bool, typer.Option("--stress", help="Measure robustness to image corruptions (JPEG, blur, letters, …).")
    ] = False,
    external: Annotated[
        bool,
        typer.Option("--external", help="Evaluate on another hospital's films: the folder external/ of the data root."),
    ] = False,
    external_root: Annotated[
        Path | None,
        typer.Option(help="Those films elsewhere: a folder that holds cohort.csv or chest_xray/; implies --external."),
    ] = None,
    shortcut: Annotated[
        bool,
        typer.Option("--shortcut", help="AUROC with the lungs blacked out, and with all but them; also of --external."),
    ] = False,
    augmented: Annotated[
        bool,
        typer.Option(
            "--augmented", help="Score the validation films through the run's augmentation, and keep the scores."
        ),
    ] = False,
    seen: Annotated[
        Seen | None, typer.Option(help="Choose thresholds and calibration on validation films plain or augmented.")
    ] = None,
    calibration_seen: Annotated[
        Seen | None, typer.Option(help="Fit the calibration on others than the thresholds. [default: as --seen]")
    ] = None,
    default_point: Annotated[PointName | None, typer.Option(help="The operating point that is the default.")] = None,
    calibration: Annotated[CalibrationRule | None, typer.Option(help="The calibration that export fits.")] = None,
    compare_operating_points: Annotated[
        bool,
        typer.Option(
            "--compare-operating-points",
            help="Which threshold and calibration carry over to shifted and external films, as the mean over the runs.",
        ),
    ] = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Evaluate a run, with 95 % intervals over patients; compare two.

    On the validation films, where the thresholds are chosen; with --test also on the test films, at those thresholds. A
    run with a shifted validation is judged on those films too, at the same thresholds.
    Two runs (or two bundles) are compared by the scores they hold, runs that differ only by seed are summed up.
    --seen, --calibration-seen, --default-point and --calibration are frozen with the thresholds, and kept until given
    anew.
    """
    external = external or external_root is not None
    choice = {
        "seen": seen,
        "calibration_seen": calibration_seen,
        "default": default_point,
        "calibration": calibration,
    }
    choice = {name: value for name, value in choice.items() if value is not None}
    asked = [
        name
        for name, given in (("--test", test), ("--stress", stress), ("--external", external), ("--shortcut", shortcut))
        if given
    ]
    asked += [name for name, given in (("--augmented", augmented), ("a choice of thresholds", choice)) if given]
    if compare_operating_points:
        if asked:
            raise UsageError(f"--compare-operating-points reads what the runs hold: leave out {', '.join(asked)}")
        _compare_operating_points(runs, as_json=as_json)
        return
    if len(runs) > 1:
        if asked:
            raise UsageError(
                f"--test and --stress take one run, and so does {asked[0]}; several are compared by the scores they "
                "already hold"
            )
        _evaluate_several([_find_evaluated(name) for name in runs], as_json=as_json)
        return
    _refuse_contradictions(asked)
    from train.runs.run_folder import find_run, require_network, settings_of

    found, data_root = find_run(runs[0]), required_data_root(data)
    require_network(found, settings_of(found), EVALUATED_NETWORKS)
    from train.data.external import external_folder
    from train.fitting.device import backend_in_prose, choose_device

    films = external_folder(external_root, data_root) if external else None
    say(f"starting {backend_in_prose()} …")
    choose_device("auto")
    if stress:
        _stress(found, data_root, films, "test" if test else "validation", as_json=as_json)
    elif films is not None or shortcut or augmented:
        from train.cli.evaluate_parts import evaluate_on_external, evaluate_shortcut, keep_augmented

        if shortcut:
            evaluate_shortcut(found, data_root, films, as_json=as_json)
        elif films is not None:
            evaluate_on_external(found, data_root, films, as_json=as_json)
        else:
            keep_augmented(found, data_root, as_json=as_json)
        say(NOT_A_MEDICAL_DEVICE)
    else:
        evaluate_run(found, data_root, test=test, as_json=as_json, choice=choice)


def _refuse_contradictions(asked: Sequence[str]) -> None:
    """Of the things that `evaluate` can be asked for at once only some go together."""
    together = [{"--test", "--stress"}, {"--external", "--shortcut"}, {"--external", "--stress"}]
    together += [{"--test", "a choice of thresholds"}]
    if len(asked) > 1 and set(asked) not in together:
        raise UsageError(f"{' and '.join(asked)} do not go together: give one after the other")


def _compare_operating_points(names: Sequence[str], *, as_json: bool) -> None:
    """Judge rules and calibrations by what the runs' folders hold: no film is read, nothing is written."""
    from train.cli.evaluate_tables import print_carry_over
    from train.evaluation.carry_over import carry_over, read_carried
    from train.runs.run_folder import find_run

    result = carry_over([read_carried(find_run(name)) for name in names])
    if as_json:
        print_json(result)
    else:
        print_carry_over(result)
    if not result["judged_on"]:
        say("nothing is chosen: not all of these runs have shifted films, nor all external ones")
    say(NOT_A_MEDICAL_DEVICE)


def evaluate_run(
    run: "RunFolder",
    data_root: Path,
    *,
    test: bool,
    as_json: bool,
    choice: Mapping[str, str] | None = None,
    after_training: bool = False,
) -> None:
    """Score a run's films, keep scores, evaluation and curves in its folder, print them; test only if asked.

    `choice` has fields of `train.runs.settings.OperatingSettings` that win over what the run has frozen or its
    settings. At the end of a training (`after_training`) one short table is printed instead of all there is.
    """
    from train.cli.evaluate_parts import augmented_readings, frozen_choice, with_kept_parts
    from train.cli.evaluate_tables import print_evaluation, print_trained
    from train.data.cohort import read_split
    from train.evaluation.evaluation import (
        RESAMPLES_PER_SPLIT,
        LeftOut,
        evaluate_shifted,
        evaluate_test,
        evaluate_validation,
        is_of_these_scores,
        known_repeats,
        read_evaluation,
        write_evaluation,
    )
    from train.evaluation.plots import plot_curves, read_history
    from train.fitting.scoring import score_run
    from train.metrics.scores import SHIFTED, joined, read_scores, write_scores
    from train.runs.run_folder import settings_of, trained_in
    from train.runs.test_set_log import log_test_read

    settings = settings_of(run)
    cohort = read_split(run.split, data_root)
    trained_on = frozenset(film.patient for film in cohort.of_split("train"))
    known = read_scores(run.scores) if run.scores.is_file() else None
    before = read_evaluation(run.evaluation) if run.evaluation.is_file() else None
    scored_since = run.scores.is_file() and run.scores.stat().st_mtime >= run.best_network.stat().st_mtime
    operating, changed = frozen_choice(run, settings.operating, before if scored_since else None, choice or {})
    # An evaluation from before intervals over patients is made again.
    current = before is not None and "cohorts" in before["validation"] and not changed
    frozen = before if test and current and scored_since else None
    shifted = None
    if frozen is not None and known is not None:
        validation, repeated = known.of_split("validation"), None
    else:
        validation, repeated = score_run(run, cohort, "validation")
        if cohort.of_split(SHIFTED):
            shifted, shifted_repeated = score_run(run, cohort, SHIFTED)
    readings = augmented_readings(run, cohort) if frozen is None and operating.needs_augmented else None
    tested = known.of_split("test") if known is not None else None
    test_repeats = known_repeats(before, "test")
    if test:
        tested, test_repeats = score_run(run, cohort, "test")
    scores = validation if tested is None else joined(validation, tested)
    kept = before if frozen is None and before is not None and is_of_these_scores(before, validation) else None
    parts = 2 + (shifted is not None) + (kept is not None)
    with progress_bar("resampling patients", parts * RESAMPLES_PER_SPLIT) as advance:
        if frozen is None:
            left_out = LeftOut(repeated, trained_on)
            evaluation = evaluate_validation(
                *(validation, settings.network, cohort.fingerprint, left_out, advance),
                operating=operating,
                augmented=readings,
            )
            if shifted is not None:
                evaluation = evaluate_shifted(evaluation, shifted, LeftOut(shifted_repeated, trained_on), advance)
            if kept is not None:
                evaluation = with_kept_parts(run, evaluation, kept, cohort, advance)
        else:
            evaluation, shifted = frozen, known.of_split(SHIFTED)
        if tested is not None and len(tested):
            left_out = LeftOut(test_repeats, trained_on)
            evaluation = evaluate_test(evaluation, scores, cohort.fingerprint, left_out, advance)
    write_scores(run.scores, scores if shifted is None else joined(scores, shifted))
    write_evaluation(run.evaluation, evaluation)
    if test:
        log_test_read(run.name, evaluation)
    with_history = read_history(run.history) if run.history.is_file() else ()
    plot_curves(evaluation, run.curves, with_history)
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
    then = f"export {run.name}" if test else f"evaluate {run.name}{'' if after_training else ' --test'}"
    say_next(f"pneumoscope {then}{data_option(data_root)}")


def _stress(
    run: "RunFolder", data_root: Path, external: Path | None, split: Literal["validation", "test"], *, as_json: bool
) -> None:
    """Score films under every change; keep stress.json and its picture, print the table. `external`: those films."""
    from train.cli.evaluate_tables import print_robustness
    from train.data.cohort import read_split
    from train.data.corruptions import SEED
    from train.data.external import read_external
    from train.evaluation.evaluation import read_evaluation
    from train.evaluation.plots import plot_robustness
    from train.evaluation.robustness import ROBUSTNESS_RESAMPLES, robustness_result, write_robustness
    from train.fitting.scoring import score_corrupted
    from train.metrics.scores import EXTERNAL
    from train.runs.test_set_log import log_test_read

    evaluation = read_evaluation(run.evaluation)
    cohort = read_split(run.split, data_root)
    if evaluation["split_fingerprint"] != cohort.fingerprint:
        raise PneumoscopeError(f"the evaluation of {run.name} is of another split: pneumoscope evaluate {run.name}")
    if split == "test" and not evaluation.get("test"):
        raise PneumoscopeError(
            f"{run.name} has no test figures to set the robustness beside: read the test films first: "
            f"pneumoscope evaluate {run.name} --test"
        )
    if external is not None:
        cohort, split = read_external(external, cohort), EXTERNAL
    scores, logits = score_corrupted(run, cohort, split, SEED)
    if split == "test":
        log_test_read(f"{run.name} (stress)", evaluation)
    with progress_bar("resampling patients", ROBUSTNESS_RESAMPLES) as advance:
        result = robustness_result(evaluation, scores, logits, advance)
    kept = write_robustness(run.stress, result)
    plot_robustness(kept, run.curves / "stress.png")
    if as_json:
        print_json({"run": run.name, **result})
    else:
        print_robustness(run.name, split, result)
    say(NOT_A_MEDICAL_DEVICE)
    say(f"table and picture: {run.stress}, {run.curves / 'stress.png'}")
    say_next(f"pneumoscope export {run.name}{data_option(data_root)}")


def _find_evaluated(name: str) -> "RunFolder":
    """A run, or a bundle: its evaluation.json and scores.csv are called the same."""
    from train.runs.run_folder import RunFolder, find_run

    folder = RunFolder(Path(name))
    if (folder.folder / "card.json").is_file() and folder.evaluation.is_file():
        return folder
    return find_run(name)


def _evaluate_several(runs: Sequence["RunFolder"], *, as_json: bool) -> None:
    """Compare two runs or sum up several seeds, by what their folders hold: no film is read, nothing is written."""
    from train.cli.evaluate_tables import print_comparison, print_over_seeds
    from train.evaluation.comparison import COMPARISON_RESAMPLES, compare, read_evaluated
    from train.evaluation.evaluation import read_evaluation
    from train.evaluation.over_seeds import differ_only_by_seed, over_seeds
    from train.runs.run_folder import settings_of

    trained = [settings_of(run) for run in runs if run.settings.is_file()]
    if len(trained) == len(runs) and differ_only_by_seed(trained):
        evaluations = [read_evaluation(run.evaluation) for run in runs]
        result = over_seeds([run.name for run in runs], [settings.seed for settings in trained], evaluations)
        if as_json:
            print_json(result)
        else:
            print_over_seeds(result)
        say(NOT_A_MEDICAL_DEVICE)
        return
    if len(runs) != 2:
        raise UsageError(
            f"{len(runs)} runs are summed up only where they differ by nothing but their seed; two are compared. "
            f"Received: {', '.join(run.name for run in runs)}"
        )
    first, second = (read_evaluated(run.name, run.evaluation, run.scores) for run in runs)
    with progress_bar("resampling patients", COMPARISON_RESAMPLES) as advance:
        result = compare(first, second, advance)
    if as_json:
        print_json(result)
    else:
        print_comparison(result)
    say(NOT_A_MEDICAL_DEVICE)
