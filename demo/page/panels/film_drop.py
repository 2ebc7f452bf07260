"""Where films are dropped."""

import gradio as gr
from gradio.data_classes import FileData
from gradio.utils import NamedString


class FilmDrop(gr.File):
    """Gradio's file, which gives the path of what was uploaded and makes nothing beside it.

    Gradio's own makes an empty file of each, under another name, that nobody looks at and nobody deletes.
    """

    is_template = True  # a file to the browser

    def _process_single_file(self, f: FileData) -> NamedString:
        return NamedString(f.path)
