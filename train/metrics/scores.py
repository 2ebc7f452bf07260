"""A network's scores, film by film, and their file scores.csv."""

import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from train.common.atomic import write_text
from train.common.errors import PneumoscopeError, made_by

COLUMNS = ("film", "patient", "split", "label", "logit")
#: The splits that a network is evaluated on; scores may also hold SHIFTED films (`train.data.shifted_split`), to
#: compare trainings.
SCORED_SPLITS = ("validation", "test")
SHIFTED: Literal["shifted"] = "shifted"
#: The split of a cohort of another hospital (`train.data.external`); it is kept in a file of its own.
EXTERNAL: Literal["external"] = "external"
LOGIT_LIMIT = 30.0  # 1 - probability is 1e-13 here: still told apart from 1 in float64


class ScoresError(PneumoscopeError):
    """Scores that cannot be evaluated."""


class DivergedError(ScoresError):
    """A logit that is no finite number: not the file is wrong but the network."""


@dataclass(frozen=True, eq=False)
class Scores:
    """Raw scores of the films of a cohort, one entry per film in every field.

    Fields:
        films: paths relative to the cohort's root, POSIX.
        patients: patient ids.
        splits: "validation", "test", "shifted" or "external".
        labels: int64 [N], 0 normal, 1 pneumonia.
        logits: float64 [N], before calibration; the probability is `probability(logits)`.

    Raises:
        ScoresError: fields of different lengths, a film twice, another split or label, a NaN or infinite
            logit.
    """

    films: tuple[str, ...]
    patients: tuple[str, ...]
    splits: tuple[str, ...]
    labels: NDArray[np.int64]
    logits: NDArray[np.float64]

    def __post_init__(self) -> None:
        columns = (self.films, self.patients, self.splits, self.labels, self.logits)
        lengths = [len(column) for column in columns]
        if len(set(lengths)) > 1:
            raise ScoresError(f"expected one entry per film in every field. Received lengths: {lengths}")
        seen: set[str] = set()
        for film, _, split, label, logit in zip(*columns, strict=True):
            if film in seen:
                raise ScoresError(f"film {film} occurs twice")
            seen.add(film)
            _refuse(f"film {film}", split, label, logit)
        # The arrays are copied and locked, so that frozen means frozen.
        object.__setattr__(self, "labels", _locked(self.labels, np.int64))
        object.__setattr__(self, "logits", _locked(self.logits, np.float64))

    def __len__(self) -> int:
        return len(self.films)

    def of_split(self, split: str) -> Self:
        """The films of one split, in their order; possibly none."""
        return self.of_rows([name == split for name in self.splits])

    def of_rows(self, wanted: ArrayLike) -> Self:
        """The films marked True, bool [N], in their order; possibly none."""
        rows = np.flatnonzero(np.asarray(wanted, dtype=bool))
        return type(self)(
            films=tuple(self.films[row] for row in rows),
            patients=tuple(self.patients[row] for row in rows),
            splits=tuple(self.splits[row] for row in rows),
            labels=self.labels[rows],
            logits=self.logits[rows],
        )


def bounded(logits: ArrayLike) -> NDArray[np.float64]:
    """Logits held within ±LOGIT_LIMIT: films that no probability could tell apart count as tied."""
    return np.clip(np.asarray(logits, dtype=np.float64), -LOGIT_LIMIT, LOGIT_LIMIT)


def probability(logits: ArrayLike) -> NDArray[np.float64]:
    """Uncalibrated probability of pneumonia of films: the logistic function of the bounded logits."""
    return logistic(bounded(logits))


def logistic(logits: ArrayLike) -> NDArray[np.float64]:
    """Logistic function, elementwise. For thresholds: one above every bounded film stays above it."""
    # Beyond 700 the exponential leaves float64.
    return 1 / (1 + np.exp(-np.clip(np.asarray(logits, dtype=np.float64), -700, 700)))


def log_loss(labels: ArrayLike, logits: ArrayLike) -> float:
    """Mean cross-entropy in nats, from logits: a confident error costs what it should, not what float64 can express."""
    raw = np.asarray(logits, dtype=np.float64)
    return float(np.mean(np.logaddexp(0, raw) - np.asarray(labels) * raw))


def write_scores(path: Path, scores: Scores) -> None:
    """Write scores.csv atomically; logits keep every bit."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(COLUMNS)
    columns = (scores.films, scores.patients, scores.splits, scores.labels.tolist(), scores.logits.tolist())
    rows.writerows(zip(*columns, strict=True))
    write_text(path, text.getvalue())


def joined(first: Scores, second: Scores) -> Scores:
    """Return the rows of both, first's before second's.

    Raises:
        ScoresError: a film stands in both.
    """
    return Scores(
        films=first.films + second.films,
        patients=first.patients + second.patients,
        splits=first.splits + second.splits,
        labels=np.concatenate([first.labels, second.labels]),
        logits=np.concatenate([first.logits, second.logits]),
    )


def read_scores(path: Path, data: bytes | None = None) -> Scores:
    """Read scores.csv.

    Args:
        path: the file.
        data: its bytes, where they were read already.

    Raises:
        ScoresError: no such file, no CSV, other columns, no rows, or a row that is not right: it is named by
            its line.
    """
    try:
        return _read(path, path.read_bytes() if data is None else data)
    except FileNotFoundError:
        raise ScoresError(f"{path}: no such file; score the run first: {_command(path)}") from None
    except DivergedError:
        raise
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ScoresError(f"{path}: cannot be read as CSV ({error}); made anew by: {_command(path)}") from None
    except ScoresError as error:
        raise ScoresError(f"{error}; made anew by: {_command(path)}") from None


def _command(path: Path) -> str:
    return made_by(path, f" --{EXTERNAL}" if path.stem == EXTERNAL else "")


def _read(path: Path, data: bytes) -> Scores:
    lines = csv.DictReader(io.StringIO(data.decode(), newline=""), strict=True)
    if lines.fieldnames is None or not set(COLUMNS) <= set(lines.fieldnames):
        raise ScoresError(f"{path}: expected the columns {', '.join(COLUMNS)}. Received: {lines.fieldnames}")
    rows = [_row(line, f"{path}, line {lines.line_num}") for line in lines]
    if not rows:
        raise ScoresError(f"{path}: holds no films")
    films, patients, splits, labels, logits = zip(*rows, strict=True)
    try:
        return Scores(films, patients, splits, np.array(labels), np.array(logits))
    except ScoresError as error:
        raise type(error)(f"{path}: {error}") from None


def _row(line: dict[str, str | None], where: str) -> tuple[str, str, str, int, float]:
    film, patient, split, label, logit = (line[name] for name in COLUMNS)
    if film is None or patient is None or split is None or label is None or logit is None or None in line:
        raise ScoresError(f"{where}: too few or too many values")
    try:
        values = int(label), float(logit)
    except ValueError:
        raise ScoresError(
            f"{where} ({film}): expected a label and a logit as numbers. Received: {label!r}, {logit!r}"
        ) from None
    _refuse(f"{where} ({film})", split, *values)
    return film, patient, split, *values


def _refuse(where: str, split: str, label: float, logit: float) -> None:
    """Raise what is wrong with a film's scores."""
    if split not in (*SCORED_SPLITS, SHIFTED, EXTERNAL):
        raise ScoresError(f"{where}: split must be validation, test, shifted or external. Received: {split!r}")
    if label not in (0, 1):
        raise ScoresError(f"{where}: label must be 0 (normal) or 1 (pneumonia). Received: {label}")
    if not np.isfinite(logit):
        raise DivergedError(
            f"{where}: logit is {logit}: the network has diverged; train it again, with a lower learning rate"
        )


def _locked(values: ArrayLike, kind: type[np.generic]) -> NDArray[np.generic]:
    array = np.array(values, dtype=kind)
    array.setflags(write=False)
    return array
