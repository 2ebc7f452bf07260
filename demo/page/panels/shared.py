"""The page's panels, one file a panel; and what they share: words that follow the language, a network's heading."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from demo.language.catalogue import Wording
from demo.language.reader_lines import ReaderLine

#: A share before its interval, as `demo.language.numbers.share_text` writes it.
SHARE = re.compile("\u2066?[\\d.]+ ?% \\[[\\d.]+–[\\d.]+\\]\u2069?")


@dataclass(frozen=True)
class Localised:
    """A component whose words follow the language.

    Attributes:
        component: of the page.
        properties: the words as the component's properties, such as {"label": …}.
    """

    component: gr.blocks.Block
    properties: Callable[[Wording], dict[str, Any]]


def network_head(network: str, words: Wording) -> str:
    """The network's badge and what it is, as HTML."""
    what = escape(words(f"network.{network}.what"))
    # Its own direction: the words may begin in Latin letters and still be Hebrew.
    return f"<span class='badge'>{network.upper()}</span> <span dir='{words.direction}'>{what}</span>"


def unbroken(text: str) -> str:
    """A sentence as HTML in which no line breaks inside a share with its interval."""
    return SHARE.sub(r"<span class='share'>\g<0></span>", escape(text))


def written(line: ReaderLine) -> str:
    """The attributes of an element that holds a line of the reader's: the language it is in and its direction."""
    return f"lang='{line.language}' dir='{line.direction}'"
