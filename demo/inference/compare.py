"""Both networks on one film: the readings side by side, and whether they agree."""

import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypedDict

import numpy as np

from demo.inference.classifier import Classifier, Reading, decide, forced
from export.bundle import Card
from train.common.errors import PneumoscopeError
from train.radiograph import PrepareSpec, read_with_warnings

log = logging.getLogger(__name__)

# A film, or the bytes of one → its pixels and what is to be warned of, as `read_with_warnings` does.
ReadFilm = Callable[[str | Path | bytes], tuple[np.ndarray, tuple[str, ...]]]


class ReadingObject(TypedDict):
    """One network's reading as `predict --json` prints it."""

    probability: float
    threshold: float
    operating_point: str
    positive: bool | None
    refused: bool
    novelty: float | None
    novelty_limit: float | None
    milliseconds: float


class Comparison(TypedDict):
    """One film as `predict --json` prints it and the page's `/compare` returns it."""

    path: str
    readings: dict[str, ReadingObject]
    agree: bool | None
    error: str | None


@dataclass(frozen=True, eq=False)
class Case:
    """One film that was read: the film itself, what there is to know about it, and each network's reading.

    Attributes:
        film: uint8 [H, W], bright is dense.
        warnings: as `read_with_warnings` gives them.
        readings: in the order of the classifiers.
    """

    film: np.ndarray
    warnings: tuple[str, ...]
    readings: tuple[Reading, ...]

    def as_comparison(self, path: str | Path) -> Comparison:
        """The object that `predict --json` prints, for a film of that path."""
        return {
            "path": str(path),
            "readings": {reading.network: _as_object(reading) for reading in self.readings},
            "agree": agreement([None if reading.refused else reading.positive for reading in self.readings]),
            "error": None,
        }


def read_case(
    source: str | Path | bytes,
    classifiers: Mapping[str, Classifier],
    operating_point: str | None = None,
    *,
    force: bool = False,
    read_film: ReadFilm = read_with_warnings,
) -> Case:
    """Read one film with every classifier. It is decoded once, and prepared once for all networks that want it alike.

    Args:
        source: a film of any kind `read_radiograph` reads, as a file or as the bytes of one.
        classifiers: by network name; their order is the order of the readings.
        operating_point: a name all cards have; None for each card's default.
        force: give a refused film's verdict too.
        read_film: what decodes it.

    Raises:
        RadiographError: the film cannot be read.
        ReadingError: a network gave no usable answer.
        UsageError: a card has no such operating point.
    """
    film, warnings = read_film(source)
    readings = _readings(film, classifiers, operating_point)
    return Case(film, tuple(warnings), tuple(map(forced, readings) if force else readings))


def decide_case(case: Case, cards: Mapping[str, Card], operating_point: str) -> Case:
    """The same case evaluated at another operating point; no network runs. Raises UsageError as `decide`."""
    readings = tuple(decide(reading, cards[reading.network], operating_point) for reading in case.readings)
    return replace(case, readings=readings)


def agreement(verdicts: Sequence[bool | None]) -> bool | None:
    """Whether all networks' verdicts (`positive`) are the same; None when fewer than two gave one or one refused."""
    if len(verdicts) < 2 or None in verdicts:
        return None
    return len(set(verdicts)) == 1


def unreliable_beside(refused: Mapping[str, bool]) -> dict[str, str]:
    """Networks that do not refuse a picture which another one refuses, each with the one that does.

    Args:
        refused: by network, whether it refuses the picture.
    """
    refusing = next((name for name, is_refused in refused.items() if is_refused), None)
    if refusing is None:
        return {}
    return {name: refusing for name, is_refused in refused.items() if not is_refused}


def withheld_by(readings: Sequence[Reading]) -> dict[str, str]:
    """Networks whose heatmap means nothing on a picture, each with the one that refuses it: itself, or another."""
    refused = {reading.network: reading.refused for reading in readings}
    return {name: name for name, is_refused in refused.items() if is_refused} | unreliable_beside(refused)


def unreliable_in(comparison: Comparison) -> dict[str, str]:
    """`unreliable_beside` for a film as `predict --json` prints it."""
    return unreliable_beside({name: reading["refused"] for name, reading in comparison["readings"].items()})


def verdict_kind(positive: bool | None) -> Literal["positive", "negative", "refused"]:
    """What a verdict is called where it needs a name: a key of the catalogue, a class of the page."""
    if positive is None:
        return "refused"
    return "positive" if positive else "negative"


def compare_film(
    path: str | Path,
    classifiers: Mapping[str, Classifier],
    operating_point: str | None = None,
    data: bytes | None = None,
    on_warning: Callable[[str], None] | None = None,
    force: bool = False,
    on_case: Callable[[str, Case], None] | None = None,
    read_film: ReadFilm = read_with_warnings,
) -> Comparison:
    """Read one film as `read_case` does. A film that cannot be read is an `error` here, never an exception.

    Args:
        path: a film of any kind `read_radiograph` reads.
        classifiers: by network name; their order is the order of the readings.
        operating_point: a name all cards have; None for each card's default.
        data: the film's bytes where it is no file; `path` is then only its name.
        on_warning: called with each thing to know about a film that was read, as that it had more frames.
        force: give a refused film's verdict too.
        on_case: called with the path and all there is of a film that was read; its errors count as the film's.
        read_film: what decodes it.

    Returns:
        `agree` is None when fewer than two networks gave a verdict.

    Raises:
        UsageError: a card has no such operating point.
    """
    for classifier in classifiers.values():
        classifier.threshold(operating_point or classifier.bundle.card.default_operating_point)
    try:
        case = read_case(path if data is None else data, classifiers, operating_point, force=force, read_film=read_film)
        if on_case is not None:
            on_case(str(path), case)
    except PneumoscopeError as error:
        log.debug("%s", path, exc_info=True)
        return _unreadable(path, " ".join(str(error).split()))
    except Exception as error:  # one bad film must never stop the others
        # Only the kind of the error: its text may quote what stands in the file, a patient's name among it.
        log.debug("%s", path, exc_info=True)
        return _unreadable(path, f"cannot be read (unexpected {type(error).__name__}); --debug shows where")
    if on_warning is not None:
        for warning in case.warnings:
            on_warning(warning)
    return case.as_comparison(path)


def _readings(film: np.ndarray, classifiers: Mapping[str, Classifier], operating_point: str | None) -> list[Reading]:
    prepared: dict[PrepareSpec, tuple[np.ndarray, float]] = {}  # the image and the milliseconds it took
    readings = []
    for classifier in classifiers.values():
        spec = classifier.bundle.card.prepare
        if spec not in prepared:
            started = time.perf_counter()
            image = classifier.prepared(film)
            prepared[spec] = image, (time.perf_counter() - started) * 1000
        readings += classifier.read_prepared(prepared[spec][0], operating_point, prepared[spec][1])
    return readings


def _unreadable(path: str | Path, error: str) -> Comparison:
    return {"path": str(path), "readings": {}, "agree": None, "error": error}


def _as_object(reading: Reading) -> ReadingObject:
    return {
        "probability": _float32_digits(reading.probability),
        "threshold": reading.threshold,
        "operating_point": reading.operating_point,
        "positive": reading.positive,
        "refused": reading.refused,
        # JSON has no NaN and no infinity. Whether such a film is refused stands beside it.
        "novelty": _float32_digits(reading.novelty)
        if reading.novelty is not None and math.isfinite(reading.novelty)
        else None,
        "novelty_limit": reading.novelty_limit,
        "milliseconds": round(reading.milliseconds, 2),
    }


def _float32_digits(value: float) -> float:
    # The fewest digits that name the graph's float32; the rest is noise of the conversion to float64.
    return float(str(np.float32(value)))
