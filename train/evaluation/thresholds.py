"""The thresholds of a network's operating points, from its validation films as they are or as seen augmented."""

from collections.abc import Mapping
from typing import Any

from numpy.typing import ArrayLike

from train.common.errors import PneumoscopeError
from train.metrics.augmented_scores import AugmentedScores, require_same_films
from train.metrics.operating_points import HALF, choose_operating_points
from train.metrics.scores import Scores, bounded, logistic
from train.runs.settings import OperatingSettings


def choose_thresholds(labels: ArrayLike, logits: ArrayLike) -> dict[str, float]:
    """The operating points as thresholds on the logit, in the order of POINT_NAMES.

    `logistic(threshold)` and `logistic(threshold / temperature)` make the same calls on the
    uncalibrated and on the calibrated probability. Raises as `evaluate_scores`.
    """
    return {**choose_operating_points(labels, bounded(logits)), HALF: 0.0}


def thresholds_seen(
    rows: Scores, operating: OperatingSettings, augmented: AugmentedScores | None = None
) -> dict[str, float]:
    """The same of validation films, as they are or as `operating.seen` says.

    Args:
        rows: their scores.
        operating: what they are chosen from.
        augmented: their readings through the augmentation; needed where `operating.seen` is "augmented".

    Raises:
        PneumoscopeError: as `evaluate_scores`, or the readings are missing or of other films.
    """
    if operating.seen == "plain":
        return choose_thresholds(rows.labels, rows.logits)
    labels, logits, _ = require_same_films(augmented, rows).all_readings()
    return choose_thresholds(labels, logits)


def probability_thresholds(
    scores: Scores,
    operating: OperatingSettings = OperatingSettings(),  # noqa: B008  # frozen
    augmented: AugmentedScores | None = None,
) -> dict[str, float]:
    """`thresholds_seen` as thresholds on the uncalibrated probability, as evaluation.json freezes them."""
    chosen = thresholds_seen(scores, operating, augmented)
    return {name: float(logistic(threshold)) for name, threshold in chosen.items()}


def operating_of(evaluation: Mapping[str, Any]) -> OperatingSettings:
    """From what an evaluation's thresholds were chosen; those from before the choice was written down: the defaults.

    Raises:
        PneumoscopeError: a choice that this version does not know.
    """
    try:
        return OperatingSettings.model_validate(evaluation.get("operating") or {})
    except ValueError:
        raise PneumoscopeError(
            f"unknown choice of operating points: {evaluation['operating']}; evaluate again"
        ) from None
