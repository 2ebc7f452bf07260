"""A batch as HTML: how far it is, what it comes to, and its table."""

from collections.abc import Sequence
from html import escape
from typing import cast

from demo.batch.batch import MAX_FILMS, FilmSet
from demo.batch.table import Row, Sort, Tally
from demo.inference.classifier import threshold_of
from demo.inference.compare import Comparison, ReadingObject, unreliable_in, verdict_kind
from demo.inference.networks import LoadedModels
from demo.language.catalogue import Wording
from demo.language.numbers import against_limit, rounded
from demo.language.reader_lines import reader_line
from demo.language.reading_sentences import row_verdict
from demo.page.panels.shared import written
from demo.predict.films.names import printable
from demo.predict.results import FORMULA_STARTS

# The table's buttons say which they are: a sort is a "click" of the component, a film a "select". After each
# redrawing whoever works with the keyboard is where they were, and a table that was scrolled sideways still is.
TABLE_SCRIPT = """
let key = null, left = 0;
element.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-key]");
  if (!button) return;
  if (button.dataset.sort) trigger("click", { sort: button.dataset.sort });
  else trigger("select", { film: Number(button.dataset.film) });
});
element.addEventListener("focusin", (event) => { key = event.target.dataset.key ?? null; });
element.addEventListener("focusout", (event) => { if (event.relatedTarget) key = null; });
element.addEventListener("scroll", (event) => { left = event.target.scrollLeft; }, true);
watch("value", () => {
  const box = element.querySelector(".batch-table");
  if (!box) return;
  box.scrollLeft = left;
  if (key && (document.activeElement === document.body || element.contains(document.activeElement)))
    element.querySelector(`[data-key="${key}"]`)?.focus({ preventScroll: true });
});
"""


def progress_html(done: int, films: int, words: Wording) -> str:
    """How many films are read."""
    label = escape(words("batch.progress", done=done, films=films))
    return (
        f"<div class='batch-progress'><label for='batch-progress'>{label}</label>"
        f"<progress id='batch-progress' max='{films}' value='{done}'>{label}</progress></div>"
    )


def empty_html(words: Wording) -> str:
    """What stands here before there is a batch."""
    return f"<p class='batch-empty'>{escape(words('batch.empty', most=f'{MAX_FILMS:,}'))}</p>"


def gone_html(words: Wording) -> str:
    """That the uploads are deleted, where somebody still looks at their table."""
    return f"<p class='batch-empty' role='alert'>{escape(words('batch.gone'))}</p>"


def note_html(error: str, words: Wording) -> str:
    """Why a film could not be opened."""
    line = reader_line(printable(error), words)
    return f"<p class='notice' role='alert' {written(line)}>{escape(line.text)}</p>"


def summary_html(counts: Tally, found: FilmSet, words: Wording) -> str:
    """What the batch comes to, in a line; what was not read, in another."""
    done, films = counts.read + counts.unread, len(found.films)
    parts = [words("batch.read", read=counts.read, films=films)] if films else [words("batch.no_film")]
    for name, positive in counts.positive.items() if counts.read else ():
        parts.append(words("batch.says", network=name.upper(), positive=positive))
        if counts.refused[name]:
            parts.append(words("batch.refuses", network=name.upper(), refused=counts.refused[name]))
    if len(counts.refused) > 1 and counts.refused_by_any:
        parts.append(words("batch.refused_by_any", refused=counts.refused_by_any))
    if counts.agree + counts.differ:
        parts.append(words("batch.agree", agree=counts.agree, differ=counts.differ))
    if counts.unread:
        parts.append(words("batch.unread", unread=counts.unread))
    if done < films:
        parts.append(words("batch.stopped", rest=films - done))
    if found.too_many:
        parts.append(words("batch.too_many", count=found.too_many, most=f"{MAX_FILMS:,}"))
    if found.left_out:
        parts.append(words("batch.left_out", count=found.left_out))
    refused = [reader_line(printable(line), words) for line in found.refused]
    lines = "".join(f"<p class='notice' {written(line)}>{escape(line.text)}</p>" for line in refused)
    spans = " ".join(f"<span>{escape(part)}</span>" for part in parts)
    return f"<p class='batch-summary' role='status'>{spans}</p>{lines}"


def formula_note(comparisons: Sequence[Comparison], words: Wording) -> str:
    """A warning where a spreadsheet would take a file's name in the CSV for a formula; otherwise nothing."""
    if any(comparison["path"].startswith(FORMULA_STARTS) for comparison in comparisons):
        return f"<p class='notice'>{escape(words('batch.formula'))}</p>"
    return ""


def table_html(
    rows: Sequence[Row], loaded: LoadedModels, operating_point: str, sort: Sort, descending: bool, words: Wording
) -> str:
    """The rows as a table, its sortable columns with a button in their heads."""
    networks = tuple(loaded.classifiers)
    if not rows:
        return f"<p class='batch-empty'>{escape(words('batch.no_row'))}</p>"
    heads = [_sorter("order", words("batch.number"), sort, descending), _head(words("batch.film"))]
    for name in networks:
        heads.append(_sorter(cast(Sort, name), words("batch.probability", network=name.upper()), sort, descending))
        heads.append(_head(words("batch.verdict", network=name.upper())))
    if len(networks) > 1:
        heads.append(_sorter("difference", words("batch.difference"), sort, descending))
        heads.append(_head(words("batch.both")))
    guarded = any(card.novelty_limit is not None for card in loaded.cards.values())
    if guarded:
        heads.append(_sorter("novelty", words("batch.refused"), sort, descending))
    thresholds = ", ".join(
        f"{name.upper()} {rounded(threshold_of(card, operating_point))}" for name, card in loaded.cards.items()
    )
    caption = words("batch.caption", point=words(f"operating_point.{operating_point}"))
    body = "".join(_row(row, networks, guarded, words) for row in rows)
    name = escape(words("batch.table"), quote=True)
    return (
        f"<div class='batch-table' role='region' tabindex='0' aria-label='{name}'><table role='table'>"
        f"<caption>{escape(caption)} <bdi dir='ltr'>{thresholds}</bdi></caption>"
        f"<thead role='rowgroup'><tr role='row'>{''.join(heads)}</tr></thead>"
        f"<tbody role='rowgroup'>{body}</tbody></table></div>"
    )


def _sorter(key: Sort, text: str, sort: Sort, descending: bool) -> str:
    direction = ("descending" if descending else "ascending") if key == sort else "none"
    arrow = {"none": "↕", "descending": "▼", "ascending": "▲"}[direction]
    return (
        f"<th scope='col' role='columnheader' class='number' aria-sort='{direction}'>"
        f"<button data-key='sort-{key}' data-sort='{key}'>{escape(text)} "
        f"<span aria-hidden='true'>{arrow}</span></button></th>"
    )


def _head(text: str) -> str:
    return f"<th scope='col' role='columnheader' class='plain'>{escape(text)}</th>"


def _row(row: Row, networks: Sequence[str], guarded: bool, words: Wording) -> str:
    comparison = row.comparison
    name = escape(printable(comparison["path"]))
    label = escape(words("batch.open", name=printable(comparison["path"])), quote=True)
    head = (
        f"<td role='cell' class='number place'>{row.number + 1}</td><th scope='row' role='rowheader'>"
        f"<button data-key='film-{row.number}' data-film='{row.number}' aria-label='{label}'>"
        f"<bdi>{name}</bdi></button></th>"
    )
    if comparison["error"] is not None:
        columns = 2 * len(networks) + (2 if len(networks) > 1 else 0) + guarded
        line = reader_line(printable(comparison["error"]), words)
        error = f"<bdi {written(line)}>{escape(line.text)}</bdi>"
        cell = f"<td role='cell' colspan='{columns}'>{error}</td>"
        return f"<tr role='row' class='unread'>{head}{cell}</tr>"
    readings = comparison["readings"]
    unreliable = unreliable_in(comparison)
    cells = "".join(_reading(network, readings[network], network in unreliable, words) for network in networks)
    if len(networks) > 1:
        difference = "–" if row.difference is None else f"{row.difference:.3f}"
        key = {True: "agree", False: "differ", None: "unjudged"}[comparison["agree"]]
        cells += _cell("number", escape(difference), words("batch.difference"))
        cells += _cell(key, escape(row_verdict(comparison, words)), words("batch.both"))
    if guarded:
        lines = "<br>".join(escape(_refusal(name, comparison["readings"][name], words)) for name in row.refused)
        cells += _cell(
            " ".join(("number", "refusal" if lines else "refusal-none")), lines or "–", words("batch.refused")
        )
    tone = " class='refused'" if row.refused else ""
    return f"<tr role='row'{tone}>{head}{cells}</tr>"


def _cell(kind: str, inside: str, column: str) -> str:
    """A cell, its HTML; on a narrow screen, where rows are cards, it names its column itself."""
    return f"<td role='cell' class='{kind}' data-column='{escape(column, quote=True)}'>{inside}</td>"


def _refusal(network: str, reading: ReadingObject, words: Wording) -> str:
    novelty, limit = reading["novelty"], reading["novelty_limit"]
    if novelty is None or limit is None:
        return network.upper()
    shown, most = against_limit(novelty, limit)
    return words("batch.refused_at", network=network.upper(), novelty=shown, limit=most)


def _reading(network: str, reading: ReadingObject, is_unreliable: bool, words: Wording) -> str:
    kind = verdict_kind(reading["positive"])
    # As in the column's sort, the number is a number: left to right, in any language; of a refused film it is none.
    shown = "–" if reading["refused"] else rounded(reading["probability"])
    number = f"<bdi dir='ltr'>{escape(shown)}</bdi>"
    grey = " unreliable" if is_unreliable else ""
    letter = network.upper()
    return _cell(f"number{grey}", number, words("batch.probability", network=letter)) + _cell(
        f"says {kind}{grey}", escape(words(f"verdict.{kind}")), words("batch.verdict", network=letter)
    )
