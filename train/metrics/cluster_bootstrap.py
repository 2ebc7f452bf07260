"""Intervals over patients: whole patients are drawn with replacement, and each figure is counted again.

Films of one patient resemble each other, so that intervals which take films as independent are too narrow. The
resampling unit is therefore the patient (a cluster bootstrap: Davison & Hinkley, Bootstrap Methods and their
Application, 1997, section 3.8; Field & Welsh, JRSS B 2007;69:369). The interval is bias-corrected and accelerated (BCa;
Efron, JASA 1987;82:171): close to 1, where good figures lie, plain percentiles sit too high. NumPy only.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from train.common.errors import PneumoscopeError
from train.metrics.intervals import CONFIDENCE, UNDEFINED, Interval

RESAMPLES = 2000
SEED = 0
#: Below this many patients the resamples are so few different ones that they say nothing.
SMALLEST_PATIENTS = 20
#: The skewness of a figure is told by leaving out one group of patients after the other, at most this many.
JACKKNIFE_GROUPS = 400
#: Figures closer than this are equal: the rest is rounding.
TIE = 1e-12
#: Resamples are weighed in pieces of at most this many numbers (8 bytes each).
PIECE = 1_000_000
_NORMAL = NormalDist()

Floats = NDArray[np.float64]
Figures = Callable[[Floats], Mapping[str, Floats]]
Advance = Callable[..., None]


def require_patients(patients: Sequence[str], what: str) -> None:
    """Refuse films of too few patients.

    Raises:
        PneumoscopeError: under SMALLEST_PATIENTS different ones.
    """
    count = len(set(patients))
    if count < SMALLEST_PATIENTS:
        raise PneumoscopeError(
            f"{what} are of {count} patients: expected at least {SMALLEST_PATIENTS}, fewer give no interval; "
            "use more films, or a larger validation_fraction"
        )


def patient_weights(patients: Sequence[str], resamples: int = RESAMPLES, seed: int = SEED) -> Iterator[Floats]:
    """Draw as many patients as there are, with replacement, again and again.

    Args:
        patients: id of each film, N of them.
        resamples: how many resamples.
        seed: same seed and patients, same resamples, however the films are scored: figures of two networks on the
            same films are drawn in pairs.

    Yields:
        float64 [r, N]: how often each film is in each resample, in pieces that add up to `resamples` rows.
    """
    _, codes = np.unique(np.asarray(patients, dtype=str), return_inverse=True)
    count = int(codes.max()) + 1
    generator = np.random.default_rng(seed)
    rows = max(1, PIECE // codes.size)
    for first in range(0, resamples, rows):
        piece = min(rows, resamples - first)
        drawn = generator.integers(0, count, size=(piece, count)) + np.arange(piece)[:, None] * count
        times = np.bincount(drawn.ravel(), minlength=piece * count).reshape(piece, count)
        yield times[:, codes].astype(np.float64)


@dataclass(frozen=True, eq=False)
class Draws:
    """A figure counted again: `resampled` [resamples] and `jackknife` [groups], NaN where it is undefined."""

    resampled: Floats
    jackknife: Floats


def resample(
    patients: Sequence[str],
    figures: Figures,
    advance: Advance = lambda *_: None,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> dict[str, Draws]:
    """Count figures on every resample of the patients, and without each group of patients.

    Args:
        patients: id of each film, N of them.
        figures: weights [r, N] → name → values [r]; NaN where a resample leaves a figure undefined.
        advance: called with the number of resamples done.
        resamples, seed: as `patient_weights`.

    Returns:
        The draws of each figure by its name.
    """

    def counted(pieces: Iterator[Floats], advance: Advance) -> dict[str, Floats]:
        values: dict[str, list[Floats]] = {}
        for weights in pieces:
            for name, found in figures(weights).items():
                values.setdefault(name, []).append(found)
            advance(len(weights))
        return {name: np.concatenate(found) for name, found in values.items()}

    resampled = counted(patient_weights(patients, resamples, seed), advance)
    jackknife = counted(_without_groups(patients), lambda *_: None)
    return {name: Draws(values, jackknife[name]) for name, values in resampled.items()}


def patient_interval(value: float, draws: Draws, otherwise: Interval | None = None) -> Interval:
    """BCa interval of a figure (95 %).

    Args:
        value: the figure on all films; NaN gives an undefined interval.
        draws: those where the figure is undefined are left out.
        otherwise: taken where all resamples agree: errors that did not happen cannot be drawn, and the interval would
            claim certainty.
    """
    resampled = draws.resampled[~np.isnan(draws.resampled)]
    if math.isnan(value) or not resampled.size:
        return UNDEFINED
    if np.ptp(resampled) < TIE:
        limits = (value, value) if otherwise is None else (otherwise.low, otherwise.high)
        return Interval(value, *limits)
    # The share of resamples below the figure, ties counted half, kept off 0 and 1 where it has no normal score.
    below = float(np.mean(resampled < value - TIE) + np.mean(np.abs(resampled - value) <= TIE) / 2)
    bias = _NORMAL.inv_cdf(min(max(below, 0.5 / resampled.size), 1 - 0.5 / resampled.size))
    left_out = draws.jackknife[~np.isnan(draws.jackknife)]
    shifts = left_out.mean() - left_out if left_out.size else np.zeros(1)
    spread = float(np.sum(shifts**2)) ** 1.5
    acceleration = float(np.sum(shifts**3)) / (6 * spread) if spread else 0.0
    shares = []
    for tail in ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2):
        z = bias + _NORMAL.inv_cdf(tail)
        shares.append(_NORMAL.cdf(bias + z / max(1 - acceleration * z, 1e-6)))
    low, high = np.quantile(resampled, shares)
    return Interval(value, min(float(low), value), max(float(high), value))


@dataclass(frozen=True, eq=False)
class Ranking:
    """Films sorted by falling score, for areas under curves on many weightings at once."""

    order: NDArray[np.int64]
    ends: NDArray[np.int64]  # the last film of each group of equal scores
    positive: NDArray[np.bool_]  # sorted

    @classmethod
    def of(cls, labels: ArrayLike, scores: ArrayLike) -> "Ranking":
        """Rank films: labels 0 or 1 and finite scores, both [N]."""
        values = np.asarray(scores, dtype=np.float64)
        order = np.argsort(-values, kind="stable")
        ends = np.append(np.flatnonzero(np.diff(values[order])), values.size - 1)
        return cls(order, ends, np.asarray(labels)[order] == 1)

    def areas(self, weights: Floats) -> tuple[Floats, Floats]:
        """AUROC and average precision, as `train.metrics.operating_points` defines them, of films counted `weights`
        times.

        Args:
            weights: [r, N].

        Returns:
            Two arrays [r]; NaN where a class is missing.
        """
        falling = weights[:, self.order]
        tp = np.cumsum(falling * self.positive, axis=1)[:, self.ends]
        fp = np.cumsum(falling * ~self.positive, axis=1)[:, self.ends]
        positive, negative = tp[:, -1], fp[:, -1]
        gained = np.diff(tp, axis=1, prepend=0)
        # A step of fp passes every pneumonia film ranked above it, and half of those ranked with it.
        area = np.sum(np.diff(fp, axis=1, prepend=0) * (tp - gained / 2), axis=1)
        predicted = tp + fp
        precision = np.divide(tp, predicted, out=np.zeros_like(tp), where=predicted > 0)
        whole = (positive > 0) & (negative > 0)
        return (
            _ratio(area, np.where(whole, positive * negative, 0)),
            _ratio(np.sum(gained * precision, axis=1), np.where(whole, positive, 0)),
        )


def prediction_metrics(labels: ArrayLike, predicted: ArrayLike, weights: Floats) -> dict[str, Floats]:
    """The figures of `train.metrics.operating_points.Confusion` by their names, of films counted `weights` times.

    Args:
        labels: 0 or 1, [N].
        predicted: positive or not, [N].
        weights: [r, N].

    Returns:
        Arrays [r], NaN where a denominator is zero.
    """
    truth, positive = np.asarray(labels) == 1, np.asarray(predicted, dtype=bool)
    cells = np.stack([truth & positive, ~truth & positive, ~truth & ~positive, truth & ~positive], axis=1)
    tp, fp, tn, fn = (weights @ cells.astype(np.float64)).T
    sensitivity, specificity = _ratio(tp, tp + fn), _ratio(tn, tn + fp)
    return {
        "accuracy": _ratio(tp + tn, tp + fp + tn + fn),
        "balanced_accuracy": (sensitivity + specificity) / 2,
        "f1": _ratio(2 * tp, 2 * tp + fp + fn),
        "sensitivity": sensitivity,
        "specificity": specificity,
        "ppv": _ratio(tp, tp + fp),
        "npv": _ratio(tn, tn + fn),
    }


def _ratio(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.full_like(part, np.nan), where=whole > 0)


def _without_groups(patients: Sequence[str]) -> Iterator[Floats]:
    """Weights that leave out each group of patients once: each single patient where there are few enough."""
    _, codes = np.unique(np.asarray(patients, dtype=str), return_inverse=True)
    groups = min(int(codes.max()) + 1, JACKKNIFE_GROUPS)
    rows = max(1, PIECE // codes.size)
    for first in range(0, groups, rows):
        left_out = np.arange(first, min(first + rows, groups))
        yield (codes % groups != left_out[:, None]).astype(np.float64)
