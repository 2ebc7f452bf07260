"""The films that one number of a confusion matrix counts, as HTML: their names, and their pictures where they are."""

import math
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from demo.evaluation.example_films import is_film_below
from demo.evaluation.matrix_films import CELLS, films_of_cell
from demo.inference.compare import ReadFilm
from demo.inference.images import jpeg_uri, shrunk
from demo.language.catalogue import Wording
from demo.language.numbers import rounded
from export.bundle.evaluation import BundleEvaluation
from train.common.errors import PneumoscopeError

MOST_PICTURES, MOST_FILMS = 24, 400
SIDE = 112  # pixels

#: In the panel's HTML: a click on a number asks for its films, at the threshold the browser stands at.
CELL_SCRIPT = """
element.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-cell]");
  if (button) trigger("select", pneumoscope.evaluation.cell(button));
});
"""


def cell_films_html(
    evaluations: Mapping[str, BundleEvaluation],
    split: str,
    asked: Mapping[str, Any],
    data_root: Path | None,
    read_film: ReadFilm,
    words: Wording,
    *,
    named: bool = True,
) -> str:
    """List a cell's films, those nearest to the threshold first; "" for what no button of the page asks.

    Args:
        evaluations: of the networks.
        split: "validation" or "test".
        asked: network, cell and threshold, as the browser sends them.
        data_root: the folder of the user's films; without one, or where it lacks a film, no picture is sent.
        read_film: what decodes a film.
        words: of the language.
        named: say the films' names; not to visitors of a page whose networks' films are its owner's.
    """
    network, cell, threshold = (asked.get(name) for name in ("network", "cell", "threshold"))
    found = evaluations.get(network) if isinstance(network, str) else None
    if not isinstance(threshold, int | float) or isinstance(threshold, bool) or not math.isfinite(threshold):
        return ""
    if found is None or split not in found.scores or cell not in CELLS:
        return ""
    films = films_of_cell(found.scores[split], float(threshold), cell)
    title = words(
        f"evaluation.cell.{cell}",
        network=words(f"network.{found.network}"),
        threshold=f"{threshold:.3f}",
        films=f"{len(films):,}",
    )
    items, pictures = "", 0
    for film in films[:MOST_FILMS]:
        shown = ""
        if data_root is not None and pictures < MOST_PICTURES and is_film_below(data_root, film.film):
            shown = _picture(data_root / film.film, read_film)
            pictures += bool(shown)
        name = f"<span class='name' dir='ltr'>{escape(film.film.rpartition('/')[2])}</span>" if named else ""
        items += f"<li>{shown}{name} <bdi>{escape(rounded(film.probability))}</bdi></li>"
    more = len(films) - MOST_FILMS
    rest = f"<p class='how'>{escape(words('evaluation.cell.more', films=f'{more:,}'))}</p>" if more > 0 else ""
    how = words(f"evaluation.cell.{'how' if pictures else 'how_names' if named else 'how_unnamed'}")
    return (
        f"<section class='cell-films' aria-label='{escape(title, quote=True)}'><h3 tabindex='-1'>{escape(title)}</h3>"
        f"<p class='how'>{escape(how)}</p><ul>{items}</ul>{rest}</section>"
    )


def _picture(path: Path, read_film: ReadFilm) -> str:
    try:
        film, _ = read_film(path)
        return f"<img alt='' loading='lazy' src='{jpeg_uri(shrunk(film, SIDE))}'>"
    except PneumoscopeError:  # it is listed by its name all the same
        return ""
