"""Save the film on screen, with both readings, as a page to print or to keep."""

import gradio as gr

from demo.evaluation.track_record import TrackRecord
from demo.inference.compare import Case
from demo.inference.networks import LoadedModels
from demo.language.catalogue import Language, wording
from demo.page.panels.downloads import Download, download, save_on_click
from demo.page.panels.shared import Localised
from demo.report.render import NOTE_LENGTH, TITLE_LENGTH, ReportCase, report_html, report_pdf


def build(loaded: LoadedModels, track_record: TrackRecord, case: gr.State, language: gr.Radio) -> tuple[Localised, ...]:
    """Lay the panel out, closed, inside Compare."""
    words = wording("en")
    with gr.Accordion(words("report.save"), open=False, elem_classes="report") as panel:
        title = gr.Textbox(label=words("report.field.title"), info=words("report.field.why"), max_length=TITLE_LENGTH)
        note = gr.Textbox(label=words("report.field.note"), lines=2, max_length=NOTE_LENGTH)
        with gr.Row():
            as_pdf = gr.Button("PDF", variant="primary", size="sm", min_width=80)
            as_html = gr.Button("HTML", size="sm", min_width=80)

    def make_html(case: Case | None, title: str, note: str, language: Language) -> Download | None:
        made = _report_case(case, loaded, track_record, title, note, language)
        page = report_html(made, wording(language))
        return download(_file_name(made, "html"), "text/html", page.encode())

    def make_pdf(case: Case | None, title: str, note: str, language: Language) -> Download | None:
        made = _report_case(case, loaded, track_record, title, note, language)
        return download(_file_name(made, "pdf"), "application/pdf", report_pdf(made, wording(language)))

    for button, make in ((as_html, make_html), (as_pdf, make_pdf)):
        save_on_click(button, make, [case, title, note, language])
    return (
        Localised(panel, lambda words: {"label": words("report.save")}),
        Localised(title, lambda words: {"label": words("report.field.title"), "info": words("report.field.why")}),
        Localised(note, lambda words: {"label": words("report.field.note")}),
    )


def _report_case(
    case: Case | None, loaded: LoadedModels, track_record: TrackRecord, title: str, note: str, language: Language
) -> ReportCase:
    if case is None:
        raise gr.Error(wording(language)("report.no_film"), title="", print_exception=False)
    return ReportCase(case, loaded.cards, title or "", note or "", track_record=track_record)


def _file_name(case: ReportCase, suffix: str) -> str:
    # The time and nothing else: a name would carry into the file system what the visitor typed for the paper.
    return f"pneumoscope-{case.created:%Y-%m-%d-%H%M%S}.{suffix}"
