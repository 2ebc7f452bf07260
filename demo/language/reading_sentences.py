"""What is said of a film's readings, in plain text; the page puts it into HTML, the window into labels."""

from collections.abc import Mapping

from demo.evaluation.track_record import TrackRecord
from demo.inference.classifier import Reading, forced
from demo.inference.compare import agreement, verdict_kind
from demo.inference.networks import LoadedModels
from demo.language.catalogue import Wording
from demo.language.numbers import against_limit, rounded


def why_missing(network: str, loaded: LoadedModels, words: Wording) -> str:
    """Why a network does not read films."""
    if network in loaded.faults:
        return words("compare.damaged", error=loaded.faults[network])
    return words("compare.missing", letter=network.upper(), network=network, models=loaded.folder_name)


def bar_text(reading: Reading, words: Wording) -> str:
    """What the bar shows, for who does not see it."""
    return words("compare.bar", probability=rounded(reading.probability), threshold=rounded(reading.threshold))


def why_refused(reading: Reading, words: Wording) -> str:
    """Why a refused film gets no verdict."""
    if reading.novelty is None or reading.novelty_limit is None:
        return words("compare.refused_unmeasured")
    novelty, limit = against_limit(reading.novelty, reading.novelty_limit)
    return words("compare.beyond", novelty=novelty, limit=limit)


def all_the_same(reading: Reading, words: Wording) -> tuple[str, str]:
    """What stands under the lid of a refused film: the warning, and what the verdict would be."""
    warning = words("compare.all_the_same.warning_plain" if reading.heatmap is None else "compare.all_the_same.warning")
    would_say = words(f"verdict.{verdict_kind(forced(reading).positive)}")
    return warning, words("compare.would_say", verdict=would_say)


def novelty_of_limit(reading: Reading, words: Wording) -> str | None:
    """The novelty beside its limit; None for a network without one."""
    if reading.novelty is None or reading.novelty_limit is None:
        return None
    novelty, limit = against_limit(reading.novelty, reading.novelty_limit)
    return words("compare.of_limit", novelty=novelty, limit=limit)


def agreement_lines(readings: Mapping[str, Reading], track_record: TrackRecord, words: Wording) -> tuple[str, str]:
    """Whether the networks agree ("" where that cannot be said), and how often such a pair was right or why not."""
    if len(readings) < 2:
        return "", words("compare.one_network")
    agree = agreement([None if reading.refused else reading.positive for reading in readings.values()])
    if agree is None:
        return "", words("compare.refused")
    line = words("compare.agree" if agree else "compare.disagree")
    verdicts = {name: bool(reading.positive) for name, reading in readings.items()}
    record = track_record.pair({name: reading.threshold for name, reading in readings.items()}, verdicts)
    if record is None:
        return line, ""
    if record.films == 0:
        return line, words("compare.pair_never", of_films=record.of_films)
    right_a = record.pneumonia if verdicts["a"] else record.films - record.pneumonia
    if agree:
        return line, words("compare.pair_right", films=record.films, right=right_a)
    counts = {"films": record.films, "of_films": record.of_films, "a": right_a, "b": record.films - right_a}
    return line, words("compare.pair_split", **counts)
