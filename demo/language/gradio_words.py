"""Gradio's own words in the page's other languages: names that a screen reader speaks, and what its toasts say.

Gradio writes some in English whatever the language, the others in the browser's. The catalogue has them under
`gradio.*`, in English exactly as Gradio writes them; a script (panels/gradio_words.js) puts the others in their place.
"""

from demo.language.catalogue import LANGUAGES, wording

NAMES = (
    *("upload", "file_upload", "range_slider", "number_input", "more_tabs", "uploading_one", "uploading"),
    *("error", "warning", "info", "close", "busy", "connection_errored", "connection_lost", "connection_restored"),
)


def gradio_words() -> dict[str, list[tuple[str, str]]]:
    """Language → pairs of what Gradio writes and what it means there, both with {names} for what changes."""
    return {
        language: [(wording("en").texts[f"gradio.{name}"], wording(language).texts[f"gradio.{name}"]) for name in NAMES]
        for language in LANGUAGES
        if language != "en"
    }
