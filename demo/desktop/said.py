"""What the window says about a reading, in plain text: the page says the same in HTML."""

from collections.abc import Mapping

from demo.classifier import Reading
from demo.compare import agreement
from demo.evidence import Evidence
from demo.readers import Readers
from demo.results import rounded
from demo.wording import Wording
from train.operating_points import DEFAULT_OPERATING_POINT, OPERATING_POINTS
from train.scores import SCORED_SPLITS

LEFT_TO_RIGHT_MARK, RIGHT_TO_LEFT_MARK = "\u200e", "\u200f"


def why_missing(network: str, readers: Readers, words: Wording) -> str:
    """Why a network does not read films."""
    if network in readers.faults:
        return words("compare.damaged", error=readers.faults[network])
    return words("compare.missing", letter=network.upper(), network=network, models=readers.folder_name)


def bar_text(reading: Reading, words: Wording) -> str:
    """What the bar shows, for who does not see it."""
    return words("compare.bar", probability=rounded(reading.probability), threshold=rounded(reading.threshold))


def numbers(reading: Reading, words: Wording) -> list[tuple[str, str, str]]:
    """The numbers of a reading: (name, value, what the name means; "" where it says so itself)."""
    found = [
        (words("word.probability"), figure(rounded(reading.probability)), words("glossary.probability")),
        (words("word.threshold"), figure(rounded(reading.threshold)), words("glossary.threshold")),
        (words("word.logit"), figure(f"{reading.logit:.2f}"), words("glossary.logit")),
        (words("word.time"), words("compare.milliseconds", milliseconds=f"{reading.milliseconds:.0f}"), ""),
    ]
    if reading.novelty is not None and reading.novelty_limit is not None:
        value = words("compare.of_limit", novelty=f"{reading.novelty:.2f}", limit=f"{reading.novelty_limit:.2f}")
        found.append((words("word.novelty"), value, words("glossary.novelty")))
    return found


def record_rows(reading: Reading, evidence: Evidence, words: Wording) -> list[tuple[str, str, str, str]]:
    """How good the network is at this threshold: (split, sensitivity, specificity, films) of each that was scored."""
    rows = []
    for split in SCORED_SPLITS:
        counts = evidence.counts(reading.network, split, reading.threshold)
        if counts is not None:
            found = f"{counts.sensitivity:.3f}", f"{counts.specificity:.3f}", f"{counts.n}"
            rows.append((words(f"word.{split}"), *found))
    return rows


def agreement_lines(readings: Mapping[str, Reading], evidence: Evidence, words: Wording) -> tuple[str, str]:
    """Whether the networks agree, and how often such a pair of verdicts was right; the second may be ""."""
    if len(readings) < 2:
        return words("compare.one_network"), ""
    agree = agreement([reading.positive for reading in readings.values()])
    if agree is None:
        return words("compare.refused"), ""
    line = words("compare.agree" if agree else "compare.disagree")
    verdicts = {name: bool(reading.positive) for name, reading in readings.items()}
    record = evidence.pair({name: reading.threshold for name, reading in readings.items()}, verdicts)
    if record is None:
        return line, ""
    if record.films == 0:
        return line, words("compare.pair_never", of_films=record.of_films)
    right_a = record.pneumonia if verdicts["a"] else record.films - record.pneumonia
    if agree:
        return line, words("compare.pair_right", films=record.films, right=right_a)
    counts = {"films": record.films, "of_films": record.of_films, "a": right_a, "b": record.films - right_a}
    return line, words("compare.pair_split", **counts)


def operating_points(words: Wording) -> list[tuple[str, str]]:
    """The operating points as (name, in words), the default first."""
    names = sorted(OPERATING_POINTS, key=lambda name: name != DEFAULT_OPERATING_POINT)
    return [(name, words(f"operating_point.{name}")) for name in names]


def line(text: str, words: Wording) -> str:
    """A text that runs in its language's direction even where it begins with a Latin letter or a number."""
    return f"{RIGHT_TO_LEFT_MARK}{text}" if words.direction == "rtl" else text


def figure(text: str) -> str:
    """A number that keeps its sign in front of it in every language."""
    return f"{LEFT_TO_RIGHT_MARK}{text}" if text[:1] in "<>-+" else text


def paragraph(html: str, direction: str = "ltr") -> str:
    """HTML of a line in its own direction; Qt knows a direction of blocks only."""
    return f"<p dir='{direction}' style='margin: 0'>{html}</p>"
