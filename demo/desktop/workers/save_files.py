"""What the app writes where its user says: readings as CSV, a list and a film's report to print. Nothing else."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from html import escape
from importlib.util import find_spec
from pathlib import Path

from PySide6.QtCore import QBuffer, QIODevice, QMarginsF
from PySide6.QtGui import QPageLayout, QPageSize, QPdfWriter, QTextDocument

from demo.evaluation.track_record import TrackRecord
from demo.inference.compare import Case, Comparison
from demo.language.catalogue import Wording
from demo.predict.results import csv_header, csv_rows
from export.bundle import Card
from train.common.atomic import write_bytes
from train.common.errors import PneumoscopeError


class ExportError(PneumoscopeError):
    """A file could not be written; what was there before is still there."""


def save(path: Path, make: Callable[[], bytes]) -> None:
    """Write a file whole or not at all.

    Raises:
        ExportError: no room, no such folder, not allowed.
    """
    data = make()
    try:
        write_bytes(path, data)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ExportError(f"{path.name}: cannot be written ({reason}); make room, or choose another folder") from None


def readings_csv(comparisons: Sequence[Comparison], networks: Sequence[str]) -> bytes:
    """What `predict --csv` prints for these films."""
    return csv_header() + b"".join(csv_rows(comparison, networks) for comparison in comparisons)


def list_html(
    headings: Sequence[str], rows: Sequence[Sequence[str]], summary: str, operating_point: str, words: Wording
) -> str:
    """The films of a folder as a page to print, in one file that needs nothing else."""
    head = "".join(f"<th>{escape(heading)}</th>" for heading in headings)
    body = "".join(
        "<tr>" + "".join(f"<td dir='auto'>{escape(cell)}</td>" for cell in cells) + "</tr>" for cells in rows
    )
    made = f"{datetime.now().astimezone():%Y-%m-%d %H:%M}"
    return (
        f"<!DOCTYPE html><html lang='{words.language}' dir='{words.direction}'><head><meta charset='utf-8'>"
        f"<title>{escape(words('app.name'))}</title><style>body {{ font-family: sans-serif; font-size: 9pt; }} "
        "table { border-collapse: collapse; } th, td { border: 1px solid #999; padding: 2px 5px; }</style></head>"
        f"<body><h1>{escape(words('batch.table'))}</h1><p><b>{escape(words('disclaimer.short'))} "
        f"{escape(words('disclaimer.children'))}</b></p><p>{escape(summary)}</p>"
        f"<p>{escape(words('operating_point.label'))}: {escape(operating_point)} · <span dir='ltr'>{made}</span></p>"
        f"<table border='1' cellspacing='0' cellpadding='3'><thead><tr>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table></body></html>"
    )


def as_pdf(html: str) -> bytes:
    """A page of `list_html` as an A4 PDF, upright pages, as many as it takes."""
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    writer = QPdfWriter(buffer)
    writer.setPageSize(QPageSize(QPageSize.PageSizeId.A4))
    writer.setPageMargins(QMarginsF(12, 12, 12, 12), QPageLayout.Unit.Millimeter)
    document = QTextDocument()
    document.setHtml(html)
    document.print_(writer)
    del writer  # writes the end of the file
    return bytes(buffer.data().data())


def has_pdf_reports() -> bool:
    """Whether what sets a film's report as a PDF is installed; it is not in the frozen app."""
    return find_spec("typst") is not None


def film_report(case: Case, cards: Mapping[str, Card], track_record: TrackRecord, pdf: bool, words: Wording) -> bytes:
    """A film's report, as the page makes it. Raises as `report_html` and `report_pdf`."""
    from demo.report.render import ReportCase, report_html, report_pdf

    made = ReportCase(case, cards, track_record=track_record)
    return report_pdf(made, words) if pdf else report_html(made, words).encode()
