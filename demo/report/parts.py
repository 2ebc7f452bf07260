"""What a report is made of: cells, rows, a column per network, and the whole of it, before any layout."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from demo.report.safe_text import Direction


@dataclass(frozen=True)
class Part:
    """A piece of a cell: words in the report's language, or something always written left to right.

    Attributes:
        kind: "words", "figure" (numbers, short Latin terms: kept on one line), "latin" (English text of a card
            or of the reader) or "code" (hexadecimal digits: may break anywhere).
    """

    text: str
    kind: Literal["words", "figure", "latin", "code"] = "words"


Cell = tuple[Part, ...]
AND = Part("·")


@dataclass(frozen=True)
class Typed:
    """A line that somebody typed, in its own direction: that of the report it stands in says nothing about it."""

    text: str
    direction: Direction


@dataclass(frozen=True)
class Row:
    """A line of the table: its label, and a cell per network."""

    label: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Column:
    """The part of a network's reading that is drawn larger than a row of the table.

    Attributes:
        verdict: in words; `verdict_kind` is the same for the layout. Where another network refuses the picture, why
            not to rely on this one, and `is_unreliable`.
        probability: 0..1, the length of the bar; `threshold`, 0..1, is where its mark stands.
        probability_text, threshold_text: as many decimals as tell one from the other.
        bar_alt: what the bar shows, for who does not see it.
        remark: why the bar is not there; "" where it is.
        placeholder: what to know about a placeholder network; "" for one that is none.
        placeholder_reason: the card's own words, in English.
        heatmap_alt: "" where the network shows no heatmap, or none that means anything here.
        heatmap_faint: what to know where nothing stands out in it; "" where something does.
    """

    network: str
    badge: str
    what: str
    colour: str
    verdict_kind: Literal["positive", "negative", "refused"]
    verdict: str
    probability: float
    threshold: float
    probability_text: str
    threshold_text: str
    bar_alt: str
    remark: str
    is_unreliable: bool
    placeholder: str
    placeholder_reason: str
    heatmap_alt: str
    heatmap_faint: str


@dataclass(frozen=True)
class Content:
    """A whole report. `labels` has the fixed words of the layout by name; `record`: how often such a pair was right."""

    language: str
    direction: Direction
    product: str
    created: str
    title: Typed
    note: tuple[Typed, ...]
    film_alt: str
    warnings: tuple[Part, ...]
    agreement: str
    record: str
    agreement_kind: Literal["agree", "disagree", "none"]
    columns: tuple[Column, ...]
    reading_rows: tuple[Row, ...]
    network_rows: tuple[Row, ...]
    limits: str
    privacy: str
    labels: Mapping[str, str]
