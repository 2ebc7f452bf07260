"""The figures of the report that this project reproduces, as published: `published.json`."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PUBLISHED = Path(__file__).with_name("published.json")


@dataclass(frozen=True)
class Published:
    """One network of the report, on the 624 test films.

    Attributes:
        network: "a" or "b".
        stage: the last stage of its training: "train", "head" or "fine_tune".
        accuracy: at the threshold 0.5, 0..1.
        f1: the highest of a sweep of thresholds over the test films themselves, 0..1; None where not given.
        threshold: the threshold of that F1.
    """

    network: str
    stage: str
    accuracy: float
    f1: float | None
    threshold: float | None


@cache
def published() -> tuple[Published, ...]:
    """All networks of the report's task 2, in its order."""
    rows = json.loads(PUBLISHED.read_text(encoding="utf-8"))["networks"]
    return tuple(Published(**row) for row in rows)
