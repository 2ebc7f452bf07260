"""Where films are dropped."""

from typing import Any

import gradio as gr
from gradio.data_classes import FileData
from gradio.utils import NamedString


def film_drop(**properties: Any) -> gr.File:  # Gradio's own
    """Gradio's file, which gives the path of what was uploaded and makes nothing beside it.

    Gradio's own makes an empty file of each, under another name, that nobody looks at and nobody deletes. It is no
    class of ours, as Gradio would write a file about that beside this one.
    """
    drop = gr.File(**properties)
    drop._process_single_file = _path  # type: ignore[method-assign,assignment]
    return drop


def _path(file: FileData) -> NamedString:
    return NamedString(file.path)
