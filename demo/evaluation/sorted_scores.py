"""Scores as the browser gets them: sorted, exact, without a film's name; and both networks' probabilities averaged."""

import base64
from collections.abc import Mapping
from typing import TypedDict

import numpy as np
from numpy.typing import ArrayLike, NDArray

from export.bundle.evaluation import BundleEvaluation


class SortedScores(TypedDict):
    """A network's films of one split, from the highest probability down.

    probabilities: base64 of float64, little-endian, so that a film at a threshold stays at it. labels: a 0 or 1 a film.
    """

    probabilities: str
    labels: str


def sorted_scores(labels: ArrayLike, probabilities: ArrayLike) -> SortedScores:
    """Pack labels (0 or 1, [N]) and probabilities ([N]); about 12 bytes a film."""
    truth, values = np.asarray(labels), np.asarray(probabilities, dtype="<f8")
    order = falling_order(values)
    packed = base64.b64encode(values[order].tobytes()).decode("ascii")
    return {"probabilities": packed, "labels": "".join(map(str, truth[order].tolist()))}


def falling_order(probabilities: ArrayLike) -> NDArray[np.int64]:
    """Places of the probabilities ([N]) in the order in which `sorted_scores` has them."""
    return np.argsort(-np.asarray(probabilities), kind="stable")


def averaged_probabilities(
    evaluations: Mapping[str, BundleEvaluation], split: str
) -> tuple[NDArray[np.int64], NDArray[np.float64]] | None:
    """Labels [N] and the mean of both networks' calibrated probabilities [N] on a split's films.

    Returns:
        None without two networks that were scored on the very same films.
    """
    scored = [found.scores[split] for found in evaluations.values() if split in found.scores]
    if len(scored) != 2 or scored[0].films != scored[1].films:
        return None
    return scored[0].labels, np.mean([scores.probabilities for scores in scored], axis=0)
