"""A and B averaged: a third reading of a film, at a threshold of its own that was frozen on validation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from demo.inference.classifier import Reading
from export.bundle import NETWORKS
from train.metrics.scores import bounded, logistic


@dataclass(frozen=True)
class AveragedReading:
    """What both networks say together about one film.

    Attributes:
        probability: mean of both probabilities before calibration, 0..1: the scale its threshold is on.
        threshold: of the operating point.
        positive: probability >= threshold; None where a network refuses the film.
        refused_by: the networks that refuse it.
    """

    probability: float
    threshold: float
    operating_point: str
    positive: bool | None
    refused_by: tuple[str, ...]


def averaged_reading(readings: Sequence[Reading], thresholds: Mapping[str, float]) -> AveragedReading | None:
    """Average both networks' readings of one film, as `train.evaluation.ensemble.ensemble_scores` does.

    Args:
        readings: at one operating point.
        thresholds: operating point → the average's own threshold, as comparison.json freezes it.

    Returns:
        None where a network gave no reading, or that operating point has no threshold of the average.
    """
    by_network = {reading.network: reading for reading in readings}
    points = {reading.operating_point for reading in readings}
    if set(by_network) != set(NETWORKS) or len(points) != 1 or not points <= set(thresholds):
        return None
    point = points.pop()
    logits = bounded([by_network[network].logit for network in NETWORKS])
    probability = float(np.mean(logistic(logits)))
    refused_by = tuple(network for network in NETWORKS if by_network[network].refused)
    positive = None if refused_by else probability >= thresholds[point]
    return AveragedReading(probability, thresholds[point], point, positive, refused_by)
