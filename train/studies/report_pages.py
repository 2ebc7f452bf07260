"""The report of the studies as files: README.md and index.html beside studies.json."""

import re
from pathlib import Path

from train.common.atomic import write_text
from train.common.errors import UsageError
from train.studies.record import STUDIES, StudiesRecord, write_record
from train.studies.report_content import report_parts

TEMPLATES = Path(__file__).parent / "templates"
PAGES = ("README.md", "index.html")
#: What Markdown would take for its own, in the texts of tables and paragraphs.
_MARKS = re.compile(r"([\\`*_{}\[\]<>#|])")


def write_report(folder: Path, record: StudiesRecord) -> tuple[Path, ...]:
    """Write studies.json, README.md and index.html into a folder; the page needs no network and no script.

    Raises:
        UsageError: Jinja is not installed.
    """
    pages = {name: report_page(name, record) for name in PAGES}
    write_record(folder / STUDIES, record)
    for name, text in pages.items():
        write_text(folder / name, text)
    return folder / STUDIES, *(folder / name for name in pages)


def report_page(name: str, record: StudiesRecord) -> str:
    """One of `PAGES` as text.

    Raises:
        UsageError: as `write_report`.
    """
    try:
        import jinja2
    except ImportError:
        raise UsageError("the report needs Jinja, which is not installed: pip install 'pneumoscope[study]'") from None
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=name.endswith(".html"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["text"] = lambda text: _MARKS.sub(r"\\\1", str(text))
    text = environment.get_template(f"{name}.jinja").render(parts=report_parts(record))
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"
