"""From scores to evaluation.json: metrics with intervals, curves as data, thresholds frozen before test.

Thresholds are on the uncalibrated probability. They are chosen on the validation films alone, on logits, so
that a temperature fitted afterwards scales the thresholds along with the scores and no call changes.
"""

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from train.atomic import write_text
from train.errors import PneumoscopeError
from train.intervals import (
    auroc_interval,
    average_precision_interval,
    balanced_accuracy_interval,
    f1_interval,
    wilson_interval,
)
from train.operating_points import (
    DEFAULT_OPERATING_POINT,
    OPERATING_POINTS,
    Confusion,
    choose_operating_points,
    choose_threshold,
    confusion,
    f1_curve,
    precision_recall_curve,
    roc_curve,
)
from train.scores import Scores, bounded, log_loss, logistic, probability
from train.thin_curve import thin_curve

FORMAT = 1
INTERVALS = (
    "95 %, films taken as independent: Wilson for proportions, DeLong on the logit scale for AUROC, "
    "Boyd, Eng & Page for average precision, Wilson carried over to F1, MOVER for balanced accuracy"
)
AS_REPORT = "as the report counts: threshold chosen on this split"
HISTOGRAM_BINS = 50

Json = dict[str, Any]


class EvaluationError(PneumoscopeError):
    """An evaluation that is missing, damaged or does not belong to these scores."""


def evaluate_scores(labels: ArrayLike, logits: ArrayLike, thresholds: Mapping[str, float]) -> Json:
    """Metrics of one set of films at given thresholds.

    Args:
        labels: 0 or 1, shape [N], both present.
        logits: finite, shape [N].
        thresholds: operating point → threshold on the probability.

    Returns:
        JSON-ready: n, positives, prevalence, log_loss, brier; auroc and average_precision as {value, low,
        high};
        operating_points: name → {threshold, confusion, and accuracy, balanced_accuracy, f1, sensitivity,
        specificity, ppv, npv as {value, low, high}, null where undefined}; as_report: accuracy at 0.5 and the
        maximum F1 over all thresholds of these films.

    Raises:
        PneumoscopeError: no films, one class only, NaN or infinite logits.
    """
    auroc = auroc_interval(labels, logits)
    truth, raw = np.asarray(labels, dtype=np.float64), np.asarray(logits, dtype=np.float64)
    chances = probability(raw)
    at_half = confusion(labels, chances, 0.5)
    best = float(logistic(choose_threshold(labels, bounded(raw), "f1")))
    return {
        "n": int(truth.size),
        "positives": int(truth.sum()),
        "prevalence": float(truth.mean()),
        "log_loss": log_loss(truth, raw),
        "brier": float(np.mean((chances - truth) ** 2)),
        "auroc": auroc.as_json(),
        "average_precision": average_precision_interval(labels, logits).as_json(),
        "operating_points": {
            name: {"threshold": float(threshold)} | _at(confusion(labels, chances, threshold))
            for name, threshold in thresholds.items()
        },
        "as_report": {
            "note": AS_REPORT,
            "accuracy_at_0.5": wilson_interval(at_half.tp + at_half.tn, at_half.n).as_json(),
            "f1_maximum": {"value": confusion(labels, chances, best).f1, "threshold": best},
        },
    }


def curves(labels: ArrayLike, logits: ArrayLike) -> Json:
    """ROC, precision-recall and F1 curve and the histogram of the probabilities, as lists.

    Each curve has at most 400 points, from the highest threshold (a probability; 1 means that nothing is
    called positive) to the lowest. The histogram counts films per class in HISTOGRAM_BINS equal bins of the
    probability. Raises as `evaluate_scores`.
    """
    chances = probability(logits)
    roc, pr, f1 = (curve(labels, chances) for curve in (roc_curve, precision_recall_curve, f1_curve))
    # The same for all three curves; the first is infinite, which JSON does not know.
    thresholds = np.minimum(roc.thresholds, 1.0)
    edges = np.linspace(0, 1, HISTOGRAM_BINS + 1)
    ill = np.asarray(labels) == 1
    return {
        "roc": _curve(
            thresholds,
            thin_curve(roc.false_positive_rate, roc.sensitivity),
            false_positive_rate=roc.false_positive_rate,
            sensitivity=roc.sensitivity,
        ),
        "precision_recall": _curve(
            thresholds, thin_curve(pr.recall, pr.precision), recall=pr.recall, precision=pr.precision
        ),
        "f1": _curve(thresholds, thin_curve(thresholds, f1.f1), f1=f1.f1),
        "histogram": {
            "edges": [round(float(edge), 6) for edge in edges],
            "normal": np.histogram(chances[~ill], edges)[0].tolist(),
            "pneumonia": np.histogram(chances[ill], edges)[0].tolist(),
        },
    }


def choose_thresholds(labels: ArrayLike, logits: ArrayLike) -> dict[str, float]:
    """The four operating points as thresholds on the logit, in the order of OPERATING_POINTS.

    `logistic(threshold)` and `logistic(threshold / temperature)` make the same calls on the
    uncalibrated and on the calibrated probability. Raises as `evaluate_scores`.
    """
    return choose_operating_points(labels, bounded(logits))


def evaluate_validation(scores: Scores, network: str, split_fingerprint: str) -> Json:
    """Evaluate the validation films: choose the thresholds on them and freeze those; test stays null.

    Args:
        scores: only the rows whose split is "validation" are looked at.
        network: "a" or "b".
        split_fingerprint: of the cohort that the run was trained on.

    Raises:
        PneumoscopeError: no validation films, or films of one class only.
    """
    rows = _rows(scores, "validation")
    logit_thresholds = choose_thresholds(rows.labels, rows.logits)
    thresholds = {name: float(logistic(threshold)) for name, threshold in logit_thresholds.items()}
    return {
        "format": FORMAT,
        "network": network,
        "split_fingerprint": split_fingerprint,
        "selected_on": "validation",
        "intervals": INTERVALS,
        "default_operating_point": DEFAULT_OPERATING_POINT,
        "thresholds": thresholds,
        "validation": _evaluated(rows, thresholds),
        "test": None,
    }


def evaluate_test(evaluation: Json, scores: Scores, split_fingerprint: str) -> Json:
    """Evaluate the test films at the frozen thresholds; returns a new evaluation with both splits.

    Args:
        evaluation: of the same run, with thresholds selected on validation; left as it is.
        scores: holds the test rows. Validation rows, where present, must be those of `evaluation`.
        split_fingerprint: of the cohort whose films were scored.

    Raises:
        EvaluationError: no frozen thresholds, another split, scores of another network, no test films.
        PneumoscopeError: test films of one class only.
    """
    thresholds = evaluation.get("thresholds") or {}
    if evaluation.get("selected_on") != "validation" or set(thresholds) != set(OPERATING_POINTS):
        raise EvaluationError("no thresholds frozen on validation: run `pneumoscope evaluate RUN` first")
    frozen = evaluation.get("split_fingerprint")
    if frozen != split_fingerprint:
        raise EvaluationError(
            f"the thresholds were chosen on another split ({str(frozen)[:12]}) than the films scored "
            f"({split_fingerprint[:12]}): evaluate the run on validation again"
        )
    rows = scores.of_split("validation")
    if len(rows) and not _same_network(evaluation, rows):
        raise EvaluationError(
            "the validation scores are not those the thresholds were chosen on: the run has been trained "
            "again since; evaluate it on validation first"
        )
    return evaluation | {"test": _evaluated(_rows(scores, "test"), thresholds)}


def write_evaluation(path: Path, evaluation: Json) -> None:
    """Write evaluation.json atomically, metrics indented to be read and each list of numbers on one line."""
    text = json.dumps(evaluation, indent=2, ensure_ascii=False, allow_nan=False)
    # A list of numbers spans lines; a line break never occurs inside a JSON string, so only lists are found.
    text = re.sub(r"\[\n[\d\s.,eE+-]*\]", lambda found: f"[{' '.join(found[0][1:-1].split())}]", text)
    write_text(path, text + "\n")


def read_evaluation(path: Path) -> Json:
    """Read evaluation.json.

    Raises:
        EvaluationError: no such file, no JSON, or another format.
    """
    try:
        evaluation = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise EvaluationError(f"{path}: no such file; run `pneumoscope evaluate RUN` first") from None
    except (OSError, ValueError) as error:
        raise EvaluationError(f"{path}: cannot be read as JSON ({error}); evaluate the run again") from None
    if not isinstance(evaluation, dict) or evaluation.get("format") != FORMAT:
        raise EvaluationError(f"{path}: expected an evaluation of format {FORMAT}; evaluate the run again")
    return evaluation


def _rows(scores: Scores, split: str) -> Scores:
    rows = scores.of_split(split)
    if not len(rows):
        raise EvaluationError(f"the scores hold no {split} films: score the {split} films of the run first")
    return rows


def _evaluated(rows: Scores, thresholds: Mapping[str, float]) -> Json:
    metrics = {"patients": len(set(rows.patients))} | evaluate_scores(rows.labels, rows.logits, thresholds)
    return {"metrics": metrics, "curves": curves(rows.labels, rows.logits)}


def _same_network(evaluation: Json, rows: Scores) -> bool:
    """Whether these validation scores are the evaluated ones, up to what differs between two forward passes."""
    known = evaluation["validation"]["metrics"]
    now = evaluate_scores(rows.labels, rows.logits, {})
    pairs = [(known[name], now[name]) for name in ("n", "log_loss", "brier")]
    pairs += [(known[name]["value"], now[name]["value"]) for name in ("auroc", "average_precision")]
    return all(math.isclose(one, other, rel_tol=1e-3, abs_tol=1e-6) for one, other in pairs)


def _at(counts: Confusion) -> Json:
    sensitivity = wilson_interval(counts.tp, counts.tp + counts.fn)
    specificity = wilson_interval(counts.tn, counts.tn + counts.fp)
    figures = {
        "accuracy": wilson_interval(counts.tp + counts.tn, counts.n),
        "balanced_accuracy": balanced_accuracy_interval(sensitivity, specificity),
        "f1": f1_interval(counts.tp, counts.fp, counts.fn),
        "sensitivity": sensitivity,
        "specificity": specificity,
        "ppv": wilson_interval(counts.tp, counts.tp + counts.fp),
        "npv": wilson_interval(counts.tn, counts.tn + counts.fn),
    }
    table = {"tp": counts.tp, "fp": counts.fp, "tn": counts.tn, "fn": counts.fn}
    return {"confusion": table} | {name: figure.as_json() for name, figure in figures.items()}


def _curve(thresholds: NDArray[np.float64], kept: NDArray[np.int64], **axes: NDArray[np.float64]) -> Json:
    # Thresholds get more digits: a network that is sure of itself has many films beyond 0.9999.
    points = {name: np.round(axis[kept], 6).tolist() for name, axis in axes.items()}
    return points | {"thresholds": np.round(thresholds[kept], 9).tolist()}
