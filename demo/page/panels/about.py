"""The last panel: what this is and is not, how to read a result, the networks' cards, and where it all comes from."""

import platform
from collections.abc import Iterable, Mapping
from html import escape
from importlib import metadata

import cv2
import gradio as gr
import numpy as np

from demo.evaluation.operating_point_choices import default_point, shared_points
from demo.evaluation.track_record import TrackRecord, read_track_record
from demo.inference.classifier import threshold_of
from demo.inference.networks import LoadedModels
from demo.inference.onnx_runtime import import_onnxruntime
from demo.language.catalogue import Wording, wording
from demo.language.citations import REFERENCES, SOFTWARE
from demo.language.glossary import explained, glossary_html
from demo.language.numbers import isolated
from demo.language.reading_sentences import reached_line, worth_lines
from demo.page.panels.about_model_cards import cards_html
from demo.page.panels.about_program import program_html
from demo.page.panels.shared import Localised, unbroken
from export.bundle import Card
from export.bundle.card_figures import card_figures

SECTIONS = ("what", "limits", "reading", "cards", "glossary", "program", "privacy", "cite", "licences", "versions")
EXAMPLE = 0.8  # the probability whose worth stands for others'
PRIVACY = ("upload", "kept", "identifiers", "log", "internet", "browser")


def build(loaded: LoadedModels, language: gr.Radio) -> tuple[Localised, ...]:  # noqa: ARG001 (every panel is given it)
    """Lay the panel out inside the page; it says the same to everybody, so the language alone changes it."""
    track_record = read_track_record(loaded.bundles)
    text = gr.HTML(about_html(loaded, wording("en"), track_record), padding=False, elem_classes="about-holder")
    return (Localised(text, lambda words: {"value": about_html(loaded, words, track_record)}),)


def about_html(
    loaded: LoadedModels, words: Wording, track_record: TrackRecord, instead: Mapping[str, str] | None = None
) -> str:
    """The whole panel: a list of its sections, then the sections under their headings (h2).

    Args:
        loaded: the networks.
        words: of the language.
        track_record: what they did on known films.
        instead: HTML that takes the place of a section's own, by the section's name; "" leaves the section out.
    """
    bodies = _bodies(loaded, words, track_record) | dict(instead or {})
    names = [name for name in SECTIONS if bodies[name]]
    contents = "".join(f"<li><a href='#about-{name}'>{escape(words(f'about.{name}'))}</a></li>" for name in names)
    sections = "".join(
        f"<section id='about-{name}' aria-labelledby='about-{name}-heading'>"
        f"<h2 id='about-{name}-heading'>{escape(words(f'about.{name}'))}</h2>{bodies[name]}</section>"
        for name in names
    )
    label = escape(words("about.contents"), quote=True)
    return (
        f"<div class='about' lang='{words.language}' dir='{words.direction}'>"
        f"<nav aria-label='{label}'><ul>{contents}</ul></nav>{sections}</div>"
    )


def _bodies(loaded: LoadedModels, words: Wording, track_record: TrackRecord) -> dict[str, str]:
    return {
        "what": _what(loaded, words),
        "limits": _limits(loaded, words),
        "reading": _reading(loaded, track_record, words),
        "cards": f"<p>{escape(words('about.cards.text'))}</p>{cards_html(loaded.cards, words)}",
        "glossary": glossary_html(words),
        "program": program_html(loaded, words),
        "privacy": list_html([escape(words(f"about.privacy.{name}")) for name in PRIVACY]),
        "cite": _cite(words),
        "licences": definitions_html(
            [
                (escape(words(f"about.licences.{name}")), escape(words(f"about.licences.{name}_text")))
                for name in ("code", "films", "examples")
            ]
        ),
        "versions": versions_html(
            (
                ("pneumoscope", metadata.version("pneumoscope")),
                ("Python", platform.python_version()),
                ("ONNX Runtime", import_onnxruntime().__version__),
                ("Gradio", gr.__version__),
                ("OpenCV", cv2.__version__),
                ("NumPy", np.__version__),
            ),
            words,
        ),
    }


def _what(loaded: LoadedModels, words: Wording) -> str:
    cards = loaded.cards.values()
    uses = [
        (escape(words(key)), "<br>".join(_english(text) for text in dict.fromkeys(texts)))
        for key, texts in (
            ("about.intended", [card.intended_use for card in cards]),
            ("about.not_intended", [card.not_intended_use for card in cards]),
        )
    ]
    return (
        f"<p>{escape(words('about.what.text'))}</p>"
        f"<p class='warning'><strong>{escape(words('disclaimer.short'))}</strong> {escape(words('about.what.not'))}</p>"
        f"{definitions_html(uses)}"
    )


def _limits(loaded: LoadedModels, words: Wording) -> str:
    limits = {name.upper(): card.novelty_limit for name, card in loaded.cards.items()}
    unguarded = ", ".join(name for name, limit in limits.items() if limit is None)
    guards = [words("about.limits.no_guard", networks=unguarded)] if unguarded else []
    guards += [
        words("about.limits.guard", network=name, limit=f"{limit:.2f}")
        for name, limit in limits.items()
        if limit is not None
    ]
    entries = [
        (name, [words(f"about.limits.{name}_text")]) for name in ("people", "views", "exposure", "question", "proof")
    ]
    entries[2][1].extend(_false_alarms(loaded, words))
    entries.insert(3, ("other_pictures", guards))
    return definitions_html(
        [
            (escape(words(f"about.limits.{name}")), "<br>".join(escape(line) for line in lines))
            for name, lines in entries
        ]
    )


def _false_alarms(loaded: LoadedModels, words: Wording) -> list[str]:
    """For each network how its specificity differs between validation and test, as far as its card knows."""
    lines = []
    for name, card in loaded.cards.items():
        figures = card_figures(card)
        validation = figures.validation.specificity
        test = figures.test.specificity if figures.test else None
        if validation is not None and test is not None:
            shares = {"validation": str(validation), "test": str(test)}
            lines.append(words("about.limits.specificity", network=name.upper(), **shares))
    return lines


def _reading(loaded: LoadedModels, track_record: TrackRecord, words: Wording) -> str:
    cards = loaded.cards
    default = default_point(cards.values())
    promises = definitions_html(
        [
            (
                escape(words(f"operating_point.{name}")),
                escape(_promise(name, name == default, cards, track_record, words)),
            )
            for name in shared_points(cards.values())
        ]
    )

    def part(word: str, more: str = "") -> str:
        wide = " class='wide'" if more else ""
        text = escape(words(f"about.reading.{word}"))
        return f"<div{wide}><h3>{explained(word, words)}</h3><p>{text}</p>{more}</div>"

    of_augmented = any(point.is_of_augmented for card in cards.values() for point in card_figures(card).points)
    kept = "kept_augmented" if of_augmented else "kept"
    parts = [
        part("probability", _worth_of_example(loaded, track_record, words)),
        part("threshold"),
        part("operating_point", f"{promises}<p>{escape(words(f'about.reading.{kept}'))}</p>"),
        part("calibration"),
        part("agreement"),
        part("novelty"),
    ]
    if any("heatmap" in classifier.outputs for classifier in loaded.classifiers.values()):
        parts.append(part("heatmap"))
    return f"<div class='parts'>{''.join(parts)}</div>"


def _promise(name: str, is_default: bool, cards: Mapping[str, Card], track_record: TrackRecord, words: Wording) -> str:
    """What an operating point promises, and what it came to."""
    thresholds = {network: threshold_of(card, name) for network, card in cards.items()}
    default = words("about.promise.default") if is_default else ""
    parts = words(f"about.promise.{name}"), default, reached_line(thresholds, track_record, words)
    return " ".join(filter(None, parts))


def _worth_of_example(loaded: LoadedModels, track_record: TrackRecord, words: Wording) -> str:
    """What about EXAMPLE was worth, by each network's known films."""
    lines = [
        words(
            "about.reading.probability.measured",
            probability=isolated(f"{EXAMPLE:.1f}", words),
            worth=" ".join(worth_lines(name, found, words)),
        )
        for name in loaded.cards
        if (found := track_record.alike(name, EXAMPLE))
    ]
    return "".join(f"<p>{unbroken(line)}</p>" for line in lines)


def _cite(words: Wording) -> str:
    software = SOFTWARE.format(version=metadata.version("pneumoscope"))
    note = escape(words("about.cite.software_note"))
    entries = [(escape(words("about.cite.software")), f"{_english(software)} {note}")]
    for reference in REFERENCES:
        name = escape(reference.identifier)
        link = f"<a href='{reference.address}' target='_blank' rel='noopener noreferrer'>{name}</a>"
        text = f"<bdi lang='en' dir='ltr'>{escape(reference.text)} {link}</bdi>"
        entries.append((escape(words(f"about.cite.{reference.subject}")), text))
    return definitions_html(entries)


def versions_html(versions: Iterable[tuple[str, str]], words: Wording) -> str:
    """What runs the page, as (name, version)."""
    rows = "".join(
        f"<div><dt><bdi dir='ltr'>{name}</bdi></dt><dd><bdi dir='ltr'>{escape(version)}</bdi></dd></div>"
        for name, version in versions
    )
    return f"<p>{escape(words('about.versions.text'))}</p><dl class='versions'>{rows}</dl>"


def definitions_html(entries: list[tuple[str, str]]) -> str:
    """Terms and what is said of them, both HTML."""
    return (
        "<dl class='facts'>" + "".join(f"<div><dt>{name}</dt><dd>{text}</dd></div>" for name, text in entries) + "</dl>"
    )


def list_html(entries: list[str]) -> str:
    """Entries, each HTML, one below the other."""
    return f"<ul>{''.join(f'<li>{entry}</li>' for entry in entries)}</ul>"


def _english(text: str) -> str:
    return f"<bdi lang='en' dir='ltr'>{escape(text)}</bdi>"
