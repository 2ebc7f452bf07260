"""Operating points: confusion counts, predictive values, curves from scores, and the choice of a threshold.

NumPy only, because evaluation, export and the page all use it. Labels are 0 (normal) and 1 (pneumonia),
scores are logits or probabilities alike: whatever rises with the evidence for pneumonia. A film is called
positive when its score is at or above the threshold.
"""

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from train.common.errors import PneumoscopeError
from train.metrics.operating_choices import PointName

Rule = Literal["f1", "youden", "sensitivity_95", "specificity_95"]
OPERATING_POINTS: tuple[Rule, ...] = get_args(Rule)
DEFAULT_OPERATING_POINT: Rule = "youden"
#: Beside the rules: the network's own 0.5, which no film chooses. Where both classes count alike in training
#: (`class_weights: balanced`) it is the 0.5 of a class-balanced fit. Evaluations and bundles from before lack it.
HALF = "half"
POINT_NAMES: tuple[PointName, ...] = get_args(PointName)

PROMISED = 0.95  # what sensitivity_95 and specificity_95 hold on the films they are chosen on

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Confusion:
    """Counts of films at one threshold; a property is NaN where its denominator is zero."""

    tp: int
    fp: int
    tn: int
    fn: int

    @property
    def n(self) -> int:
        """All films."""
        return self.tp + self.fp + self.tn + self.fn

    @property
    def sensitivity(self) -> float:
        """Share of the pneumonia films called positive (recall), 0..1."""
        return _share(self.tp, self.tp + self.fn)

    @property
    def specificity(self) -> float:
        """Share of the normal films called negative, 0..1."""
        return _share(self.tn, self.tn + self.fp)

    @property
    def ppv(self) -> float:
        """Share of the positive calls that are right (precision), 0..1, at this cohort's prevalence."""
        return _share(self.tp, self.tp + self.fp)

    @property
    def npv(self) -> float:
        """Share of the negative calls that are right, 0..1, at this cohort's prevalence."""
        return _share(self.tn, self.tn + self.fn)

    @property
    def accuracy(self) -> float:
        """Share of all calls that are right, 0..1."""
        return _share(self.tp + self.tn, self.n)

    @property
    def balanced_accuracy(self) -> float:
        """Mean of sensitivity and specificity, 0..1."""
        return (self.sensitivity + self.specificity) / 2

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall, 0..1."""
        return _share(2 * self.tp, 2 * self.tp + self.fp + self.fn)


@dataclass(frozen=True, eq=False)
class RocCurve:
    """One point per distinct score, from the highest threshold down; the first, +inf, calls none positive."""

    thresholds: Floats
    false_positive_rate: Floats
    sensitivity: Floats


@dataclass(frozen=True, eq=False)
class PrecisionRecallCurve:
    """Points as in `RocCurve`; precision is 1 by convention where nothing is called positive."""

    thresholds: Floats
    precision: Floats
    recall: Floats


@dataclass(frozen=True, eq=False)
class F1Curve:
    """Points as in `RocCurve`; F1 keeps its value down to the next lower threshold."""

    thresholds: Floats
    f1: Floats


@dataclass(frozen=True, eq=False)
class _Cuts:
    """All ways to cut the ranking: cut k calls the k highest distinct scores positive, k = 0 .. K."""

    scores: Floats  # [K], distinct, falling
    tp: Integers  # [K + 1]
    fp: Integers  # [K + 1]

    @property
    def positives(self) -> int:
        return int(self.tp[-1])

    @property
    def negatives(self) -> int:
        return int(self.fp[-1])


def confusion(labels: ArrayLike, scores: ArrayLike, threshold: float) -> Confusion:
    """Count calls at a threshold; positive is `score >= threshold`.

    Args:
        labels: 0 or 1, shape [N].
        scores: finite, shape [N], on the same scale as the threshold.
        threshold: a number; NaN is refused.

    Raises:
        PneumoscopeError: no films, labels other than 0 and 1, NaN or infinite scores, a NaN threshold.
    """
    truth, values = _checked(labels, scores)
    if math.isnan(threshold):
        raise PneumoscopeError("the threshold is NaN: expected a number; choose the operating points again")
    predicted = values >= threshold
    tp, positives = int(np.count_nonzero(truth & predicted)), int(np.count_nonzero(truth))
    fp = int(np.count_nonzero(predicted)) - tp
    return Confusion(tp=tp, fp=fp, tn=truth.size - positives - fp, fn=positives - tp)


def predictive_values(sensitivity: ArrayLike, specificity: ArrayLike, prevalence: ArrayLike) -> tuple[Floats, Floats]:
    """PPV and NPV by Bayes' rule at a prevalence other than the cohort's (Altman & Bland, BMJ 1994;309:102).

    All arguments are 0..1 and broadcast; numbers in, numbers out. NaN where no film would be called that way.

    Raises:
        PneumoscopeError: a value outside 0..1.
    """
    rates = {"sensitivity": sensitivity, "specificity": specificity, "prevalence": prevalence}
    for name, rate in rates.items():
        if not np.all((np.asarray(rate) >= 0) & (np.asarray(rate) <= 1)):
            raise PneumoscopeError(f"{name} must lie between 0 and 1. Received: {rate!s}")
    se, sp, share = (np.asarray(rate, dtype=np.float64) for rate in rates.values())
    true_positive, false_positive = se * share, (1 - sp) * (1 - share)
    true_negative, false_negative = sp * (1 - share), (1 - se) * share
    with np.errstate(invalid="ignore"):
        ppv = true_positive / (true_positive + false_positive)
        npv = true_negative / (true_negative + false_negative)
    return ppv, npv


def roc_curve(labels: ArrayLike, scores: ArrayLike) -> RocCurve:
    """Sensitivity against false positive rate at every distinct score. Raises as `choose_threshold`."""
    cuts = _cuts(labels, scores)
    return RocCurve(_thresholds(cuts), cuts.fp / cuts.negatives, cuts.tp / cuts.positives)


def precision_recall_curve(labels: ArrayLike, scores: ArrayLike) -> PrecisionRecallCurve:
    """Precision (PPV) against recall (sensitivity) at every distinct score. Raises as `choose_threshold`."""
    cuts = _cuts(labels, scores)
    precision = np.concatenate([[1.0], cuts.tp[1:] / (cuts.tp + cuts.fp)[1:]])
    return PrecisionRecallCurve(_thresholds(cuts), precision, cuts.tp / cuts.positives)


def f1_curve(labels: ArrayLike, scores: ArrayLike) -> F1Curve:
    """F1 at every distinct score. Raises as `choose_threshold`."""
    cuts = _cuts(labels, scores)
    return F1Curve(_thresholds(cuts), _f1(cuts))


def auroc(labels: ArrayLike, scores: ArrayLike) -> float:
    """Area under the ROC curve: how often a pneumonia film scores above a normal one, ties counted half.

    Raises as `choose_threshold`.
    """
    cuts = _cuts(labels, scores)
    # Twice the area in whole film pairs: exact, so that a perfect ranking is exactly 1.
    twice = int(np.sum(np.diff(cuts.fp) * (cuts.tp[1:] + cuts.tp[:-1])))
    return twice / (2 * cuts.positives * cuts.negatives)


def average_precision(labels: ArrayLike, scores: ArrayLike) -> float:
    """Step sum of precision over recall (scikit-learn's definition). Raises as `choose_threshold`."""
    cuts = _cuts(labels, scores)
    gained = np.diff(cuts.tp)
    return float(np.sum(gained * (cuts.tp[1:] / (cuts.tp + cuts.fp)[1:])) / cuts.positives)


def choose_threshold(labels: ArrayLike, scores: ArrayLike, rule: Rule) -> float:
    """Choose the threshold of an operating point.

    `f1` and `youden` maximise F1 and sensitivity + specificity - 1 (Youden, Cancer 1950;3:32).
    `sensitivity_95` is the highest cut that keeps a sensitivity of at least 0.95, `specificity_95` the lowest
    that keeps such a specificity. A cut lies halfway between two neighbouring distinct scores. Where
    neighbouring cuts are equally good the threshold is the middle of their plateau; of several plateaus the
    widest is taken, then the lowest.

    Args:
        labels: 0 or 1, shape [N], both present.
        scores: finite, shape [N].
        rule: one of OPERATING_POINTS.

    Returns:
        A finite threshold on the scale of `scores`. It lies inside 0..1 when all scores do, except where no
        film may be called positive though one scores exactly 1.

    Raises:
        PneumoscopeError: an unknown rule, no films, one class only, other labels, NaN or infinite scores.
    """
    return _chosen(_cuts(labels, scores), rule)


def choose_operating_points(labels: ArrayLike, scores: ArrayLike) -> dict[str, float]:
    """Choose all four thresholds, in the order of OPERATING_POINTS; else as `choose_threshold`."""
    cuts = _cuts(labels, scores)
    return {rule: _chosen(cuts, rule) for rule in OPERATING_POINTS}


def _share(part: int, whole: int) -> float:
    return part / whole if whole else math.nan


def _checked(labels: ArrayLike, scores: ArrayLike) -> tuple[NDArray[np.bool_], Floats]:
    truth, values = np.asarray(labels), np.asarray(scores, dtype=np.float64)
    if truth.ndim != 1 or truth.shape != values.shape:
        raise PneumoscopeError(f"expected one label and one score per film. Received: {truth.shape}, {values.shape}")
    if truth.size == 0:
        raise PneumoscopeError("there are no films to evaluate: expected labels and scores of at least two films")
    if not np.isin(truth, (0, 1)).all():
        raise PneumoscopeError("labels must be 0 (normal) or 1 (pneumonia): check the cohort")
    wrong = np.flatnonzero(~np.isfinite(values))
    if wrong.size:
        raise PneumoscopeError(
            f"{wrong.size} of {values.size} scores are NaN or infinite (the first at index {wrong[0]}): "
            "the network has diverged; train it again, with a lower learning rate"
        )
    return truth.astype(bool), values


def _cuts(labels: ArrayLike, scores: ArrayLike) -> _Cuts:
    truth, values = _checked(labels, scores)
    positives = int(np.count_nonzero(truth))
    if positives in (0, truth.size):
        only = "pneumonia" if positives else "normal"
        raise PneumoscopeError(f"all {truth.size} films are {only}: expected films of both classes; check the split")
    order = np.argsort(-values, kind="stable")
    falling = values[order]
    # The last film of each group of equal scores: no threshold can tell the films of a group apart.
    ends = np.append(np.flatnonzero(np.diff(falling)), values.size - 1)
    tp = np.cumsum(truth[order], dtype=np.int64)[ends]
    return _Cuts(falling[ends], np.concatenate([[0], tp]), np.concatenate([[0], ends + 1 - tp]))


def _thresholds(cuts: _Cuts) -> Floats:
    return np.concatenate([[np.inf], cuts.scores])


def _f1(cuts: _Cuts) -> Floats:
    return 2 * cuts.tp / (cuts.tp + cuts.fp + cuts.positives)


def _chosen(cuts: _Cuts, rule: Rule) -> float:
    if rule == "f1":
        first, last = _widest_plateau(cuts, _f1(cuts))
    elif rule == "youden":
        # Youden's index times positives x negatives: whole numbers, so that equal cuts compare equal.
        first, last = _widest_plateau(cuts, cuts.tp * cuts.negatives - cuts.fp * cuts.positives)
    elif rule == "sensitivity_95":
        first = last = int(np.argmax(cuts.tp / cuts.positives >= PROMISED))
    elif rule == "specificity_95":
        first = last = int(np.flatnonzero((cuts.negatives - cuts.fp) / cuts.negatives >= PROMISED)[-1])
    else:
        raise PneumoscopeError(f"unknown operating point {rule!r}: expected one of {', '.join(OPERATING_POINTS)}")
    edges = _edges(cuts.scores)
    high, low = float(edges[first]), float(edges[last + 1])
    middle = low + (high - low) / 2
    # Between two neighbouring floats there is no middle, and a threshold at the lower one would include it.
    return middle if middle > low else high


def _edges(scores: Floats) -> Floats:
    """The K + 2 borders of the K + 1 cuts: cut k holds for every threshold in (edges[k + 1], edges[k]]."""
    if scores[0] <= 1 and scores[-1] >= 0:
        above, below = 1.0, 0.0
    else:
        above, below = scores[0] + 1, scores[-1] - 1
    return np.concatenate([[max(above, np.nextafter(scores[0], np.inf))], scores, [below]])


def _widest_plateau(cuts: _Cuts, worth: NDArray[np.generic]) -> tuple[int, int]:
    """First and last cut of the widest run of neighbouring best cuts.

    The cuts outside all scores have no width of their own: a cut between films is preferred to calling all
    alike.
    """
    best = np.flatnonzero(worth == worth.max())
    breaks = np.flatnonzero(np.diff(best) > 1)
    first = best[np.concatenate([[0], breaks + 1])]
    last = best[np.concatenate([breaks, [best.size - 1]])]
    edges = np.clip(_edges(cuts.scores), cuts.scores[-1], cuts.scores[0])
    widths = edges[first] - edges[last + 1]
    widest = np.flatnonzero(widths == widths.max())[-1]
    return int(first[widest]), int(last[widest])
