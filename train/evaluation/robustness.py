"""The table of what corruptions of a film do to a network's figures. No TensorFlow here."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from train.common.atomic import write_text
from train.common.console import say_warning
from train.common.errors import PneumoscopeError
from train.data.corruptions import AS_IT_IS, CORRUPTIONS, SEED
from train.evaluation.evaluation import is_of_these_scores, json_text
from train.metrics.cluster_bootstrap import (
    RESAMPLES,
    Figures,
    Floats,
    Ranking,
    patient_interval,
    prediction_metrics,
    require_patients,
    resample,
)
from train.metrics.evaluate_scores import closed_intervals
from train.metrics.intervals import auroc_interval, wilson_interval
from train.metrics.operating_points import HALF, confusion
from train.metrics.scores import EXTERNAL, SCORED_SPLITS, Scores, probability

FORMAT = 1
INTERVALS = (
    "95 %: BCa interval of 2,000 resamples of patients; where all resamples agree, the closed interval that takes "
    "films as independent"
)

Json = dict[str, Any]

#: For a bar's total.
ROBUSTNESS_RESAMPLES = RESAMPLES * len(CORRUPTIONS)


def robustness_table(
    labels: ArrayLike,
    patients: Sequence[str],
    logits: Mapping[str, ArrayLike],
    threshold: float,
    advance: Callable[..., None] = lambda *_: None,
) -> Json:
    """Figures of a network under each change.

    Args:
        labels: 0 or 1, [N].
        patients: id of each film.
        logits: change → [N]; AS_IT_IS among them.
        threshold: on the uncalibrated probability, frozen on validation.
        advance: called with the number of resamples done.

    Returns:
        Change → {what, accuracy, balanced_accuracy, sensitivity, specificity, auroc, probability_shift (mean |Δp| of
        the uncalibrated probability against the film as it is), decisions_changed (share of the films)}, each figure
        with its interval over patients. JSON-ready.

    Raises:
        PneumoscopeError: NaN logits, one class only, too few patients.
    """
    require_patients(patients, "the films")
    before = probability(logits[AS_IT_IS])
    table: Json = {}
    for name, raw in logits.items():
        closed = {
            "auroc": auroc_interval(labels, raw),
            **closed_intervals(confusion(labels, probability(raw), threshold)),
        }
        if name != AS_IT_IS:  # where nothing is changed no decision can be
            moved = np.count_nonzero((probability(raw) >= threshold) != (before >= threshold))
            closed["decisions_changed"] = wilson_interval(int(moved), len(patients))
        figures = _figures(labels, raw, before, threshold)
        draws = resample(patients, figures, advance)
        whole = {key: float(values[0]) for key, values in figures(np.ones((1, len(patients)))).items()}
        table[name] = {"what": CORRUPTIONS[name][0]} | {
            key: patient_interval(value, draws[key], closed.get(key)).as_json() for key, value in whole.items()
        }
    return table


def _figures(labels: ArrayLike, logits: ArrayLike, before: Floats, threshold: float) -> Figures:
    probabilities, ranking = probability(logits), Ranking.of(labels, logits)
    predicted, shift = probabilities >= threshold, np.abs(probabilities - before)
    other = (predicted != (before >= threshold)).astype(np.float64)

    def figures(weights: Floats) -> dict[str, Floats]:
        rates, films = prediction_metrics(labels, predicted, weights), weights.sum(axis=1)
        return {
            **{key: rates[key] for key in ("accuracy", "balanced_accuracy", "sensitivity", "specificity")},
            "auroc": ranking.areas(weights)[0],
            "probability_shift": weights @ shift / films,
            "decisions_changed": weights @ other / films,
        }

    return figures


def robustness_result(
    evaluation: Mapping[str, Any],
    scores: Scores,
    logits: Mapping[str, ArrayLike],
    advance: Callable[..., None] = lambda *_: None,
    *,
    weights: str = "",
) -> Json:
    """A run's stress on one split, ready for stress.json.

    Args:
        evaluation: of the run; its default threshold is used.
        scores: of the films as they are, of one split.
        logits: change → [N].
        advance: as `robustness_table`.
        weights: checksum of the network, see `train.runs.network_identity`; by it the figures of two splits are told to
            be of one network.

    Raises:
        PneumoscopeError: as `robustness_table`, or the network is not the one evaluated.
    """
    split, point = scores.splits[0], evaluation["default_operating_point"]
    if split == "validation" and not is_of_these_scores(dict(evaluation), scores):
        raise PneumoscopeError("the network is not the one whose thresholds were frozen: evaluate the run again")
    threshold = float(evaluation["thresholds"][point])
    return {
        "format": FORMAT,
        "network": evaluation["network"],
        **({"weights": weights} if weights else {}),
        "split_fingerprint": evaluation["split_fingerprint"],
        "seed": SEED,
        "operating_point": point,
        "threshold": threshold,
        "intervals": INTERVALS,
        split: {
            "films": len(scores),
            "patients": len(set(scores.patients)),
            "positives": int(scores.labels.sum()),
            "changes": robustness_table(scores.labels, scores.patients, logits, threshold, advance),
        },
    }


def write_robustness(path: Path, result: Mapping[str, Any]) -> Json:
    """Write stress.json atomically; the other split's figures stay where they are of the same network and films.

    Figures that are left out are named in a warning. Files from before the network's checksum stood in them are of the
    same network where the threshold is, unless that is the network's own 0.5, which every network has.

    Returns:
        What the file then holds.
    """
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        before = {}
    same = isinstance(before, dict) and all(
        before.get(key) == result[key] for key in ("format", "network", "split_fingerprint", "seed", "threshold")
    )
    if same and ("weights" in before or before.get("operating_point") == HALF):
        same = before.get("weights") == result.get("weights") is not None
    if isinstance(before, dict) and not same:
        _warn_of_left_out(
            path, [split for split in (*SCORED_SPLITS, EXTERNAL) if before.get(split) and split not in result]
        )
    whole = {"validation": None, "test": None} | (before if same else {}) | dict(result)
    splits = (*SCORED_SPLITS, EXTERNAL) if EXTERNAL in whole else SCORED_SPLITS
    ordered = {key: whole[key] for key in (*(key for key in whole if key not in splits), *splits)}
    write_text(path, json_text(ordered))
    return ordered


def _warn_of_left_out(path: Path, splits: Sequence[str]) -> None:
    run = path.parent.name
    for split in splits:
        option = {"validation": "", "test": " --test", EXTERNAL: " --external"}[split]
        say_warning(
            f"the {split} figures in {path} are of another network, threshold or split, and left out; to measure them "
            f"again: pneumoscope evaluate {run} --stress{option}"
        )
