"""About's part for whoever writes programs: code to copy for this page's API and for a bundle, the bundles to take."""

from functools import cache
from html import escape
from pathlib import Path

from demo.inference.networks import LoadedModels
from demo.language.catalogue import Wording
from demo.page.api import PARAMETERS
from demo.page.own_files import bundles_to_take, megabytes

PROGRAMS = Path(__file__).parent / "programs"
API_PROGRAMS = ("curl", "python")
ADDRESS = "http://127.0.0.1:7860"  # in the code; a script of the page puts the page's own in its place
COMMAND = "pneumoscope predict FILM…"


def program_html(loaded: LoadedModels, words: Wording) -> str:
    """The API with curl and Python, the command line, ONNX Runtime on a bundle, and the bundles themselves."""
    endpoints = ", ".join(f"<code>/{name}</code>" for name in PARAMETERS)
    onnx = f"<p>{escape(words('about.program.onnx_text'))}</p>{_downloads(loaded, words)}{_code('onnx', words)}"
    parts = (
        (
            "api",
            f"<p>{escape(words('about.program.api_text'))}</p><p><bdi dir='ltr'>{endpoints}</bdi></p>"
            + "".join(_code(name, words) for name in API_PROGRAMS),
        ),
        ("onnx", onnx),
        (
            "command",
            f"<p><code dir='ltr'>{escape(COMMAND)}</code></p><p>{escape(words('about.program.command_text'))}</p>",
        ),
    )
    bodies = "".join(f"<h3>{escape(words(f'about.program.{name}'))}</h3>{body}" for name, body in parts)
    return f"<div class='program'>{bodies}</div>"


def _downloads(loaded: LoadedModels, words: Wording) -> str:
    bundles = bundles_to_take(loaded)
    if not bundles:
        return f"<p>{escape(words('about.program.not_handed_out'))}</p>"
    links = "".join(
        f"<li><a class='take' href='./bundles/{name}.zip' download>"
        f"{escape(words('about.program.take', network=name.upper(), size=f'{megabytes(bundle):.0f}'))}</a></li>"
        for name, bundle in bundles.items()
    )
    return f"<ul class='takes'>{links}</ul>"


def _code(name: str, words: Wording) -> str:
    title = escape(words(f"about.program.{name}_code"))
    copy, copied = (escape(words(f"about.program.{key}"), quote=True) for key in ("copy", "copied"))
    label = escape(words("about.program.copy_what", what=words(f"about.program.{name}_code")), quote=True)
    text = escape(_program(name)).replace(ADDRESS, f"<span class='page-address'>{ADDRESS}</span>")
    return (
        f"<div class='code'><div class='code-head'><strong><bdi>{title}</bdi></strong>"
        f"<button type='button' class='copy' aria-label='{label}' data-copied='{copied}'>{copy}</button>"
        f"<span class='copy-status' role='status'></span></div>"
        f"<pre dir='ltr' lang='en' translate='no'><code>{text}</code></pre></div>"
    )


@cache
def _program(name: str) -> str:
    return (PROGRAMS / f"{name}.txt").read_text(encoding="utf-8")
