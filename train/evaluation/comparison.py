"""A against B: two networks on the same films, at the thresholds each has frozen on validation. NumPy only."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from train.common.errors import PneumoscopeError, UsageError
from train.evaluation.differences import (
    DIFFERENCES,
    Predictions,
    auroc_difference,
    differences_over_patients,
    predictions_at,
)
from train.evaluation.ensemble import ENSEMBLE_RESAMPLES, evaluate_ensemble
from train.evaluation.evaluation import is_of_these_scores, read_evaluation
from train.evaluation.external_films import require_same_external
from train.evaluation.thresholds import operating_of
from train.metrics.augmented_scores import AugmentedScores, require_same_films
from train.metrics.cluster_bootstrap import RESAMPLES, SEED, Floats, require_patients
from train.metrics.evaluate_scores import evaluate_scores
from train.metrics.operating_points import DEFAULT_OPERATING_POINT, OPERATING_POINTS, POINT_NAMES
from train.metrics.scores import EXTERNAL, SCORED_SPLITS, SHIFTED, Scores, probability, read_scores
from train.runs.network_identity import read_own_augmented
from train.runs.run_folder import RunFolder

#: Resamples that a comparison costs at most, for a bar's total.
COMPARISON_RESAMPLES = RESAMPLES * len(SCORED_SPLITS) + 3 * ENSEMBLE_RESAMPLES

Json = dict[str, Any]
Advance = Callable[..., None]


class OtherSplitError(UsageError):
    """Networks that were not trained and evaluated on the same split."""


@dataclass(frozen=True, eq=False)
class EvaluatedRun:
    """A network with its scores, as a run or a bundle holds them.

    Attributes:
        name: of the run or bundle.
        network: "a" or "b".
        split_fingerprint: of the split it was trained and evaluated on.
        thresholds: operating point → threshold on the uncalibrated probability, frozen on validation.
        scores: of its validation films, and of its test films once they were read.
        default: its default operating point.
        external: its scores of another hospital's films, where it was evaluated on them.
        augmented: its readings of augmented validation films, where its thresholds are from those.
        external_films: its evaluation's part "external", where it has one; of which the names of the films matter.
    """

    name: str
    network: str
    split_fingerprint: str
    thresholds: Mapping[str, float]
    scores: Scores
    default: str = DEFAULT_OPERATING_POINT
    external: Scores | None = None
    augmented: AugmentedScores | None = None
    external_films: Mapping[str, Any] | None = None

    def of_split(self, split: str) -> Scores:
        """Its scores of one split; possibly none."""
        if split == EXTERNAL and self.external is not None:
            return self.external
        return self.scores.of_split(split)


def read_evaluated(name: str, evaluation_file: Path, scores_file: Path) -> EvaluatedRun:
    """Read a network's evaluation.json and scores.csv, and what its other scores lie beside them; no film is read.

    Raises:
        PneumoscopeError: a file is missing or damaged, or the two are not of the same network.
    """
    evaluation, scores = read_evaluation(evaluation_file), read_scores(scores_file)
    validation = scores.of_split("validation")
    thresholds = evaluation.get("thresholds") or {}
    if not len(validation) or not set(OPERATING_POINTS) <= set(thresholds):
        raise PneumoscopeError(f"{name} has no validation scores or no thresholds: pneumoscope evaluate {name}")
    if not is_of_these_scores(evaluation, validation):
        raise PneumoscopeError(
            f"the scores of {name} are not those its thresholds were chosen on; evaluate it again: "
            f"pneumoscope evaluate {name}"
        )
    folder = RunFolder(scores_file.parent)
    elsewhere = evaluation.get(EXTERNAL) if folder.external_scores.is_file() else None
    readings = None
    if operating_of(evaluation).seen == "augmented" and folder.augmented_scores.is_file():
        readings = require_same_films(read_own_augmented(folder), validation)
    return EvaluatedRun(
        *(name, evaluation["network"], evaluation["split_fingerprint"], thresholds, scores),
        default=evaluation["default_operating_point"],
        external=read_scores(folder.external_scores) if elsewhere else None,
        augmented=readings,
        external_films=elsewhere,
    )


def compare(first: EvaluatedRun, second: EvaluatedRun, advance: Advance = lambda *_: None) -> Json:
    """Compare two networks on their validation films and, where both have been scored there, on their test films.

    Args:
        first, second: of the same split.
        advance: called with the number of resamples done.

    Returns:
        JSON-ready: runs, networks, split_fingerprint, default_operating_point, and for "validation" and "test" (null
        where it was not read by both) what `compare_films` gives; "shifted" and "external" too, where both were
        evaluated on such films; each: for the first and the second network split → what
        `train.metrics.evaluate_scores.evaluate_scores` gives at its own thresholds; average: what
        `train.evaluation.ensemble.evaluate_ensemble` gives for the same splits. The average's thresholds are from
        augmented validation films where both networks' are. The default operating point is the networks' own where it
        is the same.

    Raises:
        OtherSplitError: another split, or other films of it.
        UsageError: other external films.
        PneumoscopeError: films of one class or of too few patients.
    """
    if first.split_fingerprint != second.split_fingerprint:
        raise OtherSplitError(
            f"{first.name} and {second.name} come from different splits ({first.split_fingerprint[:12]}, "
            f"{second.split_fingerprint[:12]}): expected two of the same split, or one would be judged on films the "
            "other was trained on; train both on the same films with the same seed"
        )
    require_same_external([(run.name, run.external_films) for run in (first, second)])
    result: Json = {
        "runs": [first.name, second.name],
        "networks": [first.network, second.network],
        "split_fingerprint": first.split_fingerprint,
        "default_operating_point": first.default if first.default == second.default else DEFAULT_OPERATING_POINT,
        "resamples": RESAMPLES,
        "seed": SEED,
    }
    pairs: dict[str, tuple[Scores, Scores]] = {}
    for split in (*SCORED_SPLITS, SHIFTED, EXTERNAL):
        one, other = (evaluated.of_split(split) for evaluated in (first, second))
        if len(one) and len(other):
            pairs[split] = one, _in_order_of(one, other)
            point = result["default_operating_point"]
            result[split] = compare_films(first, second, *pairs[split], advance, point)
        elif split in SCORED_SPLITS:
            result[split] = None
    result["each"] = [
        {
            split: evaluate_scores(rows.labels, rows.logits, evaluated.thresholds, rows.patients, advance)
            for split, rows in ((split, pair[place]) for split, pair in pairs.items())
        }
        for place, evaluated in enumerate((first, second))
    ]
    readings = None
    if first.augmented is not None and second.augmented is not None:
        readings = first.augmented, second.augmented.in_order_of(pairs["validation"][0])
    result["average"] = evaluate_ensemble(pairs, advance, readings)
    return result


def compare_films(
    first: EvaluatedRun,
    second: EvaluatedRun,
    one: Scores,
    other: Scores,
    advance: Advance = lambda *_: None,
    default: str = DEFAULT_OPERATING_POINT,
) -> Json:
    """Compare two networks on the films of one split.

    Args:
        first, second: names and thresholds.
        one, other: their scores of the same films, in any order.
        advance: as `compare`.
        default: an operating point of both.

    Returns:
        films, patients, positives; auroc: first, second, difference (first less second) with DeLong's interval and p,
        and difference_over_patients; operating_points: name → thresholds, what `agreement_tables` gives, and
        differences (first less second) with intervals over patients; differing: the films that the two call differently
        at the default operating point, the furthest apart first.
    """
    other = _in_order_of(one, other)
    if one.labels.tolist() != other.labels.tolist() or one.patients != other.patients:
        raise OtherSplitError(f"{first.name} and {second.name} have other labels or patients for the same films")
    require_patients(one.patients, f"the {one.splits[0]} films")
    cuts: dict[str, tuple[float, float]] = {
        name: (float(first.thresholds[name]), float(second.thresholds[name]))
        for name in POINT_NAMES
        if name in first.thresholds and name in second.thresholds
    }
    predictions = predictions_at(one, other, cuts)
    areas = auroc_difference(one.labels, one.logits, other.logits)
    over_patients = differences_over_patients(one, other, cuts, advance)
    points = {
        name: {
            "thresholds": list(cuts[name]),
            **agreement_tables(one.labels, *pair),
            "differences": {key: over_patients[f"{name}: {key}"] for key in DIFFERENCES},
        }
        for name, pair in predictions.items()
    }
    return {
        "films": len(one),
        "patients": len(set(one.patients)),
        "positives": int(one.labels.sum()),
        "auroc": areas | {"difference_over_patients": over_patients["auroc"]},
        "operating_points": points,
        "differing": _differing(one, (probability(one.logits), probability(other.logits)), predictions[default]),
    }


def agreement_tables(labels: ArrayLike, first: NDArray[np.bool_], second: NDArray[np.bool_]) -> Json:
    """Agreement of two networks' predictions on the same films.

    Args:
        labels: 0 or 1, [N].
        first, second: predicted positive, bool [N].

    Returns:
        agreement: films by both predictions, and the share of the same; right_and_wrong: the same by class, against the
        label; mcnemar: films that only one gets right, and p; kappa: Cohen's (Educ Psychol Meas 1960;20:37), null where
        both predict the same of all films.
    """
    from sklearn.metrics import cohen_kappa_score

    positive = np.asarray(labels) == 1
    right = first == positive, second == positive
    only_first, only_second = int(np.sum(right[0] & ~right[1])), int(np.sum(right[1] & ~right[0]))
    same = float(np.mean(first == second))
    all_alike = bool(np.all(first == first[0]) and np.all(second == first[0]))
    return {
        "agreement": {**_pairs(first, second, "positive", "negative"), "share": same},
        "right_and_wrong": {
            name: _pairs(right[0][rows], right[1][rows], "right", "wrong")
            for name, rows in (("pneumonia", positive), ("normal", ~positive))
        },
        "mcnemar": {
            "only_first_right": only_first,
            "only_second_right": only_second,
            "p": mcnemar_exact(only_first, only_second),
        },
        "kappa": None if all_alike else float(cohen_kappa_score(first, second)),
    }


def mcnemar_exact(only_first: int, only_second: int) -> float:
    """McNemar's exact test (Psychometrika 1947;12:153): two-sided binomial p of the films that only one gets right.

    It takes films as independent; where a patient's films err together, p is too small. 1 where the two never differ.
    """
    from scipy.stats import binomtest

    n = only_first + only_second
    return float(binomtest(only_first, n).pvalue) if n else 1.0


def _pairs(first: NDArray[np.bool_], second: NDArray[np.bool_], yes: str, no: str) -> dict[str, int]:
    return {
        f"both_{yes}": int(np.sum(first & second)),
        f"only_first_{yes}": int(np.sum(first & ~second)),
        f"only_second_{yes}": int(np.sum(second & ~first)),
        f"both_{no}": int(np.sum(~first & ~second)),
    }


def _in_order_of(one: Scores, other: Scores) -> Scores:
    place = {film: row for row, film in enumerate(other.films)}
    if len(one) != len(other) or not set(one.films) <= set(place):
        raise OtherSplitError(
            f"the two were scored on different {one.splits[0]} films ({len(one)} and {len(other)}): evaluate both again"
        )
    rows = [place[film] for film in one.films]
    return Scores(
        one.films,
        tuple(other.patients[row] for row in rows),
        tuple(other.splits[row] for row in rows),
        other.labels[rows],
        other.logits[rows],
    )


def _differing(rows: Scores, probabilities: tuple[Floats, Floats], predictions: Predictions) -> list[Json]:
    gaps = np.abs(probabilities[0] - probabilities[1])
    apart = np.flatnonzero(predictions[0] != predictions[1])
    return [
        {
            "film": rows.films[row],
            "patient": rows.patients[row],
            "label": int(rows.labels[row]),
            "probabilities": [round(float(chance[row]), 6) for chance in probabilities],
            "positive": [bool(predicted[row]) for predicted in predictions],
            "right": "first" if predictions[0][row] == (rows.labels[row] == 1) else "second",
        }
        for row in apart[np.argsort(-gaps[apart], kind="stable")]
    ]
