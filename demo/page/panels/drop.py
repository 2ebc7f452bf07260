"""Where films are dropped: Gradio's own file component, kept from leaving an empty file with each film."""

from typing import Any

import gradio as gr
from gradio.data_classes import FileData
from gradio.utils import NamedString


def film_drop(**settings: Any) -> gr.File:  # Gradio's own settings
    """Make a place for films; its value is the path of each upload, a `str` with the attribute `name`.

    Gradio makes a temporary file for each film only to name it after the upload: empty, and deleted by nobody.
    """
    drop = gr.File(type="filepath", **settings)

    def path_of(upload: FileData) -> NamedString:
        return NamedString(upload.path)

    drop._process_single_file = path_of  # type: ignore[method-assign]
    return drop
