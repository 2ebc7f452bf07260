"""The audit as one HTML file: tables, and the copies side by side as pictures. It shows films, so it stays private."""

import base64
from collections.abc import Sequence
from html import escape

import cv2

from train.audit.audit import Audit
from train.audit.tables import READS_TEST, Table, baseline_faults, tables_of
from train.common.console import NOT_A_MEDICAL_DEVICE
from train.data.cohort import CLASSES
from train.data.duplicates import Group
from train.radiograph import RadiographError, read_with_warnings

PRIVATE = "This page shows films and names patients as the files do: keep it to yourself, do not publish it."
SHOWN_GROUPS = 60  # of a kind; more are counted, and listed by --json
SHOWN_FILMS = 6  # of a group
THUMBNAIL_SIDE = 160  # pixels

_STYLE = """
:root { color-scheme: light dark; --text: #1b1f24; --quiet: #57606a; --page: #ffffff; --card: #f5f6f8; --line: #d5d9de;
  --warn: #7a3e00; --warn-page: #fff3e0; --bar: #0b6bcb; }
@media (prefers-color-scheme: dark) { :root { --text: #e6e8eb; --quiet: #a3abb5; --page: #14171b; --card: #1e2227;
  --line: #3a4048; --warn: #ffd09b; --warn-page: #3a2a14; --bar: #6fb3ff; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 70rem; padding: 1.5rem 1rem 4rem; background: var(--page); color: var(--text);
  font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; margin: 0 0 .5rem; } h2 { font-size: 1.2rem; margin: 2.2rem 0 .5rem; }
.quiet, figcaption { color: var(--quiet); font-size: .875rem; }
.private { background: var(--warn-page); color: var(--warn); border-radius: .5rem; padding: .7rem 1rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
.scroll + .quiet { margin: .4rem 0; }
th, td { text-align: start; padding: .35rem .7rem; border-bottom: 1px solid var(--line); vertical-align: top; }
th { font-weight: 600; } td.number { text-align: end; white-space: nowrap; } th.number { text-align: end; }
.groups { display: flex; flex-wrap: wrap; gap: .7rem; align-items: flex-start; }
.group { background: var(--card); border-radius: .5rem; padding: .7rem 1rem; max-width: 100%; }
.group p { margin: 0 0 .5rem; } .group strong { color: var(--warn); }
.films { display: flex; flex-wrap: wrap; gap: 1rem; }
figure { margin: 0; width: 10rem; } figcaption { overflow-wrap: anywhere; }
img { display: block; width: 10rem; height: 10rem; object-fit: contain; background: #000; border-radius: .25rem; }
.scale { display: block; width: 100%; max-width: 36rem; height: 3.2rem; margin: .7rem 0; }
.scale text { fill: var(--quiet); font: 12px system-ui, sans-serif; }
details { margin: .5rem 0; } ul { columns: 18rem; }
"""


def audit_page(audit: Audit) -> str:
    """HTML in one file that needs no network and no script: light or dark as the reader's system is."""
    films, copies, traits, shift, baseline = tables_of(audit)
    about = f"Fingerprint of films, patients, labels and split: {audit.cohort.fingerprint[:16]}…"
    about += f" {READS_TEST[0].upper()}{READS_TEST[1:]}." if audit.covers_test else ""
    parts = [
        "<h1>Audit of a cohort of chest films</h1>",
        f'<p class="private">{escape(PRIVATE)}</p>',
        f'<p class="quiet">{escape(about)} {escape(NOT_A_MEDICAL_DEVICE)}</p>',
        _section(films),
        _listed("Films that cannot be read", [f"{path}: {reason}" for path, reason in audit.unreadable]),
        _listed(
            "Patients in several splits",
            [f"{patient}: {', '.join(splits)}" for patient, splits in audit.patients_across_splits.items()],
        ),
        _section(baseline, _scale(audit) + _faults(audit)),
        _section(traits),
        _section(shift) if shift.rows else "",
        _section(copies),
        "<h2>Films that look equal, in different files</h2>",
        _groups(audit, audit.near),
        "<h2>Films equal byte for byte</h2>",
        _groups(audit, audit.exact),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="robots" content="noindex">\n'
        f"<title>Audit of a cohort of chest films</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(part for part in parts if part)
        + "\n</main>\n</body>\n</html>\n"
    )


def _section(table: Table, before: str = "") -> str:
    numeric = [all(isinstance(row[at], int | float) for row in table.rows) for at in range(len(table.columns))]
    kinds = [' class="number"' if is_number else "" for is_number in numeric]
    head = "".join(
        f'<th scope="col"{kind}>{_text(column)}</th>' for column, kind in zip(table.columns, kinds, strict=True)
    )
    rows = "".join(
        "<tr>" + "".join(f"<td{kind}>{_text(cell)}</td>" for cell, kind in zip(row, kinds, strict=True)) + "</tr>\n"
        for row in table.rows
    )
    title, note = _text(table.title), _text(table.note[:1].upper() + table.note[1:])
    body = f'<p class="quiet">{note}.</p>' if note else ""
    if table.rows:
        body = (
            f'<div class="scroll" role="region" tabindex="0" aria-label="{title}"><table>'
            f"<thead><tr>{head}</tr></thead>\n<tbody>{rows}</tbody></table></div>\n{body}"
        )
    return f"<h2>{title}</h2>\n{before}{body}"


def _listed(title: str, lines: Sequence[str]) -> str:
    if not lines:
        return ""
    entries = "".join(f"<li>{_text(line)}</li>" for line in lines)
    return f"<details><summary>{_text(title)}: {len(lines)}</summary><ul>{entries}</ul></details>"


def _scale(audit: Audit) -> str:
    """The cross-validated AUROC with its interval on a line from 0 to 1."""
    figure = audit.baseline.cross_validated
    if figure.reason is not None:
        return ""
    value, low, high = (10 + 480 * number for number in (figure.auroc.value, figure.auroc.low, figure.auroc.high))
    label = f"AUROC {figure.auroc.value:.3f}, 95 % interval {figure.auroc.low:.3f} to {figure.auroc.high:.3f}"
    ticks = "".join(
        f'<line x1="{10 + 480 * at}" x2="{10 + 480 * at}" y1="14" y2="26" stroke="var(--line)" stroke-width="2"/>'
        f'<text x="{10 + 480 * at}" y="42" text-anchor="{anchor}">{words}</text>'
        for at, anchor, words in (
            (0, "start", "0"),
            (0.5, "middle", "0.5 tells nothing"),
            (1, "end", "1 tells the class"),
        )
    )
    return (
        f'<svg class="scale" viewBox="0 0 500 48" role="img" aria-label="{label}">'
        f'<line x1="10" x2="490" y1="20" y2="20" stroke="var(--line)" stroke-width="2"/>{ticks}'
        f'<line x1="{low:.1f}" x2="{high:.1f}" y1="20" y2="20" stroke="var(--bar)" stroke-width="8" '
        f'stroke-opacity=".45"/><line x1="{value:.1f}" x2="{value:.1f}" y1="10" y2="30" stroke="var(--bar)" '
        'stroke-width="3"/></svg>'
    )


def _faults(audit: Audit) -> str:
    return "".join(f"<p>{_text(fault[:1].upper() + fault[1:])}.</p>\n" for fault in baseline_faults(audit))


def _groups(audit: Audit, groups: Sequence[Group]) -> str:
    if not groups:
        return "<p>None.</p>"
    shown = "\n".join(_group(audit, group) for group in groups[:SHOWN_GROUPS])
    more = len(groups) - SHOWN_GROUPS
    return f'<div class="groups">{shown}</div>' + (f"<p>And {more} more groups.</p>" if more > 0 else "")


def _group(audit: Audit, group: Group) -> str:
    crossed = [
        words
        for crosses, words in (
            (group.across_splits, "in several splits"),
            (group.across_classes, "with both labels"),
            (group.across_patients, "of several patients"),
        )
        if crosses
    ]
    head = f"{len(group.films)} films" + (f", <strong>{', '.join(crossed)}</strong>" if crossed else "")
    more = len(group.films) - SHOWN_FILMS
    figures = "".join(
        f"<figure>{_picture(audit, film.path)}<figcaption>{_text(film.path)}<br>{film.split}, {CLASSES[film.label]}, "
        f"patient {_text(film.patient)}</figcaption></figure>"
        for film in group.films[:SHOWN_FILMS]
    )
    rest = f'<p class="quiet">And {more} more films.</p>' if more > 0 else ""
    return f'<div class="group"><p>{head}</p><div class="films">{figures}</div>{rest}</div>'


def _picture(audit: Audit, path: str) -> str:
    try:
        film, _ = read_with_warnings(audit.cohort.root / path)
    except RadiographError as error:
        return f"<p>{_text(error)}</p>"
    scale = THUMBNAIL_SIDE / max(film.shape)
    if scale < 1:
        size = tuple(max(1, round(side * scale)) for side in reversed(film.shape))
        film = cv2.resize(film, size, interpolation=cv2.INTER_AREA)
    data = base64.b64encode(cv2.imencode(".jpg", film, [cv2.IMWRITE_JPEG_QUALITY, 80])[1].tobytes()).decode()
    return f'<img alt="film {_text(path)}" src="data:image/jpeg;base64,{data}">'


def _text(value: object) -> str:
    """Escaped for HTML; a file's name may hold bytes that are no text."""
    return escape(str(value).encode("utf-8", "backslashreplace").decode())
