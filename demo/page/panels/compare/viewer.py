"""The film viewer as HTML: the film, the buttons that move it, and what it is. What they do is in `viewer.js`."""

import json
from html import escape

from demo.language.catalogue import Wording
from demo.page.panels.compare.film_on_screen import FilmOnScreen

# 24 by 24, drawn with a line: what a button does, for those who do not read its name.
_ICONS = {
    "back": "M9 6 3 12l6 6M3 12h12a6 6 0 0 1 6 6",
    "previous": "M15 5l-7 7 7 7",
    "next": "M9 5l7 7-7 7",
    "out": "M5 12h14",
    "in": "M5 12h14M12 5v14",
    "fit": "M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5",
    "invert": "",  # a disc, half of it dark: drawn by the style
    "window": "M4 7h9M17 7h3M4 17h3M11 17h9M15 4.5v5M9 14.5v5",
    "full": "M14 4h6v6M10 20H4v-6M20 4l-7 7M4 20l7-7",
}


def viewer_html(frame: str, film: FilmOnScreen, words: Wording, below: str = "") -> str:
    """A film's frame (the picture and what lies over it, HTML) inside its viewer; `below` explains the latter."""
    what = escape(words("viewer.label", name=film.name or words("word.film")), quote=True)
    keys = escape(words("viewer.keys"))
    return (
        f"<div class='viewer' data-film='{film.token}' data-width='{film.width}' data-height='{film.height}' "
        f"data-detail='{int(film.detail is not None)}' data-words='{_words(words)}'>"
        f"{_bar(words)}"
        f"<div class='film' role='group' tabindex='0' aria-label='{what}' aria-describedby='viewer-keys'>"
        f"<div class='view one'>{frame}</div>"
        f"<strong class='display-only' hidden>{escape(words('viewer.display_only'))}</strong></div>"
        f"<p id='viewer-keys' class='unseen'>{keys}</p>"
        f"{_window(words)}{_facts(film, words)}{below}</div>"
    )


def empty_viewer_html(words: Wording) -> str:
    """The viewer without a film: where one is dropped."""
    return (
        f"<div class='viewer' data-words='{_words(words)}'><div class='film empty'>"
        f"<p>{escape(words('compare.drop'))}</p></div></div>"
    )


def _words(words: Wording) -> str:
    """What the browser says by itself, in the language of the page; {name} and {count} are filled there."""
    said = {
        key: words(f"viewer.{key}", name="{name}", count="{count}", place="{place}")
        for key in ("reading", "several", "place", "detail", "no_detail")
    }
    return escape(json.dumps(said, ensure_ascii=False), quote=True)


def _bar(words: Wording) -> str:
    def button(action: str, text: str = "", more: str = "") -> str:
        name = escape(words(f"viewer.{action}"), quote=True)
        inside = text or _icon(action)
        return f"<button type='button' data-do='{action}' aria-label='{name}' title='{name}'{more}>{inside}</button>"

    pressed = " aria-pressed='false'"
    groups = (
        button("back", f"{_icon('back')}<span>{escape(words('viewer.back.short'))}</span>", " hidden"),
        button("previous", more=" hidden") + "<output class='place' hidden></output>" + button("next", more=" hidden"),
        button("out") + button("in") + button("fit") + button("actual", "1:1"),
        button("invert", more=pressed) + button("window", more=" aria-expanded='false'") + button("full", more=pressed),
    )
    spans = "".join(f"<span>{group}</span>" for group in groups)
    name = escape(words("viewer.tools"), quote=True)
    return f"<div class='viewer-bar' role='toolbar' aria-label='{name}'>{spans}</div>"


def _icon(action: str) -> str:
    return f"<svg viewBox='0 0 24 24' aria-hidden='true'><path d='{_ICONS[action]}'/></svg>"


def _window(words: Wording) -> str:
    """Sliders of the grey window, in percent of the film's range; how wide it is and where its middle lies."""
    sliders = "".join(
        f"<label>{escape(words(f'viewer.window.{name}'))} <input type='range' data-grey='{name}' min='{least}' "
        f"max='{most}' step='1' value='{value}'></label>"
        for name, least, most, value in (("level", 0, 100, 50), ("width", 1, 200, 100))
    )
    return (
        f"<div class='viewer-window' hidden>{sliders}<button type='button' data-do='reset'>"
        f"{escape(words('viewer.reset'))}</button><p>{escape(words('viewer.display_only'))}</p></div>"
    )


def _facts(film: FilmOnScreen, words: Wording) -> str:
    facts = [f"<bdi class='name'>{escape(film.name)}</bdi>"] if film.name else []
    facts.append(escape(words("viewer.pixels", width=f"{film.width:,}", height=f"{film.height:,}")))
    if film.bits is not None:
        facts.append(escape(words("viewer.bits", bits=film.bits)))
    spans = "".join(f"<span>{fact}</span>" for fact in facts)
    return f"<p class='viewer-facts'>{spans}<span class='zoom' dir='ltr'></span><span class='detail'></span></p>"
