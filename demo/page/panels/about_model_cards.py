"""The networks' cards as HTML: side by side, the figures first, how each was made on demand."""

from collections.abc import Callable, Mapping
from functools import partial
from html import escape

from demo.language.catalogue import Wording
from demo.language.glossary import explained
from demo.language.numbers import percent
from demo.page.panels.about_card_details import english, track_record_facts
from export.bundle import MODEL, NETWORKS, Card
from export.bundle.card_figures import METRICS, RATES, CardFigures, SplitFigures, card_figures
from export.bundle.evaluation import OperatingMetrics
from export.bundle.metric import Metric

SHORT = 12  # digits of a checksum or fingerprint that are shown; the whole one is in its title


def cards_html(cards: Mapping[str, Card], words: Wording) -> str:
    """All cards, a column per network; one that is not here is shown as missing.

    Args:
        cards: by network.
    """
    return f"<div class='cards'>{''.join(_column(name, cards.get(name), words) for name in NETWORKS)}</div>"


def _column(name: str, card: Card | None, words: Wording) -> str:
    head = (
        f"<h3><span class='badge' aria-hidden='true'>{name.upper()}</span> "
        f"<span class='unseen'>{escape(words(f'network.{name}'))}: </span>"
        f"<bdi dir='{words.direction}'>{escape(words(f'network.{name}.what'))}</bdi></h3>"
    )
    if card is None:
        body = f"<p class='notice'>{escape(words('about.card.missing', network=name.upper()))}</p>"
    else:
        label = words(f"network.{name}")
        figures = card_figures(card)
        body = (
            f"<p>{english(card.title)}</p>{_placeholder(card, words)}{_points(figures, label, words)}"
            f"{_metrics(card, figures, label, words)}<details><summary>{escape(words('about.card.more'))}</summary>"
            f"<dl class='facts'>{_facts(card, words)}</dl></details>"
        )
    return f"<div class='card {name}'>{head}{body}</div>"


def _placeholder(card: Card, words: Wording) -> str:
    if not card.placeholder:
        return ""
    return (
        f"<p class='reason'><strong>{explained('placeholder', words)}:</strong> {english(card.placeholder_reason)}</p>"
    )


def _points(figures: CardFigures, label: str, words: Wording) -> str:
    is_tested = any(point.test and any(_rates(point.test)) for point in figures.points)
    head = "".join(f"<th scope='col'>{explained(word, words)}</th>" for word in ("operating_point", "threshold"))
    for split in ("test", "validation") if is_tested else ("validation",):
        of_split = f" <small>({escape(words(f'word.{split}'))})</small>"
        head += "".join(f"<th scope='col'>{explained(word, words)}{of_split}</th>" for word in RATES)
    rows = ""
    for point in sorted(figures.points, key=lambda point: point.threshold):
        key = f"operating_point.{point.name}"
        shown = escape(words(key)) if key in words.texts else english(point.name)
        if point.is_default:
            shown += f" <small>({escape(words('about.card.default'))})</small>"
        tested = _rates(point.test or OperatingMetrics()) if is_tested else []
        cells = [f"{point.threshold:.3f}", *tested, *_rates(point.validation)]
        rows += f"<tr><th scope='row'>{shown}</th>{''.join(f'<td>{_figure(cell)}</td>' for cell in cells)}</tr>"
    caption = "about.card.points_tested" if is_tested else "about.card.points"
    return _table(words(caption), label, head, rows)


def _rates(found: OperatingMetrics) -> list[str]:
    return [_text(getattr(found, rate)) for rate in RATES]


def _metrics(card: Card, figures: CardFigures, label: str, words: Wording) -> str:
    head = (
        f"<th scope='col'>{escape(words('about.card.figure'))}</th>"
        f"<th scope='col'>{explained('test', words)}</th><th scope='col'>{explained('validation', words)}</th>"
    )

    def row(heading: str, text: Callable[[SplitFigures], str]) -> str:
        texts = [None if split is None else text(split) for split in reversed(figures.splits)]
        if not any(texts):
            return ""
        not_read = escape(words("about.card.not_read"))
        cells = "".join(f"<td>{not_read if text is None else _figure(text)}</td>" for text in texts)
        return f"<tr><th scope='row'>{heading}</th>{cells}</tr>"

    def as_report(key: str) -> str:
        return f"{escape(words(key))} <small>({explained('as_report', words)})</small>"

    rows = [
        *(row(explained(name, words), partial(_metric, name)) for name in METRICS),
        row(
            explained("prevalence", words), lambda split: "" if split.prevalence is None else f"{split.prevalence:.3f}"
        ),
        row(escape(words("about.card.films")), lambda split: _count(split.films)),
        row(escape(words("about.card.patients")), lambda split: _count(split.patients)),
        row(as_report("about.card.accuracy_at_half"), lambda split: _text(split.as_report.accuracy)),
        row(as_report("about.card.f1_maximum"), lambda split: _text(split.as_report.f1)),
    ]
    chosen = figures.validation.operating_point or card.default_operating_point
    key = f"operating_point.{chosen}"
    point = words(key) if key in words.texts else chosen
    return _table(words(f"about.card.metrics.{figures.intervals}", point=point), label, head, "".join(rows))


def _facts(card: Card, words: Wording) -> str:
    prepare, parity = card.prepare, card.parity
    prepared = words(
        "about.card.prepare_text",
        size=prepare.image_size,
        resize=words(f"about.resize.{prepare.resize}"),
        contrast=words(f"about.contrast.{prepare.contrast}"),
    )
    if prepare.centre_crop < 1:
        prepared = f"{words('about.centre_crop', share=percent(prepare.centre_crop, words))}; {prepared}"
    compared = words(
        "about.card.parity_text",
        films=parity.films,
        difference=f"{parity.largest_probability_difference:.1g}",
        changed=parity.decisions_changed,
    )
    versions = ", ".join(f"{name} {version}" for name, version in card.versions.items())
    digits = card.checksums.get(MODEL, "")
    facts = (
        (escape(words("about.intended")), english(card.intended_use)),
        (escape(words("about.not_intended")), english(card.not_intended_use)),
        (explained("training", words), english(card.training)),
        (escape(words("about.card.data")), english(card.data)),
        (escape(words("about.card.prepare")), escape(prepared)),
        *track_record_facts(card, words),
        (explained("parity", words), escape(compared)),
        (explained("fingerprint", words), _digits(card.split_fingerprint)),
        (f"{explained('checksum', words)} (<bdi>{MODEL}</bdi>)", _digits(digits) if digits else "–"),
        (explained("commit", words), f"<code dir='ltr'>{escape(card.commit)}</code>"),
        (escape(words("about.card.created")), f"<bdi>{escape(card.created)}</bdi>"),
        (escape(words("about.card.versions")), english(versions)),
        (escape(words("about.card.licence")), english(card.licence)),
    )
    return "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in facts)


def _table(caption: str, label: str, head: str, rows: str) -> str:
    name = escape(f"{label}: {caption}", quote=True)
    return (
        f"<div class='scroll' role='region' tabindex='0' aria-label='{name}'><table>"
        f"<caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _figure(text: str) -> str:
    if not text:
        return "–"
    value, _, interval = text.partition(" ")
    # Where the column is narrow, the line breaks before the interval and never inside it.
    return f"<bdi dir='ltr'><span>{value}</span>{f' <span>{interval}</span>' if interval else ''}</bdi>"


def _digits(text: str) -> str:
    short = f"{text[:SHORT]}…" if len(text) > SHORT else text
    return f"<code dir='ltr' title='{escape(text, quote=True)}'>{escape(short)}</code>"


def _metric(name: str, split: SplitFigures) -> str:
    return _text(split.metric(name))


def _text(metric: Metric | None) -> str:
    return "" if metric is None else str(metric)


def _count(count: int | None) -> str:
    return "" if count is None else str(count)
