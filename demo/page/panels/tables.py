"""Tables of measured figures as HTML: named, with their own scrolling where the screen is narrow."""

from collections.abc import Sequence
from html import escape

from demo.language.catalogue import Wording
from demo.language.numbers import percent
from export.bundle.metric import Metric


def wide_table(kind: str, caption: str, columns: Sequence[str], bodies: str) -> str:
    """A table inside a box that scrolls by itself.

    Args:
        kind: class of the table.
        caption: plain text; names the box too.
        columns: heads, HTML.
        bodies: its <tbody>s.
    """
    heads = "".join(f"<th scope='col'>{column}</th>" for column in columns)
    return (
        f"<div class='wide' role='region' tabindex='0' aria-label='{escape(caption, quote=True)}'>"
        f"<table class='report-table {kind}'><caption>{escape(caption)}</caption>"
        f"<thead><tr>{heads}</tr></thead>{bodies}</table></div>"
    )


def network_rows(network: str, head: str, columns: int, rows: str) -> str:
    """A network's rows under its heading; all of it HTML."""
    return (
        f"<tbody class='network-rows {network}'><tr><th scope='rowgroup' colspan='{columns}'>{head}</th></tr>"
        f"{rows}</tbody>"
    )


def figure_cell(found: Metric | None, words: Wording, *, share: bool = True, signed: bool = False) -> str:
    """A figure over its interval, HTML; a dash where it is not known.

    Args:
        found: 0..1, or -1..1 for a difference.
        words: of the language.
        share: it is a share of films, told in percent, and not an area or a probability.
        signed: it is a difference; a share is then told in percentage points.
    """
    if found is None:
        return "–"
    sign = "+" if signed else ""

    def shown(value: float, unit: bool = True) -> str:
        text = f"{100 * value:{sign}.1f}" if share else f"{value:{sign}.3f}"
        text = (text if float(text) else text.lstrip("+-")).replace("-", "−")
        return words("evaluation.percent", number=text) if share and unit and not signed else text

    value = percent(found.value, words) if share and not signed else shown(found.value)
    lines = [f"<bdi dir='ltr'>{escape(value)}</bdi>"]
    if found.low is not None and found.high is not None:
        between = " – " if signed else "–"
        ends = f"{shown(found.low, False)}{between}{shown(found.high, False)}"
        lines.append(f"<small><bdi dir='ltr'>{escape(ends)}</bdi></small>")
    return "".join(lines)


def p_value(value: float) -> str:
    """A p value as it is written: "p = 0.004", "p < 0.001"."""
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"
