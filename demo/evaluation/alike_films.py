"""What a probability was worth: of the known films that a network gave about the same, how many had pneumonia."""

from dataclasses import dataclass

import numpy as np

from demo.evaluation.proportions import proportion
from export.bundle.metric import Metric
from export.bundle.scores import BundleScores

FEWEST = 20  # films that are counted, so that one of them is no more than a twentieth
DOTS = 20


@dataclass(frozen=True)
class AlikeFilms:
    """The films whose probability is nearest to one.

    Attributes:
        split: they are of.
        films: how many; FEWEST, or more where several are equally far, or fewer where there are no more.
        pneumonia: how many of them show pneumonia.
        lowest, highest: of their probabilities.
    """

    split: str
    films: int
    pneumonia: int
    lowest: float
    highest: float

    @property
    def share(self) -> Metric:
        """Of the films, those with pneumonia."""
        return proportion(self.pneumonia, self.films)

    @property
    def dots(self) -> int:
        """Of DOTS dots, those that stand for pneumonia: none or all only where no film, or every film, shows it."""
        exact = DOTS * self.pneumonia / self.films
        if 0 < self.pneumonia < self.films:
            return min(max(round(exact), 1), DOTS - 1)
        return round(exact)


def alike_films(scores: BundleScores, split: str, probability: float, fewest: int = FEWEST) -> AlikeFilms | None:
    """Count the films in the narrowest bin around a probability that holds `fewest` of them.

    Args:
        scores: films of one split.
        split: its name.
        probability: 0..1, on the scale of the scores.
        fewest: 1 or more.

    Returns:
        None where there is no film.
    """
    if not len(scores):
        return None
    distances = np.abs(scores.probabilities - probability)
    reach = np.sort(distances)[min(fewest, distances.size) - 1]
    inside = distances <= reach
    found = scores.probabilities[inside]
    ill = int((scores.labels[inside] == 1).sum())
    return AlikeFilms(split, int(inside.sum()), ill, float(found.min()), float(found.max()))
