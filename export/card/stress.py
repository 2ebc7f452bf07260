"""A run's robustness table on its way into the bundle: is it of this evaluation, and what the card repeats of it."""

import math
from collections.abc import Mapping
from typing import Any

from export.bundle.metric import Metric
from export.bundle.robustness import AS_IT_IS, FORMAT, CorruptedFilms, Robustness
from export.card.measured_file import read_measured
from train.common.errors import PneumoscopeError
from train.metrics.scores import SCORED_SPLITS
from train.runs.network_identity import network_checksum
from train.runs.run_folder import RunFolder

#: The figures of a change that the card repeats; stress.json has more.
SHOWN = ("accuracy", "auroc", "probability_shift")
#: Two passes over the same films differ by less.
SAME_AUROC = 1e-3

Json = dict[str, Any]


def read_robustness(run: RunFolder, evaluation: Mapping[str, Any]) -> tuple[bytes, Json] | None:
    """Read a run's stress.json for its bundle.

    Args:
        run: the run.
        evaluation: of the run.

    Returns:
        The file as it is, and the card's summary: operating_point, and for "validation" and "test" (None where not
        measured) films, patients and changes: name → {what, accuracy, auroc, probability_shift}, each figure with its
        interval. None where the run has no stress.json.

    Raises:
        PneumoscopeError: it is damaged, of another split, or of other scores.
    """
    again = f"measure it again: pneumoscope evaluate {run.name} --stress"
    read = read_measured(run.stress, Robustness, FORMAT, "a stress table", again)
    if read is None:
        return None
    text, _, table = read
    for key, what in (("network", "network"), ("split_fingerprint", "split")):
        if getattr(table, key) != evaluation[key]:
            raise PneumoscopeError(f"{run.stress}: is of another {what} than the run's evaluation; {again}")
    # Files from before the checksum stood in them are told by threshold and figures, below.
    if table.weights and run.best_network.is_file() and table.weights != network_checksum(run):
        raise PneumoscopeError(f"{run.stress}: is of another network than {run.best_network.name} of the run; {again}")
    missing = _missing(table)
    if missing:
        raise PneumoscopeError(f"{run.stress}: is no whole stress table (at {missing}); {again}")
    if not _is_of(table, evaluation):
        raise PneumoscopeError(f"{run.stress}: is of other scores than the run's evaluation; {again}")
    parts = {split: _summary(table.of(split)) if table.of(split).changes else None for split in SCORED_SPLITS}
    return text, {"operating_point": table.operating_point, **parts}


def _missing(table: Robustness) -> str:
    """Name something that the card needs and the table lacks; "" where it has all."""
    if table.threshold is None or not table.operating_point:
        return "operating_point, threshold"
    for split in SCORED_SPLITS:
        part = table.of(split)
        if not part.changes:
            continue
        if part.films is None or part.patients is None or all(change.name != AS_IT_IS for change in part.changes):
            return f"{split}: films, patients, {AS_IT_IS}"
        for change in part.changes:
            if not change.what or any(getattr(change, figure) is None for figure in SHOWN):
                return f"{split}: {change.name}"
    return ""


def _summary(part: CorruptedFilms) -> Json:
    changes = {
        change.name: {"what": change.what, **{figure: _figure(getattr(change, figure)) for figure in SHOWN}}
        for change in part.changes
    }
    return {"films": part.films, "patients": part.patients, "changes": changes}


def _figure(metric: Metric) -> Json:
    return {"value": metric.value, "low": metric.low, "high": metric.high}


def _is_of(table: Robustness, evaluation: Mapping[str, Any]) -> bool:
    """Whether the threshold is the evaluation's, and the unchanged films got its figures."""
    threshold = evaluation["thresholds"].get(table.operating_point)
    if threshold is None or table.threshold is None or not math.isclose(table.threshold, threshold, rel_tol=1e-6):
        return False
    return all(_fits(table.of(split), evaluation.get(split)) for split in SCORED_SPLITS if table.of(split).changes)


def _fits(part: CorruptedFilms, evaluated: Mapping[str, Any] | None) -> bool:
    if not evaluated:
        return False
    metrics = evaluated["metrics"]
    unchanged = next(change.auroc for change in part.changes if change.name == AS_IT_IS)
    area = metrics["auroc"]["value"]
    return (
        part.films == metrics["n"] and unchanged is not None and math.isclose(unchanged.value, area, abs_tol=SAME_AUROC)
    )
