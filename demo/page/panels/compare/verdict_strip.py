"""The readings of one film in a few words: on a narrow screen they stand above the film, and they are read aloud."""

from html import escape

from demo.evaluation.track_record import TrackRecord
from demo.inference.classifier import Reading
from demo.inference.compare import Case, verdict_kind
from demo.language.catalogue import Wording
from demo.language.numbers import rounded
from demo.language.reading_sentences import agreement_lines


def strip_html(case: Case | None, track_record: TrackRecord, words: Wording) -> str:
    """Each network's verdict and whether they agree; nothing without a film."""
    if case is None:
        return ""
    readings = {reading.network: reading for reading in case.readings}
    is_refused = any(reading.refused for reading in case.readings)
    cells = "".join(_cell(reading, is_refused and not reading.refused, words) for reading in case.readings)
    line, remark = agreement_lines(readings, track_record, words)
    return f"<div class='verdict-strip'>{cells}<p class='both'>{escape(line or remark)}</p></div>"


def strip_of_error(words: Wording) -> str:
    """That the last film could not be read; why stands where the readings would."""
    return f"<div class='verdict-strip fault'><p>{escape(words('compare.unreadable'))}</p></div>"


def _cell(reading: Reading, is_unreliable: bool, words: Wording) -> str:
    """A network's verdict; where another network refuses the film, this one's stands back too."""
    kind = "unreliable" if is_unreliable else verdict_kind(reading.positive)
    says = words("strip.unreliable" if is_unreliable else f"verdict.{kind}")
    number = "" if is_unreliable or reading.refused else f" <bdi dir='ltr'>{escape(rounded(reading.probability))}</bdi>"
    return (
        f"<p class='{reading.network} {kind}'><span class='badge'>{reading.network.upper()}</span> "
        f"<span>{escape(says)}{number}</span></p>"
    )
