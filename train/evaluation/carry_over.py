"""Which operating point and which calibration carry over to films unlike validation; never evaluated on test.

Thresholds and scales are chosen on a run's validation films, as they are or as seen through its augmentation, and
evaluated on its shifted films and on another hospital's. The means over several runs choose what ships; nothing is
fitted on the films that they are evaluated on.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from train.common.errors import PneumoscopeError
from train.evaluation.evaluation import is_of_these_scores, read_evaluation
from train.evaluation.external_films import require_same_external
from train.evaluation.thresholds import thresholds_seen
from train.metrics.augmented_scores import AugmentedScores, require_same_films
from train.metrics.calibration_fit import FITTED_METHODS, Fit, Method, Scale, fit_or_keep
from train.metrics.operating_choices import Seen
from train.metrics.operating_points import HALF, POINT_NAMES, confusion
from train.metrics.reliability import expected_calibration_error
from train.metrics.scores import EXTERNAL, SHIFTED, Scores, bounded, log_loss, logistic, read_scores
from train.runs.network_identity import read_own_augmented
from train.runs.run_folder import RunFolder
from train.runs.settings import OperatingSettings

#: The rules that a default is chosen from; the other two promise a sensitivity or a specificity instead.
CANDIDATES = ("youden", "f1", HALF)
PREDICTION_METRICS = ("accuracy", "balanced_accuracy", "sensitivity", "specificity")
SEEN: tuple[Seen, ...] = ("plain", "augmented")
#: Of what no film chooses: the network's own 0.5, its own probability.
NEITHER = "–"

Json = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Carried:
    """A run's scores.

    Attributes:
        name: of the run.
        splits: "validation", and "shifted" and "external" where the run has them.
        augmented: readings of the validation films through the augmentation.
        external: the evaluation's part "external", where it has one; of which the names of the films matter.
    """

    name: str
    splits: Mapping[str, Scores]
    augmented: AugmentedScores
    external: Mapping[str, Any] | None = None


def read_carried(run: RunFolder) -> Carried:
    """Read a run's scores; no film is read, and test scores are left where they are.

    Raises:
        PneumoscopeError: it is not evaluated, has no augmented readings, or its files are not of each other or of its
            present network.
    """
    scores, evaluation = read_scores(run.scores), read_evaluation(run.evaluation)
    splits = {split: rows for split in ("validation", SHIFTED) if len(rows := scores.of_split(split))}
    if "validation" not in splits or not is_of_these_scores(evaluation, splits["validation"]):
        raise PneumoscopeError(f"the scores of {run.name} are not the evaluated ones: pneumoscope evaluate {run.name}")
    if not run.augmented_scores.is_file():
        raise PneumoscopeError(
            f"{run.name} has no readings of augmented validation films: pneumoscope evaluate {run.name} --augmented"
        )
    if run.external_scores.is_file() and evaluation.get(EXTERNAL):
        splits[EXTERNAL] = read_scores(run.external_scores).of_split(EXTERNAL)
    readings = require_same_films(read_own_augmented(run), splits["validation"])
    return Carried(run.name, splits, readings, evaluation[EXTERNAL] if EXTERNAL in splits else None)


def carry_over(runs: Sequence[Carried]) -> Json:
    """Judge every rule and every calibration, as the mean over runs.

    Args:
        runs: at least one. Counted are the splits that all of them have.

    Returns:
        JSON-ready: runs; splits; judged_on (those of splits that something is chosen by); rules, a list of {rule, seen
        ("plain", "augmented", or NEITHER for the network's own 0.5), split → CALL_FIGURES}; calibrations, a list of
        {method, seen, not_fitted (runs whose scores have no optimum and are left as they are), split → {ece,
        log_loss}}; best_rule, of CANDIDATES the one of highest balanced accuracy, and best_calibration, the one of
        lowest ECE, each the mean over judged_on, null where that is empty. On validation the figures are of the very
        films that the rule or the scale comes from.

    Raises:
        PneumoscopeError: films of one class only, or the runs' external films are not the same.
    """
    require_same_external([(run.name, run.external) for run in runs])
    splits = [split for split in ("validation", SHIFTED, EXTERNAL) if all(split in run.splits for run in runs)]
    evaluated = [split for split in splits if split != "validation"]
    rules = _rules(runs, splits)
    calibrations = _calibrations(runs, splits)

    def worth(row: Json, key: str) -> float:
        return float(np.mean([row[split][key] for split in evaluated]))

    candidates = [row for row in rules if row["rule"] in CANDIDATES]
    return {
        "runs": [run.name for run in runs],
        "splits": splits,
        "judged_on": evaluated,
        "rules": rules,
        "calibrations": calibrations,
        "best_rule": max(candidates, key=lambda row: worth(row, "balanced_accuracy")) if evaluated else None,
        "best_calibration": min(calibrations, key=lambda row: worth(row, "ece")) if evaluated else None,
    }


def _rules(runs: Sequence[Carried], splits: Sequence[str]) -> list[Json]:
    chosen = {
        seen: [thresholds_seen(run.splits["validation"], OperatingSettings(seen=seen), run.augmented) for run in runs]
        for seen in SEEN
    }
    rows: list[Json] = []
    for rule in POINT_NAMES:
        for seen in SEEN[:1] if rule == HALF else SEEN:
            row: Json = {"rule": rule, "seen": NEITHER if rule == HALF else seen}
            for split in splits:
                tables = [
                    confusion(run.splits[split].labels, bounded(run.splits[split].logits), thresholds[rule])
                    for run, thresholds in zip(runs, chosen[seen], strict=True)
                ]
                row[split] = {key: float(np.mean([getattr(one, key) for one in tables])) for key in PREDICTION_METRICS}
            rows.append(row)
    return rows


def _calibrations(runs: Sequence[Carried], splits: Sequence[str]) -> list[Json]:
    rows = [_calibration(runs, splits, "none", NEITHER, lambda _: Fit(Scale()))]
    for method in FITTED_METHODS:
        for seen in SEEN:

            def fit(run: Carried, method: Method = method, seen: Seen = seen) -> Fit:
                rows = run.splits["validation"]
                labels, logits = rows.labels, rows.logits
                if seen == "augmented":
                    labels, logits, _ = run.augmented.all_readings()
                return fit_or_keep(method, labels, logits)

            rows.append(_calibration(runs, splits, method, seen, fit))
    return rows


def _calibration(
    runs: Sequence[Carried], splits: Sequence[str], method: str, seen: str, fit: Callable[[Carried], Fit]
) -> Json:
    fits = [fit(run) for run in runs]
    row: Json = {"method": method, "seen": seen, "not_fitted": sum(one.failed for one in fits)}
    for split in splits:
        evaluated = [
            (run.splits[split].labels, one.scale.calibrated(run.splits[split].logits))
            for run, one in zip(runs, fits, strict=True)
        ]
        row[split] = {
            "ece": float(np.mean([expected_calibration_error(labels, logistic(raw)) for labels, raw in evaluated])),
            "log_loss": float(np.mean([log_loss(labels, raw) for labels, raw in evaluated])),
        }
    return row
