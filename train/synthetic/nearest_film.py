"""How near a film is to its nearest training film, against how near films of different patients are.

Two measures, both over films at 64 px: the whole film, where posture and exposure count most, and its detail (the
film less its blur), where the anatomy by which a patient might be known again counts most. A film is standardised
(mean 0, length 1), so that a distance d is also a correlation of 1 - d²/2. The nearest film of either class is
meant, upright or mirrored left to right.
"""

from dataclasses import dataclass

import cv2
import numpy as np

MEASURES = ("film", "detail")
# A synthetic film must lie farther from every training film than this share of the training films, in %, lie from the
# nearest film of another patient: so it resembles no patient more than strangers resemble each other. A percentile and
# not the minimum, because one pair of odd films would set that; stricter than 1 %, because drawing again costs little.
LIMIT_PERCENTILE = 5.0
PERCENTILES = (0, 1, 5, 25, 50, 75, 100)

_SIDE = 64
_BLUR = 3.0  # pixels of _SIDE
# Nearer than this (a correlation above 0.9998) two films are one film under two names, not two patients.
_COPY = 0.02
_BLOCK = 512  # films compared at once


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The training films as the measures see them, and how near those of different patients are.

    Attributes:
        standardised: per measure float32 [N, 4096].
        between: per measure float64 [N], sorted: each film's distance to its nearest film of another patient.
    """

    standardised: dict[str, np.ndarray]
    between: dict[str, np.ndarray]

    @property
    def limits(self) -> dict[str, float]:
        """Per measure the distance under which a film is too near."""
        return {measure: float(np.percentile(self.between[measure], LIMIT_PERCENTILE)) for measure in MEASURES}


@dataclass(frozen=True)
class Nearest:
    """The nearest training film by one measure.

    Attributes:
        distance: 0 (the same film) to 2.
        correlation: 1 - distance²/2.
        percentile: share in % of the training films that have another patient's film nearer than that.
        mirrored: whether the training film was nearer mirrored.
    """

    distance: float
    correlation: float
    percentile: float
    mirrored: bool


def measure_neighbours(films: np.ndarray, patients: list[str]) -> Neighbours:
    """Measure the training films, uint8 [N, S, S], against each other.

    Raises:
        ValueError: there are no different films of two patients.
    """
    ids = np.unique(patients, return_inverse=True)[1]
    standardised, between = {}, {}
    for measure in MEASURES:
        rows = np.stack([_standardised(film, measure) for film in films])
        nearest = np.full(len(rows), np.inf)
        for start in range(0, len(rows), _BLOCK):
            part = slice(start, start + _BLOCK)
            upright, mirrored = (_distances(rows[part], other) for other in (rows, _mirrored(rows)))
            same = (ids[part, None] == ids) | (np.minimum(upright, mirrored) < _COPY)
            nearest[part] = np.where(same, np.inf, np.minimum(upright, mirrored)).min(axis=1)
        if not np.isfinite(nearest).any():
            raise ValueError("expected different films of at least two patients")
        standardised[measure], between[measure] = rows, np.sort(nearest[np.isfinite(nearest)])
    return Neighbours(standardised, between)


def nearest_of(film: np.ndarray, neighbours: Neighbours) -> dict[str, Nearest]:
    """The film's nearest training film, of whatever patient, by each measure; uint8 [H, W]."""
    found = {}
    for measure in MEASURES:
        row = _standardised(film, measure)[None]
        upright, mirrored = (
            float(_distances(version, neighbours.standardised[measure]).min()) for version in (row, _mirrored(row))
        )
        distance = min(upright, mirrored)
        nearer = np.searchsorted(neighbours.between[measure], distance) / len(neighbours.between[measure])
        found[measure] = Nearest(
            distance=round(distance, 4),
            correlation=round(1 - distance**2 / 2, 4),
            percentile=round(100 * float(nearer), 2),
            mirrored=mirrored < upright,
        )
    return found


def too_near(nearest: dict[str, Nearest], limits: dict[str, float]) -> bool:
    """Whether the film is nearer than the limit by any measure."""
    return any(nearest[measure].distance < limits[measure] for measure in MEASURES)


def _standardised(film: np.ndarray, measure: str) -> np.ndarray:
    """float32 [4096] of mean 0 and length 1; a flat film is all 0."""
    small = cv2.resize(film, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    if measure == "detail":
        small -= cv2.GaussianBlur(small, (0, 0), _BLUR)
    small -= small.mean()
    return (small / max(float(np.linalg.norm(small)), 1e-6)).ravel()


def _mirrored(rows: np.ndarray) -> np.ndarray:
    return rows.reshape(-1, _SIDE, _SIDE)[:, :, ::-1].reshape(len(rows), -1)


def _distances(rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    squares = (rows**2).sum(axis=1)[:, None] + (others**2).sum(axis=1) - 2 * (rows @ others.T)
    return np.sqrt(np.maximum(squares, 0))
