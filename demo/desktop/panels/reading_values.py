"""The figures of a reading as the window lists them: names, values, and what the names mean."""

from collections.abc import Iterable, Mapping

from demo.desktop.drawing.text_direction import figure
from demo.evaluation.alike_films import DOTS
from demo.evaluation.operating_point_choices import shared_points
from demo.evaluation.track_record import TrackRecord
from demo.inference.classifier import Reading, threshold_of
from demo.language.catalogue import Wording
from demo.language.numbers import rounded
from demo.language.reading_sentences import novelty_of_limit, reached_line, worth_lines
from export.bundle import Card
from export.bundle.metric import Metric


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


def record_rows(reading: Reading, track_record: TrackRecord, words: Wording) -> list[tuple[str, str, str]]:
    """How good the network is at this threshold: (split and films, sensitivity, specificity), test first."""
    return [
        (
            f"{words(f'word.{found.split}')}\n{words('report.films', films=found.counts.n)}",
            _rate(found.sensitivity),
            _rate(found.specificity),
        )
        for found in track_record.rates(reading.network, reading.threshold)
    ]


def worth(reading: Reading, track_record: TrackRecord, words: Wording) -> tuple[str, str]:
    """What the reading's number was worth: a strip of dots, and the sentences behind it; "" twice if unknown."""
    found = track_record.alike(reading.network, reading.probability)
    if not found:
        return "", ""
    filled = found[0].dots
    return "●" * filled + "○" * (DOTS - filled), " ".join(worth_lines(reading.network, found, words))


def operating_points(words: Wording, cards: Iterable[Card] = ()) -> list[tuple[str, str]]:
    """The operating points that these cards share as (name, in words), in the order of their thresholds."""
    return [(name, words(f"operating_point.{name}")) for name in shared_points(cards)]


def reached(name: str, cards: Mapping[str, Card], track_record: TrackRecord, words: Wording) -> str:
    """What the networks reached at an operating point on known films."""
    return reached_line({network: threshold_of(card, name) for network, card in cards.items()}, track_record, words)


def _rate(rate: Metric | None) -> str:
    """A share, and below it its interval; each left to right in every language."""
    if rate is None:
        return "–"
    return "\n".join(f"\u2066{part}\u2069" for part in str(rate).split(" "))
