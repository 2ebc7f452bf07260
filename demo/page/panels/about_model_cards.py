"""The networks' cards as HTML: side by side, the figures first, how each was made on demand."""

from collections.abc import Mapping
from html import escape
from typing import Any

from demo.language.catalogue import Wording
from demo.language.glossary import explained
from demo.language.numbers import percent
from demo.page.panels.about_card_details import english, track_record_facts
from export.bundle import MODEL, NETWORKS, Card
from export.bundle.card import OperatingPoint
from export.bundle.metric import interval_kind, number, with_interval

SHORT = 12  # digits of a checksum or fingerprint that are shown; the whole one is in its title
METRICS = (
    "auroc",
    "average_precision",
    "accuracy",
    "balanced_accuracy",
    "f1",
    "sensitivity",
    "specificity",
    "ppv",
    "npv",
)
RATES = ("sensitivity", "specificity")
AS_REPORT = (("accuracy_at_0.5", "about.card.accuracy_at_half"), ("f1_maximum", "about.card.f1_maximum"))


def cards_html(cards: Mapping[str, Card], words: Wording) -> str:
    """All cards, a column per network; one that is not here is said to be missing.

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
        body = (
            f"<p>{english(card.title)}</p>{_placeholder(card, words)}{_points(card, label, words)}"
            f"{_metrics(card, label, words)}<details><summary>{escape(words('about.card.more'))}</summary>"
            f"<dl class='facts'>{_facts(card, words)}</dl></details>"
        )
    return f"<div class='card {name}'>{head}{body}</div>"


def _placeholder(card: Card, words: Wording) -> str:
    if not card.placeholder:
        return ""
    return (
        f"<p class='reason'><strong>{explained('placeholder', words)}:</strong> {english(card.placeholder_reason)}</p>"
    )


def _points(card: Card, label: str, words: Wording) -> str:
    tested = {name: _test_rates(point) for name, point in card.operating_points.items()}
    is_tested = any(map(any, tested.values()))
    names = ("operating_point", "threshold", *RATES)
    head = "".join(f"<th scope='col'>{explained(word, words)}</th>" for word in names)
    if is_tested:
        test = escape(words("word.test"))
        head += "".join(f"<th scope='col'>{explained(word, words)} <small>({test})</small></th>" for word in RATES)
    rows = ""
    for name, point in card.operating_points.items():
        key = f"operating_point.{name}"
        shown = escape(words(key)) if key in words.texts else english(name)
        if name == card.default_operating_point:
            shown += f" <small>({escape(words('about.card.default'))})</small>"
        found = (point.threshold, point.sensitivity, point.specificity)
        figures = [f"{figure:.3f}" if figure is not None else "" for figure in found]
        figures += tested[name] if is_tested else []
        rows += f"<tr><th scope='row'>{shown}</th>{''.join(f'<td>{_figure(figure)}</td>' for figure in figures)}</tr>"
    caption = "about.card.points_tested" if is_tested else "about.card.points"
    return _table(words(caption), label, head, rows)


def _test_rates(point: OperatingPoint) -> list[str]:
    return [with_interval(point.model_extra, "test", rate) for rate in RATES]


def _metrics(card: Card, label: str, words: Wording) -> str:
    splits = (card.metrics.validation, card.metrics.test)
    head = (
        f"<th scope='col'>{escape(words('about.card.figure'))}</th>"
        f"<th scope='col'>{explained('validation', words)}</th><th scope='col'>{explained('test', words)}</th>"
    )
    rows = ""
    for name in METRICS:
        rows += _row(explained(name, words), [with_interval(split, name) for split in splits], splits, words)
    rows += _row(explained("prevalence", words), [_share(split, "prevalence") for split in splits], splits, words)
    for name in ("films", "patients"):
        counts = [_count(split, name) for split in splits]
        rows += _row(escape(words(f"about.card.{name}")), counts, splits, words)
    for name, key in AS_REPORT:
        figures = [with_interval(split, "as_report", name) for split in splits]
        heading = f"{escape(words(key))} <small>({explained('as_report', words)})</small>"
        rows += _row(heading, figures, splits, words)
    chosen = card.metrics.validation.get("operating_point", card.default_operating_point)
    key = f"operating_point.{chosen}"
    point = words(key) if key in words.texts else str(chosen)
    key = f"about.card.metrics.{interval_kind(card.metrics.validation)}"
    return _table(words(key, point=point), label, head, rows)


def _row(heading: str, figures: list[str], splits: tuple[Mapping[str, Any] | None, ...], words: Wording) -> str:
    if not any(figures):
        return ""
    cells = "".join(
        f"<td>{_figure(figure) if split is not None else escape(words('about.card.not_read'))}</td>"
        for figure, split in zip(figures, splits, strict=True)
    )
    return f"<tr><th scope='row'>{heading}</th>{cells}</tr>"


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


def _share(measured: Mapping[str, Any] | None, name: str) -> str:
    value = number(measured, name)
    return "" if value is None else f"{value:.3f}"


def _count(measured: Mapping[str, Any] | None, name: str) -> str:
    value = number(measured, name)
    return "" if value is None else f"{value:.0f}"
