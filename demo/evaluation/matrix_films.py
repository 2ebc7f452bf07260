"""The films behind one number of a confusion matrix."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from export.bundle.scores import BundleScores

Cell = Literal["tp", "fn", "fp", "tn"]
CELLS: tuple[Cell, ...] = get_args(Cell)


@dataclass(frozen=True)
class MatrixFilm:
    """A film of the matrix: its path relative to the data root, and its calibrated probability."""

    film: str
    probability: float


def films_of_cell(scores: BundleScores, threshold: float, cell: Cell) -> tuple[MatrixFilm, ...]:
    """The films that a cell counts at a threshold, the nearest to it first; films as near by name."""
    called = scores.probabilities >= threshold
    chosen = np.flatnonzero((called == (cell[1] == "p")) & ((scores.labels == 1) == (cell in ("tp", "fn"))))
    rows = sorted((abs(scores.probabilities[row] - threshold), scores.films[row], row) for row in chosen.tolist())
    return tuple(MatrixFilm(film, float(scores.probabilities[row])) for _, film, row in rows)
