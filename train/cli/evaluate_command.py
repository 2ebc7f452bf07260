"""The command `evaluate`: metrics of a run, two runs compared, several seeds summed up, robustness to corruptions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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


Runs = Annotated[list[str], typer.Argument(metavar="RUN...", help="A run: its name or its folder; or several of them.")]
Test = Annotated[
    bool,
    typer.Option("--test", help="Read the test films at the thresholds frozen on validation; logged."),
]
Robustness = Annotated[
    bool, typer.Option("--stress", help="Measure robustness to image corruptions (JPEG, blur, letters, …).")
]
External = Annotated[
    bool,
    typer.Option("--external", help="Evaluate on another hospital's films: the folder external/ of the data root."),
]
ExternalRoot = Annotated[
    Path | None,
    typer.Option(help="Those films elsewhere: a folder that holds cohort.csv or chest_xray/; implies --external."),
]
Shortcut = Annotated[
    bool,
    typer.Option("--shortcut", help="AUROC with the lungs blacked out, and with all but them; also of --external."),
]
Augmented = Annotated[
    bool,
    typer.Option("--augmented", help="Score the validation films through the run's augmentation, and keep the scores."),
]
ThresholdsSeen = Annotated[
    Seen | None, typer.Option(help="Choose thresholds and calibration on validation films plain or augmented.")
]
#: The way back from a calibration that is fitted on other films than the thresholds.
AS_SEEN = "as-seen"
CalibrationSeen = Annotated[
    Literal["plain", "augmented", "as-seen"] | None,
    typer.Option(help="Fit the calibration on others than the thresholds; as-seen: on theirs. [default: as-seen]"),
]
DefaultPoint = Annotated[PointName | None, typer.Option(help="The operating point that is the default.")]
Calibration = Annotated[CalibrationRule | None, typer.Option(help="The calibration that export fits.")]
CompareOperatingPoints = Annotated[
    bool,
    typer.Option(
        "--compare-operating-points",
        help="Which threshold and calibration carry over to shifted and external films, as the mean over the runs.",
    ),
]


def evaluate_command(
    runs: Runs,
    data: DataRoot = None,
    test: Test = False,
    stress: Robustness = False,
    external: External = False,
    external_root: ExternalRoot = None,
    shortcut: Shortcut = False,
    augmented: Augmented = False,
    seen: ThresholdsSeen = None,
    calibration_seen: CalibrationSeen = None,
    default_point: DefaultPoint = None,
    calibration: Calibration = None,
    compare_operating_points: CompareOperatingPoints = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Evaluate a run, with 95 % intervals over patients; compare two.

    On the validation films, where the thresholds are chosen; with --test also on the test films, at those thresholds. A
    run with a distribution-shift split is evaluated on those films too, at the same thresholds.
    Two runs (or two bundles) are compared by the scores they hold, runs that differ only by seed are summed up.
    --seen, --calibration-seen, --default-point and --calibration are frozen with the thresholds, and kept until given
    again.
    """
    given = {
        "seen": seen,
        "calibration_seen": calibration_seen,
        "default": default_point,
        "calibration": calibration,
    }
    asked = Asked(
        test=test,
        stress=stress,
        external=external or external_root is not None,
        shortcut=shortcut,
        augmented=augmented,
        choice={name: None if value == AS_SEEN else str(value) for name, value in given.items() if value is not None},
    )
    _refuse_twice(runs)
    if compare_operating_points:
        if asked.names:
            raise UsageError(f"--compare-operating-points reads what the runs hold: leave out {', '.join(asked.names)}")
        _compare_operating_points(runs, as_json=as_json)
        return
    if len(runs) > 1:
        if asked.names:
            raise UsageError(
                f"--test and --stress take one run, and so does {asked.names[0]}; several are compared by the scores "
                "they already hold"
            )
        _evaluate_several([_find_evaluated(name) for name in runs], as_json=as_json)
        return
    _evaluate_one(runs[0], data, external_root, asked, as_json=as_json)


@dataclass(frozen=True)
class Asked:
    """What `evaluate` is asked to do with one run; `choice` as `evaluate_run` takes it."""

    test: bool
    stress: bool
    external: bool
    shortcut: bool
    augmented: bool
    choice: Mapping[str, str | None]

    @property
    def names(self) -> list[str]:
        """The options, as errors call them."""
        asked = {
            "--test": self.test,
            "--stress": self.stress,
            "--external": self.external,
            "--shortcut": self.shortcut,
            "--augmented": self.augmented,
            "a choice of thresholds": self.choice,
        }
        return [name for name, given in asked.items() if given]


def _evaluate_one(name: str, data: Path | None, external_root: Path | None, asked: Asked, *, as_json: bool) -> None:
    """Read films of one run with its network, as asked."""
    _refuse_contradictions(asked.names)
    from train.runs.run_folder import find_run, require_network, settings_of

    run, data_root = find_run(name), required_data_root(data)
    require_network(run, settings_of(run), EVALUATED_NETWORKS)
    from train.cli.evaluate_parts import evaluate_on_external, evaluate_shortcut, keep_augmented
    from train.cli.evaluate_run import evaluate_run
    from train.data.external import external_folder
    from train.fitting.devices.device import backend_in_prose, choose_device

    films = external_folder(external_root, data_root) if asked.external else None
    say(f"starting {backend_in_prose()} …")
    choose_device("auto")
    if asked.stress:
        _stress(run, data_root, films, "test" if asked.test else "validation", as_json=as_json)
    elif asked.shortcut:
        evaluate_shortcut(run, data_root, films, as_json=as_json)
        say(NOT_A_MEDICAL_DEVICE)
    elif films is not None:
        evaluate_on_external(run, data_root, films, as_json=as_json)
        say(NOT_A_MEDICAL_DEVICE)
    elif asked.augmented:
        keep_augmented(run, data_root, as_json=as_json)
        say(NOT_A_MEDICAL_DEVICE)
    else:
        evaluate_run(run, data_root, test=asked.test, as_json=as_json, choice=asked.choice)


def _refuse_twice(names: Sequence[str]) -> None:
    """A run that is named twice would count twice in a mean, by its name or by its folder."""
    found: dict[Path, str] = {}
    for name in names if len(names) > 1 else ():
        folder = _find_evaluated(name).folder.resolve()
        if folder in found:
            raise UsageError(
                f"{found[folder]} and {name} are the same run: expected every run once, or it would count twice; "
                "name it once"
            )
        found[folder] = name


def _refuse_contradictions(asked: Sequence[str]) -> None:
    """Of the things that `evaluate` can be asked for at once only some go together."""
    together = [{"--test", "--stress"}, {"--external", "--shortcut"}, {"--external", "--stress"}]
    together += [{"--test", "a choice of thresholds"}]
    if len(asked) > 1 and set(asked) not in together:
        raise UsageError(f"{' and '.join(asked)} do not go together: give one after the other")


def _compare_operating_points(names: Sequence[str], *, as_json: bool) -> None:
    """Compare rules and calibrations by what the runs' folders hold: no film is read, nothing is written."""
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


def _stress(
    run: "RunFolder",
    data_root: Path,
    external: Path | None,
    split: Literal["validation", "test", "external"],
    *,
    as_json: bool,
) -> None:
    """Score films under every change; keep stress.json and its picture, print the table. `external`: those films."""
    from train.cli.evaluate_parts import evaluated_run
    from train.cli.evaluate_run import next_command
    from train.cli.evaluate_tables import print_robustness
    from train.data.corruptions import SEED
    from train.data.external import read_external
    from train.evaluation.plots import plot_robustness
    from train.evaluation.robustness import ROBUSTNESS_RESAMPLES, robustness_result, write_robustness
    from train.fitting.scoring import score_corrupted
    from train.metrics.scores import EXTERNAL
    from train.runs.network_identity import network_checksum
    from train.runs.run_folder import settings_of
    from train.runs.test_set_log import log_test_read, require_test_log

    evaluation, cohort = evaluated_run(run, data_root)
    if split == "test" and not evaluation.get("test"):
        raise PneumoscopeError(
            f"{run.name} has no test figures to set the robustness beside: read the test films first: "
            f"pneumoscope evaluate {run.name} --test"
        )
    if split == "test":
        require_test_log()
    if external is not None:
        cohort, split = read_external(external, cohort), EXTERNAL
    scores, logits = score_corrupted(run, cohort, split, SEED)
    if split == "test":
        log_test_read(f"{run.name} (stress)", evaluation)
    with progress_bar("resampling patients", ROBUSTNESS_RESAMPLES) as advance:
        result = robustness_result(evaluation, scores, logits, advance, weights=network_checksum(run))
    kept = write_robustness(run.stress, result)
    plot_robustness(kept, run.curves / "stress.png")
    if as_json:
        print_json({"run": run.name, **result})
    else:
        print_robustness(run.name, split, result)
    say(NOT_A_MEDICAL_DEVICE)
    say(f"table and picture: {run.stress}, {run.curves / 'stress.png'}")
    say_next(f"{next_command(run, settings_of(run))}{data_option(data_root)}")


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
