"""A and B averaged: what two networks reach together on the same films, the mean of their probabilities. NumPy only."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from train.common.errors import PneumoscopeError
from train.evaluation.thresholds import probability_thresholds
from train.metrics.augmented_scores import AugmentedScores
from train.metrics.cluster_bootstrap import RESAMPLES
from train.metrics.evaluate_scores import evaluate_scores
from train.metrics.operating_choices import Seen
from train.metrics.scores import SCORED_SPLITS, Scores, bounded, logistic
from train.runs.settings import OperatingSettings

#: Resamples that an average costs at most, for a bar's total.
ENSEMBLE_RESAMPLES = RESAMPLES * len(SCORED_SPLITS)

Json = dict[str, Any]


def ensemble_scores(one: Scores, other: Scores) -> Scores:
    """Average two networks' uncalibrated probabilities, film by film.

    Args:
        one, other: of the same films in the same order.

    Returns:
        Scores whose `probability` is the mean of the two.

    Raises:
        PneumoscopeError: other films, or another order.
    """
    if one.films != other.films:
        raise PneumoscopeError("only scores of the same films in the same order can be averaged")
    logits = [bounded(scores.logits) for scores in (one, other)]
    # 1 - p from the negative logits: next to 1 it would be lost in rounding.
    positive, negative = (np.mean([logistic(sign * values) for values in logits], axis=0) for sign in (1, -1))
    return Scores(one.films, one.patients, one.splits, one.labels, np.log(positive) - np.log(negative))


def ensemble_readings(one: AugmentedScores, other: AugmentedScores) -> AugmentedScores:
    """Average two networks' readings of augmented films, copy by copy; both as `ensemble_scores` takes scores.

    Raises:
        PneumoscopeError: other films, another order, or another number of copies.
    """
    if one.copies != other.copies:
        raise PneumoscopeError(
            f"only as many readings of each film can be averaged. Received: {one.copies} and {other.copies}"
        )
    copies = [ensemble_scores(one.copy(number), other.copy(number)).logits for number in range(one.copies)]
    return AugmentedScores(one.films, one.patients, one.labels, np.stack(copies, axis=1))


def evaluate_ensemble(
    pairs: Mapping[str, tuple[Scores, Scores]],
    advance: Callable[..., None] = lambda *_: None,
    augmented: tuple[AugmentedScores, AugmentedScores] | None = None,
) -> Json:
    """Evaluate the average of two networks, with thresholds of its own, chosen on validation as each network's are.

    Args:
        pairs: split → both networks' scores as `ensemble_scores` takes them; "validation" at least.
        advance: called with the number of resamples done.
        augmented: both networks' readings of the augmented validation films, to choose the thresholds on those.

    Returns:
        JSON-ready: selected_on, seen ("plain" or "augmented": which validation films), thresholds (operating point →
        threshold on the mean probability), and for each split of `pairs` what
        `train.metrics.evaluate_scores.evaluate_scores` gives.
    """
    averages = {split: ensemble_scores(*pair) for split, pair in pairs.items()}
    seen: Seen = "plain" if augmented is None else "augmented"
    readings = None if augmented is None else ensemble_readings(*augmented)
    thresholds = probability_thresholds(averages["validation"], OperatingSettings(seen=seen), readings)
    return {
        "selected_on": "validation",
        "seen": seen,
        "thresholds": thresholds,
        **{
            split: evaluate_scores(scores.labels, scores.logits, thresholds, scores.patients, advance)
            for split, scores in averages.items()
        },
    }
