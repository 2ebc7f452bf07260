"""The readings of one film as HTML: a column per network, and between them one line on whether they agree."""

from html import escape

from demo.evaluation.alike_films import DOTS, AlikeFilms
from demo.evaluation.track_record import TrackRecord
from demo.inference.classifier import Reading
from demo.inference.compare import Case, verdict_kind
from demo.inference.networks import LoadedModels
from demo.language.catalogue import Wording
from demo.language.glossary import explained
from demo.language.numbers import rounded
from demo.language.reader_lines import reader_line
from demo.language.reading_sentences import (
    agreement_lines,
    all_the_same,
    bar_text,
    not_to_rely_on,
    novelty_of_limit,
    why_missing,
    why_refused,
    worth_lines,
)
from demo.page.panels.compare.averaged import averaged_html
from demo.page.panels.shared import network_head, unbroken, written
from export.bundle import NETWORKS, Card
from export.bundle.metric import Metric


def readings_html(case: Case | None, loaded: LoadedModels, track_record: TrackRecord, words: Wording) -> str:
    """Both columns and the line that compares them; before a film is there, the columns are empty.

    Args:
        case: the film's readings, evaluated at the operating point that is chosen.
        track_record: what the networks did on known films, for how good each is and how often such a pair was right.
    """
    readings = {reading.network: reading for reading in case.readings} if case else {}
    unreliable = not_to_rely_on(readings, words)
    columns = "".join(
        _column(name, readings.get(name), unreliable.get(name, ""), loaded, track_record, words) for name in NETWORKS
    )
    line, remark = agreement_lines(readings, track_record, words) if case else ("", words("compare.waiting"))
    line = f"<strong>{escape(line)}</strong> " if line else ""
    known = [reader_line(warning, words) for warning in (case.warnings if case else ())]
    warnings = "".join(f"<p class='notice' {written(one)}>{escape(one.text)}</p>" for one in known)
    agreed = f"<p class='agreement' role='status'>{line}{unbroken(remark)}</p>"
    return f"<div class='readings'>{columns}</div>{agreed}{warnings}{averaged_html(case, loaded, words)}"


def error_html(error: str, words: Wording) -> str:
    """A film that could not be read: the reader's own line, and what can be read."""
    line = reader_line(error, words)
    return (
        f"<div class='fault' role='alert'><strong>{escape(words('compare.unreadable'))}</strong>"
        f"<p {written(line)}>{escape(line.text)}</p><p>{escape(words('compare.readable'))}</p></div>"
    )


def _column(
    name: str, reading: Reading | None, unreliable: str, loaded: LoadedModels, track_record: TrackRecord, words: Wording
) -> str:
    head = f"<h2>{network_head(name, words)}</h2>{placeholder_html(loaded.cards.get(name), words)}"
    tone = name
    if name not in loaded.classifiers:
        body = f"<p class='notice'>{escape(why_missing(name, loaded, words))}</p>"
    elif reading is None:
        body = f"<p class='verdict none'>–</p>{_bar(None, words)}"
    elif reading.refused:
        tone += " refused"
        body = _refusal(reading, loaded.cards[name], words)
    elif unreliable:
        # What such a number was worth, and how good the network is, holds for chest films alone.
        tone += " unreliable"
        body = f"<p class='why'>{escape(unreliable)}</p>{_verdict(reading, words)}{_bar(reading, words)}"
    else:
        alike = track_record.alike(name, reading.probability)
        body = (
            f"{_verdict(reading, words)}{_bar(reading, words)}{_worth(name, alike, words)}"
            f"{record_html(name, reading.threshold, track_record, words)}"
        )
    return f"<section class='network {tone}' aria-label='{escape(words(f'network.{name}'))}'>{head}{body}</section>"


def placeholder_html(card: Card | None, words: Wording) -> str:
    """That a network only stands in, and why; "" of one that does not."""
    if card is None or not card.placeholder:
        return ""
    return (
        f"<details class='placeholder'><summary>{escape(words('compare.placeholder'))}</summary>"
        f"<p dir='ltr' lang='en'>{escape(card.placeholder_reason)}</p></details>"
    )


def _verdict(reading: Reading, words: Wording) -> str:
    kind = verdict_kind(reading.positive)
    return f"<p class='verdict {kind}'>{escape(words(f'verdict.{kind}'))}</p>"


def _refusal(reading: Reading, card: Card, words: Wording) -> str:
    """That there is no verdict and why; what there would be is behind a lid that says the same again."""
    warning, would_say = all_the_same(reading, words)
    return (
        f"{_verdict(reading, words)}<p class='why'>{unbroken(why_refused(reading, words, card))}</p>"
        f"<details class='all-the-same'><summary>{escape(words('compare.all_the_same'))}</summary>"
        f"<p>{escape(warning)}</p><p class='would-say'>{escape(would_say)}</p>{_bar(reading, words)}</details>"
    )


def _bar(reading: Reading | None, words: Wording) -> str:
    if reading is None:
        return "<div class='bar'></div>"
    probability, threshold = rounded(reading.probability), rounded(reading.threshold)
    label = bar_text(reading, words)
    numbers = [
        (explained("probability", words), probability),
        (explained("threshold", words), threshold),
        (explained("logit", words), f"{reading.logit:.2f}"),
    ]
    time = words("compare.milliseconds", milliseconds=f"{reading.milliseconds:.0f}")
    lines = [(escape(words("word.time")), time)]
    novelty = novelty_of_limit(reading, words)
    if novelty is not None:
        lines.append((explained("novelty", words), novelty))
    cells = "".join(
        f"<div{kind}><dt>{name}</dt><dd><bdi>{escape(value)}</bdi></dd></div>"
        for kind, entries in (("", numbers), (" class='line'", lines))
        for name, value in entries
    )
    return (
        f"<div class='bar' role='img' aria-label='{escape(label, quote=True)}'>"
        f"<div class='fill' style='inline-size:{reading.probability * 100:.2f}%'></div>"
        f"<div class='mark' style='inset-inline-start:{reading.threshold * 100:.2f}%'></div></div>"
        f"<dl class='numbers'>{cells}</dl>"
    )


def _worth(network: str, found: tuple[AlikeFilms, ...], words: Wording) -> str:
    """What the number was worth on known films: a strip of dots and the counts behind it."""
    if not found:
        return ""
    filled = found[0].dots
    dots = "".join(
        f"<circle class='{'ill' if place < filled else 'well'}' cx='{12 * place + 6}' cy='6' r='4.5'/>"
        for place in range(DOTS)
    )
    label = escape(words("compare.worth.dots", filled=filled, dots=DOTS), quote=True)
    first, *others = worth_lines(network, found, words)
    beside = "".join(f" <small>{unbroken(line)}</small>" for line in others)
    return (
        f"<div class='worth'><h3>{escape(words('compare.worth.title'))}</h3>"
        f"<div class='strip'><svg class='dots' viewBox='0 0 {12 * DOTS} 12' role='img' aria-label='{label}'>"
        f"{dots}</svg>"
        f"<small aria-hidden='true'>{escape(words('compare.worth.legend'))}</small></div>"
        f"<p>{unbroken(first)}{beside}</p></div>"
    )


def record_html(network: str, threshold: float, track_record: TrackRecord, words: Wording) -> str:
    """How good a network is at a threshold, on every split that was scored."""
    rows = ""
    for record in track_record.rates(network, threshold):
        films = f"<small>{escape(words('report.films', films=record.counts.n))}</small>"
        cells = f"{_rate(record.sensitivity)}{_rate(record.specificity)}"
        rows += f"<tr><th scope='row'>{escape(words(f'word.{record.split}'))} {films}</th>{cells}</tr>"
    if not rows:
        return ""
    rates = explained("sensitivity", words), explained("specificity", words)
    names = escape(words("compare.record")), *rates
    heads = "".join(f"<th scope='col'>{name}</th>" for name in names)
    return f"<table class='record'><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"


def _rate(rate: Metric | None) -> str:
    if rate is None:
        return "<td>–</td>"
    return (
        f"<td><bdi dir='ltr'>{rate.value:.3f}</bdi> <small><bdi dir='ltr'>{rate.interval().strip()}</bdi></small></td>"
    )
