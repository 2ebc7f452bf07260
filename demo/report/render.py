"""One case as a page to print or to keep: HTML in one file, or a PDF. Both say what `report_content` says."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import ModuleType

import jinja2
from markupsafe import Markup

from demo.evaluation.track_record import TrackRecord, read_track_record
from demo.inference.compare import Case
from demo.inference.heatmap_pictures import heatmap_picture, legend_svg
from demo.inference.images import Picture, film_picture
from demo.language.catalogue import Wording
from demo.report.content import report_content
from demo.report.parts import Content
from demo.report.probability_bar import bar_svg
from demo.report.safe_text import breakable
from export.bundle import Card
from train.common.errors import UsageError

TITLE_LENGTH = 200  # characters
NOTE_LENGTH = 2000
TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, eq=False)
class ReportCase:
    """What goes into a report.

    Attributes:
        case: the film and at least one reading.
        cards: of each network that read it, at least.
        title: what the user typed to tell the film from others, one line of at most TITLE_LENGTH characters.
        note: what the user typed as a remark, at most NOTE_LENGTH characters.
        created: aware; shown with its offset from UTC.
        track_record: what the networks did on known films; without one nothing is said of it.

    Raises:
        UsageError: the title or the note is too long.
        ValueError: no reading, a reading without its card, or a time without a zone.
    """

    case: Case
    cards: Mapping[str, Card]
    title: str = ""
    note: str = ""
    created: datetime = field(default_factory=lambda: datetime.now().astimezone())
    track_record: TrackRecord = field(default_factory=lambda: read_track_record({}), kw_only=True)

    def __post_init__(self) -> None:
        for name, text, most in (("title", self.title, TITLE_LENGTH), ("remark", self.note, NOTE_LENGTH)):
            if len(text) > most:
                raise UsageError(f"{name}: {len(text):,} characters, a report takes at most {most:,}; shorten it")
        if self.created.utcoffset() is None:
            raise ValueError(f"created must be aware. Received: {self.created!r}")
        missing = [reading.network for reading in self.case.readings if reading.network not in self.cards]
        if missing or not self.case.readings:
            raise ValueError(f"expected readings and a card for each. Without a card: {missing}")


def report_html(case: ReportCase, words: Wording) -> str:
    """The report as one HTML file that needs nothing else: no script, no outside reference; it prints on A4."""
    content = _content(case, words)
    bars = {name: Markup(svg) for name, svg in _bars(content).items()}  # noqa: S704  # numbers and our own colours
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    legend = Markup(legend_svg())  # noqa: S704  # pixels and numbers
    template = environment.get_template("report.html.jinja")
    return template.render(content=content, pictures=_pictures(case, content), bars=bars, legend=legend)


def report_pdf(case: ReportCase, words: Wording) -> bytes:
    """The report as an A4 PDF, set by Typst; with the same versions of it and of OpenCV, bit for bit the same.

    Its fonts are those inside Typst: Latin, Greek, Cyrillic, Hebrew and Arabic letters. What else was typed, as
    an emoji, is an empty box here; the HTML shows what the reader's own fonts have.

    Raises:
        UsageError: Typst is not installed.
    """
    typst = _import_typst()
    content = _content(case, words)
    data = {key: _breakable(value) for key, value in asdict(content).items()} | {
        "pictures": {name: {"svg": each.svg, "aspect": each.aspect} for name, each in _pictures(case, content).items()},
        "bars": _bars(content),
        "legend": legend_svg(),
    }
    return typst.compile(
        (TEMPLATES / "report.typ").read_bytes(),
        root=str(TEMPLATES),
        sys_inputs={"report": json.dumps(data)},  # text stays text: Typst never reads it as markup
        ignore_system_fonts=True,
        format="pdf",
        timestamp=_as_pdf_date(case.created),
    )


def _content(case: ReportCase, words: Wording) -> Content:
    return report_content(case.case, case.cards, case.track_record, case.title, case.note, case.created, words)


def _pictures(case: ReportCase, content: Content) -> dict[str, Picture]:
    """ "film", and for the film under a heatmap the name of each network whose column shows one."""
    film = case.case.film
    pictures = {"film": film_picture(film)}
    for reading, column in zip(case.case.readings, content.columns, strict=True):
        if reading.heatmap is not None and column.heatmap_alt:
            prepare = case.cards[reading.network].prepare
            pictures[reading.network] = heatmap_picture(film, reading.heatmap, prepare)
    return pictures


def _bars(content: Content) -> dict[str, str]:
    return {
        column.network: bar_svg(column.probability, column.threshold, column.colour)
        for column in content.columns
        if not column.remark
    }


def _breakable(value: object) -> object:
    # Typst breaks no line inside a word; a checksum it is told how to break.
    if isinstance(value, str):
        return breakable(value)
    if isinstance(value, Mapping):
        return {key: each if value.get("kind") == "code" else _breakable(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_breakable(each) for each in value]
    return value


def _as_pdf_date(moment: datetime) -> datetime:
    # A PDF's date knows the time to the second and its zone to the minute.
    offset = moment.utcoffset() or timedelta()
    return moment.replace(microsecond=0).astimezone(timezone(timedelta(minutes=offset // timedelta(minutes=1))))


def _import_typst() -> ModuleType:
    try:
        import typst
    except ImportError as error:
        raise UsageError("a PDF report needs Typst: pip install 'pneumoscope[page]', or save it as HTML") from error
    return typst
