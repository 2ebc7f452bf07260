"""A network's readings of validation films seen through the run's augmentation, and their file. No TensorFlow here.

Networks separate ordinary validation films almost perfectly, so that a threshold between the classes may lie anywhere,
and a temperature fitted there says that the network is never wrong. Films changed as in training are harder.
"""

import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from train.common.atomic import write_text
from train.common.errors import PneumoscopeError, made_by
from train.metrics.scores import DivergedError, Scores, ScoresError

#: Readings of each film; each is another picture of it.
COPIES = 4
#: Of the draws: the same for every run, so that two networks with the same augmentation read the same pictures.
SEED = 0
COLUMNS = ("film", "patient", "label")
#: A last column, the same in every row; files from before have none.
WEIGHTS = "weights"


@dataclass(frozen=True, eq=False)
class AugmentedScores:
    """Readings of films, each of them several times.

    Fields:
        films, patients: of N films.
        labels: int64 [N], 0 or 1.
        logits: float64 [N, K], a column per copy.
        weights: checksum of the network's best.keras; empty where it is not known.

    Raises:
        ScoresError: fields of different lengths, no film, a film twice, a label other than 0 and 1, a NaN or infinite
            logit.
    """

    films: tuple[str, ...]
    patients: tuple[str, ...]
    labels: NDArray[np.int64]
    logits: NDArray[np.float64]
    weights: str = ""

    def __post_init__(self) -> None:
        labels, logits = np.array(self.labels, dtype=np.int64), np.array(self.logits, dtype=np.float64)
        if (
            logits.ndim != 2
            or not logits.size
            or not len(self.films) == len(self.patients) == len(labels) == len(logits)
        ):
            raise ScoresError("augmented scores: expected an entry and at least one logit per film in every field")
        # The checks of a film's row are those of scores.csv, copy by copy.
        for copy in logits.T:
            Scores(self.films, self.patients, ("validation",) * len(labels), labels, copy)
        for array in (labels, logits):
            array.setflags(write=False)
        object.__setattr__(self, "labels", labels)
        object.__setattr__(self, "logits", logits)

    @property
    def copies(self) -> int:
        """K."""
        return self.logits.shape[1]

    def copy(self, number: int) -> Scores:
        """One reading of every film, as scores of the split "validation"."""
        splits = ("validation",) * len(self.films)
        return Scores(self.films, self.patients, splits, self.labels, self.logits[:, number])

    def all_readings(self) -> tuple[NDArray[np.int64], NDArray[np.float64], tuple[str, ...]]:
        """Labels [N·K], logits [N·K] and patients (N·K of them), film by film."""
        patients = tuple(patient for patient in self.patients for _ in range(self.copies))
        return np.repeat(self.labels, self.copies), self.logits.ravel(), patients

    def of_films(self, rows: NDArray[np.bool_]) -> Self:
        """The films marked True, bool [N]."""
        kept = np.flatnonzero(rows)
        films, patients = (tuple(names[row] for row in kept) for names in (self.films, self.patients))
        return type(self)(films, patients, self.labels[kept], self.logits[kept], self.weights)

    def in_order_of(self, scores: Scores) -> Self:
        """The same in the order of a run's validation scores.

        Raises:
            ScoresError: other films, or other labels.
        """
        place = {film: row for row, film in enumerate(self.films)}
        if set(place) != set(scores.films):
            raise ScoresError(
                "the augmented scores are of other films than the validation scores; made anew by: "
                "pneumoscope evaluate RUN --augmented"
            )
        rows = [place[film] for film in scores.films]
        if self.labels[rows].tolist() != scores.labels.tolist():
            raise ScoresError(
                "the augmented scores have other labels than the validation scores; made anew by: "
                "pneumoscope evaluate RUN --augmented"
            )
        return type(self)(scores.films, scores.patients, self.labels[rows], self.logits[rows], self.weights)


def write_augmented(path: Path, scores: AugmentedScores) -> None:
    """Write validation_augmented.csv atomically: film, patient, label, logit_1 … logit_K to the last bit, weights."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    weights = (scores.weights,) if scores.weights else ()
    rows.writerow((*COLUMNS, *(f"logit_{copy + 1}" for copy in range(scores.copies)), *((WEIGHTS,) if weights else ())))
    columns = zip(scores.films, scores.patients, scores.labels.tolist(), scores.logits.tolist(), strict=True)
    rows.writerows((film, patient, label, *logits, *weights) for film, patient, label, logits in columns)
    write_text(path, text.getvalue())


def read_augmented(path: Path) -> AugmentedScores:
    """Read validation_augmented.csv.

    Raises:
        ScoresError: no such file, or one that is damaged.
    """
    again = made_by(path, " --augmented")
    try:
        return _read(path)
    except FileNotFoundError:
        raise ScoresError(f"{path}: no such file; for it: {again}") from None
    except DivergedError as error:
        raise ScoresError(f"{path}: {error}") from None
    except ScoresError as error:
        raise ScoresError(f"{path}: {error}; made anew by: {again}") from None
    except (OSError, UnicodeDecodeError, csv.Error, ValueError) as error:
        raise ScoresError(f"{path}: cannot be read ({error}); made anew by: {again}") from None


def _read(path: Path) -> AugmentedScores:
    rows = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"), newline=""), strict=True))
    head, *lines = rows or [[]]
    known = head[-1:] == [WEIGHTS]
    copies = len(head) - len(COLUMNS) - known
    if tuple(head[: len(head) - known]) != (*COLUMNS, *(f"logit_{copy + 1}" for copy in range(copies))) or copies < 1:
        raise ScoresError(f"expected the columns {', '.join(COLUMNS)}, logit_1, … Received: {head}")
    if not lines or any(len(line) != len(head) for line in lines):
        raise ScoresError("no films, or too few or too many values in a line")
    films, patients, labels = (tuple(line[column] for line in lines) for column in range(len(COLUMNS)))
    logits = np.array([line[len(COLUMNS) :][:copies] for line in lines], dtype=np.float64)
    weights = {line[-1] for line in lines} if known else {""}
    if len(weights) > 1:
        raise ScoresError(f"holds readings of {len(weights)} networks")
    return AugmentedScores(films, patients, np.array([int(label) for label in labels]), logits, *weights)


def require_same_films(augmented: AugmentedScores | None, rows: Scores) -> AugmentedScores:
    """The augmented readings of these validation scores, in their order.

    Raises:
        PneumoscopeError: there are none, or they are of other films.
    """
    if augmented is None:
        raise PneumoscopeError(
            "thresholds and calibration are to be chosen on augmented validation films, there are no such readings: "
            "pneumoscope evaluate RUN --augmented"
        )
    return augmented.in_order_of(rows)
