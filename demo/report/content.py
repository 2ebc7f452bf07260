"""What a report says, in words and figures: the same for its HTML and its PDF, which only lay it out."""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from importlib.metadata import version
from typing import Literal

from demo.evaluation.proportions import complement
from demo.evaluation.track_record import TrackRecord
from demo.inference.classifier import Reading
from demo.inference.compare import Case, agreement, verdict_kind
from demo.language.catalogue import Wording
from demo.language.colours import NETWORK_COLOURS
from demo.language.heatmap_sentences import faint_sentence
from demo.language.numbers import against_limit, rounded
from demo.language.reader_lines import reader_line
from demo.language.reading_sentences import agreement_lines, not_to_rely_on
from demo.report.parts import AND, Cell, Column, Content, Part, Row, Typed
from demo.report.safe_text import bounded, direction_of, tidy
from export.bundle import MODEL, Card
from export.bundle.card_figures import CardFigures, PointFigures, SplitFigures, card_figures
from export.bundle.evaluation import OperatingMetrics
from export.bundle.metric import Metric

FINGERPRINT_DIGITS = 12
CARD_TEXT_LENGTH = 300  # characters of a card's own text; the shipped ones have fewer
MOST_DECIMALS = 9
MINUS = "\u2212"


LABELS = (
    "heading",
    "page",
    "typed_title",
    "typed_note",
    "warnings",
    "created",
    "made_by",
    "networks",
    "placeholder",
    "verdict",
    "probability",
    "mark",
    "heatmap",
    "heatmap_how",
    "limits",
)


def report_content(
    case: Case,
    cards: Mapping[str, Card],
    track_record: TrackRecord,
    title: str,
    note: str,
    created: datetime,
    words: Wording,
) -> Content:
    """Put a case into words.

    Args:
        case: with at least one reading.
        cards: of every network that read it.
        track_record: what they did on known films.
        title, note: as they were typed.
        created: aware.
        words: of the report's language.
    """
    pairs = [(reading, cards[reading.network]) for reading in case.readings]
    note_lines = tidy(note, lines=True).split("\n") if tidy(note) else []
    readings = {reading.network: reading for reading in case.readings}
    unreliable = not_to_rely_on(readings, words)
    kind, line = _agreement(case.readings, " ".join(unreliable.values()), words)
    record = "" if kind == "none" else agreement_lines(readings, track_record, words)[1]
    # What is worth nothing on this film is not printed: paper is read by who cannot ask.
    relied_on = [
        reading.network for reading in case.readings if not reading.refused and reading.network not in unreliable
    ]
    labels = {name: words(f"report.{name}") for name in LABELS}
    labels["disclaimer"] = words("disclaimer.short")
    labels["heatmap_scale"] = words("heatmap.scale")
    return Content(
        language=words.language,
        direction=words.direction,
        product=f"{words('app.name')} {version('pneumoscope')}",
        created=_time(created),
        title=_typed(tidy(title), words),
        note=tuple(_typed(line, words) for line in note_lines),
        film_alt=words("report.film_alt"),
        warnings=tuple(_warning(tidy(warning), words) for warning in case.warnings),
        agreement=line,
        record=record,
        agreement_kind=kind,
        columns=tuple(_column(*pair, unreliable.get(pair[0].network, ""), words) for pair in pairs),
        reading_rows=tuple(_reading_rows(pairs, relied_on, track_record, words)),
        network_rows=tuple(_network_rows([card for _, card in pairs], words)),
        limits=f"{words('disclaimer.children')} {words('report.limits_text')}",
        privacy=words("report.privacy"),
        labels=labels,
    )


def _agreement(
    readings: tuple[Reading, ...], warning: str, words: Wording
) -> tuple[Literal["agree", "disagree", "none"], str]:
    if len(readings) < 2:
        return "none", words("report.one_network")
    agree = agreement([None if reading.refused else reading.positive for reading in readings])
    if agree is None:
        return "none", warning or words("report.no_agreement")
    if agree:
        return "agree", words("report.agree", verdict=_verdict(readings[0], words))
    return "disagree", words("report.disagree")


def _typed(line: str, words: Wording) -> Typed:
    return Typed(line, direction_of(line, words.direction))


def _warning(line: str, words: Wording) -> Part:
    shown = reader_line(line, words)
    # What is in no catalogue stays English, and is set as such.
    return Part(bounded(shown.text, CARD_TEXT_LENGTH), "words" if shown.language == words.language else "latin")


def _verdict(reading: Reading, words: Wording) -> str:
    return words(f"verdict.{verdict_kind(None if reading.refused else reading.positive)}")


def _column(reading: Reading, card: Card, unreliable: str, words: Wording) -> Column:
    probability, threshold = told_apart(reading.probability, reading.threshold)
    remark = words("report.refused_figure") if reading.refused else ""
    if unreliable:
        remark = words("report.unreliable_figure")
    # Where the probability means nothing, the heatmap means as little.
    heatmap = None if remark else reading.heatmap
    return Column(
        network=reading.network,
        badge=reading.network.upper(),
        what=words(f"network.{reading.network}.what"),
        colour=NETWORK_COLOURS[reading.network],
        verdict_kind=verdict_kind(None if reading.refused else reading.positive),
        verdict=unreliable or _verdict(reading, words),
        probability=reading.probability,
        threshold=reading.threshold,
        probability_text="–" if remark else probability,
        threshold_text="–" if remark else threshold,
        bar_alt="" if remark else words("report.bar_alt", probability=probability, threshold=threshold),
        remark=remark,
        is_unreliable=bool(unreliable),
        placeholder=words("report.placeholder_what") if card.placeholder else "",
        placeholder_reason=_card_text(card.placeholder_reason) if card.placeholder else "",
        heatmap_alt="" if heatmap is None else words("report.heatmap_alt", network=reading.network.upper()),
        heatmap_faint="" if heatmap is None else faint_sentence(reading.network, heatmap, words),
    )


def told_apart(probability: float, threshold: float) -> tuple[str, str]:
    """Both with three decimals, or with as many more as show that they differ: a verdict hangs on which is larger."""
    texts = rounded(probability), rounded(threshold)
    decimals = 4
    while texts[0] == texts[1] and probability != threshold and decimals <= MOST_DECIMALS:
        texts = f"{probability:.{decimals}f}", f"{threshold:.{decimals}f}"
        decimals += 1
    return texts


def _reading_rows(
    pairs: list[tuple[Reading, Card]], relied_on: Collection[str], track_record: TrackRecord, words: Wording
) -> list[Row]:
    def row(label: str, cell_of: Callable[[Reading, Card], Cell], where: Collection[str]) -> Row:
        hidden: Cell = (Part(words("report.refused_row")),)
        return Row(
            words(label),
            tuple(cell_of(reading, card) if reading.network in where else hidden for reading, card in pairs),
        )

    everywhere = [reading.network for reading, _ in pairs]
    rows = [
        row("operating_point.label", lambda reading, _: _point_name(reading, words), everywhere),
        row("report.threshold", lambda reading, _: _threshold(reading), relied_on),
    ]
    if any(any(_test_rates(*pair)) for pair in pairs):
        rows.append(
            row("report.point_on_test", lambda reading, card: _rates(_test_rates(reading, card), words), relied_on)
        )
    rows.append(
        row("report.point_on_validation", lambda reading, card: _point_on_validation(reading, card, words), relied_on)
    )
    if any(track_record.alike(name, 0.5) for name in relied_on):
        rows.append(row("report.worth", lambda reading, _: _worth(reading, track_record, words), relied_on))
    rows.append(
        row("report.logit", lambda reading, _: _figure(f"{reading.logit:.3f}".replace("-", MINUS)), relied_on),
    )
    rows.append(row("report.novelty", lambda reading, card: _novelty(reading, card, words), everywhere))
    return rows


def _worth(reading: Reading, track_record: TrackRecord, words: Wording) -> Cell:
    """Of the known films with about this probability, those with pneumonia: on test, and on validation beside it."""
    parts: list[Part] = []
    for found in track_record.alike(reading.network, reading.probability):
        counts = words("report.worth_of", pneumonia=found.pneumonia, films=found.films)
        parts += [
            *([AND] if parts else []),
            Part(words(f"word.{found.split}")),
            Part(counts),
            _share(found.share, words),
        ]
    return tuple(parts) or (Part(words("report.not_measured")),)


def _point_name(reading: Reading, words: Wording) -> Cell:
    key = f"operating_point.{reading.operating_point}"
    return (Part(words(key)) if key in words.texts else Part(_card_text(reading.operating_point), "latin"),)


def _threshold(reading: Reading) -> Cell:
    return _figure(told_apart(reading.probability, reading.threshold)[1])


def _point_on_validation(reading: Reading, card: Card, words: Wording) -> Cell:
    figures = card_figures(card)
    point = _point(figures, reading)
    measured = point.validation or OperatingMetrics()
    if figures.validation.operating_point == reading.operating_point:
        measured = figures.validation
    # Cards from before have no intervals at the other points, but what was found where they were chosen.
    rates = zip(_rates_of(measured), _rates_of(point.chosen), strict=True)
    return _rates([one or rate for one, rate in rates], words)


def _test_rates(reading: Reading, card: Card) -> list[Metric | None]:
    """At the reading's operating point, where the card has been measured there."""
    figures = card_figures(card)
    at: OperatingMetrics | None = _point(figures, reading).test
    if at is None and figures.test and figures.test.operating_point == reading.operating_point:
        at = figures.test
    return _rates_of(at or OperatingMetrics())


def _point(figures: CardFigures, reading: Reading) -> PointFigures:
    return next(point for point in figures.points if point.name == reading.operating_point)


def _rates_of(found: OperatingMetrics) -> list[Metric | None]:
    return [found.sensitivity, found.specificity]


def _rates(rates: list[Metric | None], words: Wording) -> Cell:
    """What a sensitivity and a specificity come to: pneumonias found, and false alarms."""
    sensitivity, specificity = rates
    alarms = None if specificity is None else complement(specificity)
    parts: list[Part] = []
    for label, share in (("report.found", sensitivity), ("report.alarms", alarms)):
        if share is not None:
            parts += [*([AND] if parts else []), Part(words(label)), _share(share, words)]
    return tuple(parts) or (Part(words("report.not_measured")),)


def _share(found: Metric, words: Wording) -> Part:
    value = words("report.percent", value=f"{found.value * 100:.1f}")
    return Part(value + found.interval(1, scale=100), "figure")


def _novelty(reading: Reading, card: Card, words: Wording) -> Cell:
    if reading.novelty is None:
        return (Part(words("report.not_measured")),)
    if reading.refused:
        return (Part(words("report.above_limit")),)
    if card.novelty_limit is None:
        return Part(f"{reading.novelty:.2f}", "figure"), AND, Part(words("report.no_limit"))
    novelty, limit = against_limit(reading.novelty, card.novelty_limit)
    return Part(novelty, "figure"), AND, Part(words("report.limit")), Part(limit, "figure")


def _network_rows(cards: list[Card], words: Wording) -> list[Row]:
    figures = [card_figures(card) for card in cards]

    def row(key: str, *cells: Cell) -> Row:
        return Row(words(f"report.{key}"), cells)

    return [
        row("network", *((Part(_card_text(card.title), "latin"),) for card in cards)),
        row("auroc_test", *(_auroc(found.test, words) for found in figures)),
        row("auroc_validation", *(_auroc(found.validation, words) for found in figures)),
        *_intervals(figures, words),
        row("prevalence", *(_prevalence(found.validation, words) for found in figures)),
        row("input", *(_figure(f"{card.prepare.image_size} × {card.prepare.image_size}") for card in cards)),
        row("calibration", *(_calibration(card, words) for card in cards)),
        row("network_created", *((Part(_card_text(card.created), "latin"),) for card in cards)),
        row("commit", *((Part(_card_text(card.commit), "code"),) for card in cards)),
        row("split", *((Part(_card_text(card.split_fingerprint)[:FINGERPRINT_DIGITS], "code"),) for card in cards)),
        row("checksum", *(_checksum(card, words) for card in cards)),
    ]


def _intervals(figures: list[CardFigures], words: Wording) -> list[Row]:
    kinds = [found.intervals for found in figures]
    if all(kind == "none" for kind in kinds):
        return []
    return [Row(words("report.intervals"), tuple((Part(words(f"report.intervals.{kind}")),) for kind in kinds))]


def _calibration(card: Card, words: Wording) -> Cell:
    method = Part(words(f"report.calibration.{card.calibration.method}"))
    if card.calibration.method == "none":
        return (method,)
    if card.calibration.method == "temperature":
        return method, Part(f"{card.calibration.temperature:.4g}", "figure")
    sign = MINUS if card.calibration.offset < 0 else "+"
    formula = f"{card.calibration.temperature:.4g} {sign} {abs(card.calibration.offset):.4g}"
    return method, Part(formula, "figure")


def _auroc(split: SplitFigures | None, words: Wording) -> Cell:
    if split is None or split.auroc is None:
        return (Part(words("report.not_measured")),)
    figure = Part(str(split.auroc), "figure")
    return (figure,) if split.films is None else (figure, AND, Part(words("report.films", films=str(split.films))))


def _prevalence(split: SplitFigures, words: Wording) -> Cell:
    return (Part(words("report.not_measured")),) if split.prevalence is None else (_percent(split.prevalence, words),)


def _checksum(card: Card, words: Wording) -> Cell:
    digits = card.checksums.get(MODEL)
    return (Part(digits, "code"),) if digits else (Part(words("report.unknown")),)


def _figure(text: str) -> Cell:
    return (Part(text, "figure"),)


def _percent(share: float, words: Wording) -> Part:
    return Part(words("report.percent", value=f"{share * 100:.1f}"), "figure")


def _card_text(text: str) -> str:
    return bounded(tidy(text), CARD_TEXT_LENGTH)


def _time(moment: datetime) -> str:
    offset = moment.strftime("%z")
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC{offset[:3]}:{offset[3:5]}"
