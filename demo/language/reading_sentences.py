"""What is said of a film's readings, in plain text; the page puts it into HTML, the window into labels.

Figures of the test films stand first, those of validation beside them.
"""

from collections.abc import Mapping

from demo.evaluation.alike_films import AlikeFilms
from demo.evaluation.proportions import proportion
from demo.evaluation.track_record import PairRecord, TrackRecord
from demo.inference.averaged import AveragedReading
from demo.inference.classifier import Reading, forced
from demo.inference.compare import Comparison, agreement, unreliable_beside, unreliable_in, verdict_kind
from demo.inference.networks import LoadedModels
from demo.language.catalogue import Wording
from demo.language.numbers import against_limit, isolated, percent, rounded, share_text
from export.bundle import Card
from export.bundle.card_figures import card_figures

NO_BREAK = "\u00a0"


def why_missing(network: str, loaded: LoadedModels, words: Wording) -> str:
    """Why a network does not read films."""
    if network in loaded.faults:
        return words("compare.damaged", error=loaded.faults[network])
    return words("compare.missing", letter=network.upper(), network=network, models=loaded.folder_name)


def bar_text(reading: Reading, words: Wording) -> str:
    """What the bar shows, for who does not see it."""
    return words("compare.bar", probability=rounded(reading.probability), threshold=rounded(reading.threshold))


def why_refused(reading: Reading, words: Wording, card: Card | None = None) -> str:
    """Why a refused film gets no verdict; with its card, how often the network refuses chest films."""
    if reading.novelty is None or reading.novelty_limit is None:
        return words("compare.refused_unmeasured")
    novelty, limit = against_limit(reading.novelty, reading.novelty_limit)
    line = words("compare.beyond", novelty=novelty, limit=limit)
    return " ".join(filter(None, (line, chest_films_refused(card, words) if card else "")))


def chest_films_refused(card: Card, words: Wording) -> str:
    """How often a network refuses chest films; "" where that is not known, or never."""
    films_refused = card_figures(card).test_refused
    if films_refused is None or not films_refused.value:
        return ""
    return words("compare.refused_too", share=share_text(films_refused, words))


def all_the_same(reading: Reading, words: Wording) -> tuple[str, str]:
    """What stands under the lid of a refused film: the warning, and what the verdict would be."""
    warning = words("compare.all_the_same.warning_plain" if reading.heatmap is None else "compare.all_the_same.warning")
    would_say = words(f"verdict.{verdict_kind(forced(reading).positive)}")
    return warning, words("compare.would_say", verdict=would_say)


def not_to_rely_on(readings: Mapping[str, Reading], words: Wording) -> dict[str, str]:
    """By network whose reading is worth nothing since another one refuses the picture: a line that says so."""
    found = unreliable_beside({name: reading.refused for name, reading in readings.items()})
    return {
        other: words("compare.unreliable", refusing=refusing.upper(), other=other.upper())
        for other, refusing in found.items()
    }


def novelty_of_limit(reading: Reading, words: Wording) -> str | None:
    """The novelty beside its limit; None for a network without one."""
    if reading.novelty is None or reading.novelty_limit is None:
        return None
    novelty, limit = against_limit(reading.novelty, reading.novelty_limit)
    return words("compare.of_limit", novelty=novelty, limit=limit)


def worth_lines(network: str, found: tuple[AlikeFilms, ...], words: Wording) -> list[str]:
    """What a probability was worth by `TrackRecord.alike`: a sentence, and a shorter one on the next split."""
    lines = []
    for place, alike in enumerate(found):
        counts = {"films": alike.films, "split": words(f"word.{alike.split}"), "pneumonia": alike.pneumonia}
        share = share_text(alike.share, words)
        if place:
            lines.append(words("compare.worth.beside", **counts, share=share))
        else:
            given = range_text(alike.lowest, alike.highest, words)
            # Where both ends are written alike, so are films that are not among the nearest.
            key = "compare.worth.nearest" if rounded(alike.lowest) == rounded(alike.highest) else "compare.worth"
            lines.append(words(key, **counts, network=network.upper(), range=given, share=share))
    return lines


def range_text(lowest: float, highest: float, words: Wording) -> str:
    """A range of probabilities; one number where both ends are written alike."""
    low, high = rounded(lowest), rounded(highest)
    if low == high:
        return isolated(low, words)
    return words("compare.worth.range", low=isolated(low, words), high=isolated(high, words))


def reached_line(thresholds: Mapping[str, float], track_record: TrackRecord, words: Wording) -> str:
    """What each network finds at its threshold, and its false alarms: on test, or else on validation; "" if unknown."""
    reached: dict[str, list[str]] = {}
    for network, threshold in thresholds.items():
        for record in track_record.rates(network, threshold)[:1]:
            if record.sensitivity is not None and record.false_alarms is not None:
                found, alarms = (
                    isolated(percent(rate.value, words).replace(" ", NO_BREAK), words)
                    for rate in (record.sensitivity, record.false_alarms)
                )
                line = words("operating_point.reach", network=network.upper(), found=found, alarms=alarms)
                reached.setdefault(record.split, []).append(line)
    return " ".join(
        words("operating_point.reached_on", split=words(f"word.{split}"), reached="; ".join(lines))
        for split, lines in reached.items()
    )


def agreement_lines(readings: Mapping[str, Reading], track_record: TrackRecord, words: Wording) -> tuple[str, str]:
    """Whether the networks agree ("" where that cannot be said), and how often such a pair was right or why not."""
    if len(readings) < 2:
        return "", words("compare.one_network")
    agree = agreement([None if reading.refused else reading.positive for reading in readings.values()])
    if agree is None:
        return " ".join(not_to_rely_on(readings, words).values()), words("compare.refused")
    verdicts = {name: bool(reading.positive) for name, reading in readings.items()}
    return pair_lines(verdicts, {name: reading.threshold for name, reading in readings.items()}, track_record, words)


def pair_lines(
    verdicts: Mapping[str, bool], thresholds: Mapping[str, float], track_record: TrackRecord, words: Wording
) -> tuple[str, str]:
    """Whether two verdicts agree, and how often such a pair at these thresholds was right."""
    agree = len(set(verdicts.values())) == 1
    line = words("compare.agree" if agree else "compare.disagree")
    records = track_record.pairs(thresholds, verdicts)
    sentences = [_pair_sentence(record, verdicts, agree, words) for record in records]
    if records and records[0].split != "test":
        sentences.append(words("compare.no_test"))
    return line, " ".join(sentences)


def averaged_line(reading: AveragedReading, words: Wording) -> str:
    """What A and B averaged say of a film, with its own threshold; or whose refusal keeps them from it."""
    if reading.refused_by:
        return words("compare.averaged.refused", networks=", ".join(name.upper() for name in reading.refused_by))
    return words(
        "compare.averaged.verdict",
        verdict=words(f"verdict.{verdict_kind(reading.positive)}"),
        probability=isolated(rounded(reading.probability), words),
        threshold=isolated(rounded(reading.threshold), words),
    )


def row_verdict(comparison: Comparison, words: Wording) -> str:
    """Whether the networks agree on a film of many, or why that is not to be asked."""
    for other, refusing in unreliable_in(comparison).items():
        return words("batch.row.unreliable", refusing=refusing.upper(), other=other.upper())
    state = {True: "agree", False: "differ", None: "unjudged"}[comparison["agree"]]
    return words(f"batch.row.{state}")


def _pair_sentence(record: PairRecord, verdicts: Mapping[str, bool], agree: bool, words: Wording) -> str:
    split = words(f"word.{record.split}")
    if record.films == 0:
        return words("compare.pair_never", split=split, of_films=record.of_films)
    right_a = record.right(verdicts["a"])
    share = share_text(proportion(right_a, record.films), words)
    if agree:
        return words("compare.pair_right", split=split, films=record.films, right=right_a, share=share)
    counts = {"films": record.films, "of_films": record.of_films, "a": right_a, "b": record.films - right_a}
    return words("compare.pair_split", split=split, share=share, **counts)
