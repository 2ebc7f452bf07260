"""The page's panels, one file a panel; and what they share: components whose words follow the language."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from demo.wording import Wording


@dataclass(frozen=True)
class Worded:
    """A component whose words follow the language.

    Attributes:
        component: of the page.
        properties: the words as the component's properties, such as {"label": …}.
    """

    component: gr.blocks.Block
    properties: Callable[[Wording], dict[str, Any]]
