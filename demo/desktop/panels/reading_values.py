"""The figures of a reading as the window lists them: names, values, and what the names mean."""

from collections.abc import Iterable

from demo.desktop.drawing.text_direction import figure
from demo.evaluation.operating_point_choices import shared_points
from demo.evaluation.track_record import TrackRecord
from demo.inference.classifier import Reading
from demo.language.catalogue import Wording
from demo.language.numbers import rounded
from demo.language.reading_sentences import novelty_of_limit
from export.bundle import Card
from train.metrics.scores import SCORED_SPLITS


def numbers(reading: Reading, words: Wording) -> list[tuple[str, str, str]]:
    """The numbers of a reading: (name, value, what the name means; "" where it says so itself)."""
    found = [
        (words("word.probability"), figure(rounded(reading.probability)), words("glossary.probability")),
        (words("word.threshold"), figure(rounded(reading.threshold)), words("glossary.threshold")),
        (words("word.logit"), figure(f"{reading.logit:.2f}"), words("glossary.logit")),
        (words("word.time"), words("compare.milliseconds", milliseconds=f"{reading.milliseconds:.0f}"), ""),
    ]
    novelty = novelty_of_limit(reading, words)
    if novelty is not None:
        found.append((words("word.novelty"), novelty, words("glossary.novelty")))
    return found


def record_rows(reading: Reading, track_record: TrackRecord, words: Wording) -> list[tuple[str, str, str, str]]:
    """How good the network is at this threshold: (split, sensitivity, specificity, films) of each that was scored."""
    rows = []
    for split in SCORED_SPLITS:
        counts = track_record.counts(reading.network, split, reading.threshold)
        if counts is not None:
            found = f"{counts.sensitivity:.3f}", f"{counts.specificity:.3f}", f"{counts.n}"
            rows.append((words(f"word.{split}"), *found))
    return rows


def operating_points(words: Wording, cards: Iterable[Card] = ()) -> list[tuple[str, str]]:
    """The operating points that these cards share as (name, in words), the default first."""
    return [(name, words(f"operating_point.{name}")) for name in shared_points(cards)]
