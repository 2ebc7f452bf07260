"""From scores to evaluation.json: metrics with intervals, curves as data, thresholds frozen before test.

Thresholds are on the uncalibrated probability. They are chosen on the validation films alone (as they are, or as seen
through the run's augmentation), on logits, so that a temperature fitted afterwards scales the thresholds along with the
scores and no call changes.
"""

import json
import math
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from train.common.atomic import write_text
from train.common.errors import PneumoscopeError, made_by
from train.evaluation.evaluation_shape import what_is_wrong
from train.evaluation.external_films import FILMS_CHECKSUM
from train.evaluation.thresholds import probability_thresholds
from train.metrics.augmented_scores import AugmentedScores
from train.metrics.cluster_bootstrap import RESAMPLES, require_patients
from train.metrics.evaluate_scores import INTERVALS, evaluate_scores
from train.metrics.operating_points import OPERATING_POINTS, f1_curve, precision_recall_curve, roc_curve
from train.metrics.scores import EXTERNAL, SHIFTED, Scores, probability
from train.metrics.thin_curve import thin_curve
from train.runs.settings import OperatingSettings

FORMAT = 1
HISTOGRAM_BINS = 50

#: Resamples that one split costs: all films, and the two cohorts that leave films out.
RESAMPLES_PER_SPLIT = 3 * RESAMPLES

Json = dict[str, Any]
Advance = Callable[..., None]


class EvaluationError(PneumoscopeError):
    """An evaluation that is missing, damaged or does not belong to these scores."""


@dataclass(frozen=True)
class LeftOut:
    """What the two further ways of counting a split leave out; None where it is not known.

    Attributes:
        repeats: films of the split that repeat an earlier one, see `train.data.film_hash`.
        training_patients: ids of the patients whose films the network was trained on.
    """

    repeats: Collection[str] | None = None
    training_patients: Collection[str] | None = None


NOT_KNOWN = LeftOut()


def curves(labels: ArrayLike, logits: ArrayLike) -> Json:
    """ROC, precision-recall and F1 curve and the histogram of the probabilities, as lists.

    Each curve has at most 400 points, from the highest threshold (a probability; 1 means that nothing is
    called positive) to the lowest. The histogram counts films per class in HISTOGRAM_BINS equal bins of the
    probability. Raises as `evaluate_scores`.
    """
    probabilities = probability(logits)
    roc, pr, f1 = (
        roc_curve(labels, probabilities),
        precision_recall_curve(labels, probabilities),
        f1_curve(labels, probabilities),
    )
    # The same for all three curves; the first is infinite, which JSON does not know.
    thresholds = np.minimum(roc.thresholds, 1.0)
    edges = np.linspace(0, 1, HISTOGRAM_BINS + 1)
    positive = np.asarray(labels) == 1
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
            "normal": np.histogram(probabilities[~positive], edges)[0].tolist(),
            "pneumonia": np.histogram(probabilities[positive], edges)[0].tolist(),
        },
    }


def evaluate_validation(
    scores: Scores,
    network: str,
    split_fingerprint: str,
    left_out: LeftOut = NOT_KNOWN,
    advance: Advance = lambda *_: None,
    *,
    operating: OperatingSettings = OperatingSettings(),  # noqa: B008  # frozen
    augmented: AugmentedScores | None = None,
) -> Json:
    """Evaluate the validation films: choose the thresholds on them and freeze those; test stays null.

    Args:
        scores: only the rows whose split is "validation" are looked at.
        network: "a" or "b".
        split_fingerprint: of the cohort that the run was trained on.
        left_out: for the cohorts "deduplicated" and "without_training_patients" beside all films.
        advance: called with the number of resamples done, RESAMPLES_PER_SPLIT in all.
        operating, augmented: what the thresholds are chosen from, as `train.evaluation.thresholds.thresholds_seen`
            takes them; the figures are of the films as they are.

    Raises:
        PneumoscopeError: no augmented readings where they are needed, no validation films, films of one class only, or
            of too few patients.
    """
    rows = _rows(scores, "validation")
    thresholds = probability_thresholds(rows, operating, augmented)
    return {
        "format": FORMAT,
        "network": network,
        "split_fingerprint": split_fingerprint,
        "selected_on": "validation",
        "intervals": INTERVALS,
        "operating": operating.model_dump(exclude_none=True),
        "default_operating_point": operating.default,
        "thresholds": thresholds,
        "validation": _evaluated(rows, thresholds, left_out, advance),
        "test": None,
    }


def evaluate_test(
    evaluation: Json,
    scores: Scores,
    split_fingerprint: str,
    left_out: LeftOut = NOT_KNOWN,
    advance: Advance = lambda *_: None,
) -> Json:
    """Evaluate the test films at the frozen thresholds; returns a new evaluation with both splits.

    Args:
        evaluation: of the same run, with thresholds selected on validation; left as it is.
        scores: holds the test rows. Validation rows, where present, must be those of `evaluation`.
        split_fingerprint: of the cohort whose films were scored.
        left_out, advance: as `evaluate_validation`.

    Raises:
        EvaluationError: no frozen thresholds, another split, scores of another network, no test films.
        PneumoscopeError: test films of one class only, or of too few patients.
    """
    thresholds = evaluation.get("thresholds") or {}
    if evaluation.get("selected_on") != "validation" or not set(OPERATING_POINTS) <= set(thresholds):
        raise EvaluationError("no thresholds frozen on validation: run `pneumoscope evaluate RUN` first")
    frozen = evaluation.get("split_fingerprint")
    if frozen != split_fingerprint:
        raise EvaluationError(
            f"the thresholds were chosen on another split ({str(frozen)[:12]}) than the films scored "
            f"({split_fingerprint[:12]}): evaluate the run on validation again"
        )
    rows = scores.of_split("validation")
    if len(rows) and not is_of_these_scores(evaluation, rows):
        raise EvaluationError(
            "the validation scores are not those the thresholds were chosen on: the run has been trained "
            "again since; evaluate it on validation first"
        )
    return evaluation | {"test": _evaluated(_rows(scores, "test"), thresholds, left_out, advance)}


def evaluate_shifted(
    evaluation: Json, scores: Scores, left_out: LeftOut = NOT_KNOWN, advance: Advance = lambda *_: None
) -> Json:
    """Evaluate the shifted validation films at the frozen thresholds; returns a new evaluation that has them too.

    Nothing is chosen on them. An evaluation of a run without such films has no part "shifted".

    Args:
        evaluation: of the same run, with thresholds selected on validation; left as it is.
        scores: only the rows whose split is "shifted" are looked at.
        left_out, advance: as `evaluate_validation`.

    Raises:
        PneumoscopeError: no shifted films, films of one class only, or of too few patients.
    """
    part = _evaluated(_rows(scores, SHIFTED), evaluation["thresholds"], left_out, advance)
    return evaluation | {SHIFTED: part}


def evaluate_external(
    evaluation: Json,
    scores: Scores,
    fingerprint: str,
    left_out: LeftOut = NOT_KNOWN,
    advance: Advance = lambda *_: None,
    *,
    films: str = "",
) -> Json:
    """Evaluate another hospital's films at the frozen thresholds; returns a new evaluation with the part "external".

    Nothing is chosen on them.

    Args:
        evaluation: of the same run, with thresholds selected on validation; left as it is.
        scores: only the rows whose split is "external" are looked at.
        fingerprint: of the external cohort.
        left_out, advance: as `evaluate_validation`.
        films: one checksum of all its films (`train.data.checksums`), where it is known.

    Raises:
        PneumoscopeError: no such films, films of one class only, or of too few patients.
    """
    part = _evaluated(_rows(scores, EXTERNAL), evaluation["thresholds"], left_out, advance)
    return evaluation | {
        EXTERNAL: {"cohort_fingerprint": fingerprint, **({FILMS_CHECKSUM: films} if films else {}), **part}
    }


def write_evaluation(path: Path, evaluation: Json) -> None:
    """Write evaluation.json atomically, indented to be read; a list of numbers and a figure take one line each."""
    write_text(path, json_text(evaluation))


def json_text(value: Json) -> str:
    """JSON, indented, but with each innermost list or object of numbers on one line.

    Raises:
        ValueError: a NaN, which is not JSON.
    """
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    # Both span lines; a line break never occurs inside a JSON string, so only lists and objects are found.
    number = r"(?:-?[\d.eE+-]+|null)"
    for inner in (rf"\[\n(?:\s*{number},?\n)*\s*\]", rf'\{{\n(?:\s*"\w+": {number},?\n)*\s*\}}'):
        text = re.sub(inner, lambda found: f"{found[0][0]}{' '.join(found[0][1:-1].split())}{found[0][-1]}", text)
    return text + "\n"


def read_evaluation(path: Path) -> Json:
    """Read evaluation.json.

    Raises:
        EvaluationError: no such file, no JSON, another format, or not whole.
    """
    try:
        evaluation = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise EvaluationError(f"{path}: no such file; for it: {made_by(path)}") from None
    except (OSError, ValueError, RecursionError) as error:
        raise EvaluationError(f"{path}: cannot be read as JSON ({error}); made anew by: {made_by(path)}") from None
    if not isinstance(evaluation, dict) or evaluation.get("format") != FORMAT:
        raise EvaluationError(f"{path}: expected an evaluation of format {FORMAT}; made anew by: {made_by(path)}")
    if wrong := what_is_wrong(evaluation):
        raise EvaluationError(f"{path}: is no whole evaluation ({wrong}); made anew by: {made_by(path)}")
    return evaluation


def known_repeats(evaluation: Json | None, split: str) -> frozenset[str] | None:
    """The films of a split that an earlier evaluation found to repeat others; None where it did not look."""
    cohorts = ((evaluation or {}).get(split) or {}).get("cohorts") or {}
    found = (cohorts.get("deduplicated") or {}).get("repeats")
    return None if found is None else frozenset(found)


def _rows(scores: Scores, split: str) -> Scores:
    rows = scores.of_split(split)
    if not len(rows):
        raise EvaluationError(f"the scores hold no {split} films: score the {split} films of the run first")
    return rows


def _evaluated(rows: Scores, thresholds: Mapping[str, float], left_out: LeftOut, advance: Advance) -> Json:
    split = rows.splits[0]
    require_patients(rows.patients, f"the {split} films")
    metrics = _metrics(rows, thresholds, advance)

    def cohort(names: tuple[str, ...], unwanted: Collection[str] | None, unknown: str) -> Json:
        """The same figures without the films whose name (path or patient) is unwanted."""
        if unwanted is None:
            advance(RESAMPLES)
            return {"films_left_out": None, "metrics": None, "reason": unknown}
        unwanted = frozenset(unwanted)
        keep = np.array([name not in unwanted for name in names], dtype=bool)
        fewer: Json = {"films_left_out": int((~keep).sum()), "metrics": metrics, "reason": ""}
        if keep.all():
            advance(RESAMPLES)
            return fewer
        kept = rows.of_rows(keep)
        try:
            require_patients(kept.patients, f"the other {split} films")
            return fewer | {"metrics": _metrics(kept, thresholds, advance)}
        except PneumoscopeError as error:
            return fewer | {"metrics": None, "reason": str(error)}

    repeats = left_out.repeats
    once = cohort(rows.films, repeats, "repeated films were not looked for: evaluate the run again")
    return {
        "metrics": metrics,
        "cohorts": {
            "deduplicated": once | {"repeats": None if repeats is None else sorted(repeats)},
            "without_training_patients": cohort(
                rows.patients, left_out.training_patients, "the patients of the training films are not known"
            ),
        },
        "curves": curves(rows.labels, rows.logits),
    }


def _metrics(rows: Scores, thresholds: Mapping[str, float], advance: Advance) -> Json:
    figures = evaluate_scores(rows.labels, rows.logits, thresholds, rows.patients, advance)
    return {"patients": len(set(rows.patients))} | figures


def is_of_these_scores(evaluation: Json, rows: Scores, split: str = "validation") -> bool:
    """Whether these scores of a split are the evaluated ones, up to what differs between two forward passes.

    Raises:
        PneumoscopeError: there are none, or of one class only.
    """
    known = evaluation[split]["metrics"]
    now = evaluate_scores(rows.labels, rows.logits, {})
    pairs = [(known[name], now[name]) for name in ("n", "log_loss", "brier")]
    pairs += [(known[name]["value"], now[name]["value"]) for name in ("auroc", "average_precision")]
    return all(math.isclose(one, other, rel_tol=1e-3, abs_tol=1e-6) for one, other in pairs)


def _curve(thresholds: NDArray[np.float64], kept: NDArray[np.int64], **axes: NDArray[np.float64]) -> Json:
    # Thresholds get more digits: a network that is sure of itself has many films beyond 0.9999.
    points = {name: np.round(axis[kept], 6).tolist() for name, axis in axes.items()}
    return points | {"thresholds": np.round(thresholds[kept], 9).tolist()}
