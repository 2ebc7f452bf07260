"""The folder that `deploy static` writes: page, program, libraries, networks, examples, words in every language."""

import hashlib
import json
import re
from collections.abc import Mapping
from html import escape
from importlib import metadata
from pathlib import Path
from string import Template
from typing import Any

from demo.browser.packages import SOURCES, Libraries, own_modules
from demo.deploy.static.texts import evaluation_objects, films_objects, language_object, page_object
from demo.evaluation.example_films import Example, default_examples_folder, synthetic_examples
from demo.evaluation.track_record import read_track_record
from demo.inference.networks import LoadedModels
from demo.language.catalogue import LANGUAGES, wording
from demo.language.colours import NETWORK_COLOURS
from demo.page.layout import FOLDER as PANELS
from demo.page.layout import THEME, css
from demo.page.own_files import ICONS, MANIFEST
from export.bundle.card import CARD
from train.common.atomic import write_bytes
from train.common.errors import UsageError

Files = Mapping[str, bytes]
INDEX, SERVICE_WORKER, MAIN = "index.html", "service-worker.js", "browser/page/main.js"
#: Scripts of the page with a server that this one runs too, in their order.
SHARED_SCRIPTS = ("page", "narrow_tables", "address", "evaluation/figures", "evaluation/instrument", "compare/viewer")
#: Plotly makes an empty style element and fills it rule by rule: nothing is what it may hold.
NO_STYLE = "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"
#: What each kind of thing may come from.
POLICY = {
    "default-src": ("'none'",),
    "script-src": ("'self'", "'wasm-unsafe-eval'"),
    # The service worker is a file; what reads films starts from a blob, so that this policy binds it too (place.js).
    "worker-src": ("'self'", "blob:"),
    "connect-src": ("'self'",),
    "img-src": ("'self'", "data:", "blob:"),
    "style-src": ("'self'", NO_STYLE),
    "manifest-src": ("'self'",),
    "base-uri": ("'none'",),
    "form-action": ("'none'",),
}


def build_files(loaded: LoadedModels, libraries: Libraries) -> dict[str, bytes]:
    """Every file but the page itself: path → content.

    Args:
        loaded: the networks.
        libraries: of the browser.
    """
    track_record = read_track_record(loaded.bundles)
    version = metadata.version("pneumoscope")
    examples: dict[str, Example] = {
        f"examples/{example.path.name}": example for example in synthetic_examples(default_examples_folder())
    }
    files = {f"browser/{path}": content for path, content in own_modules().items()}
    for name in (SERVICE_WORKER, "single_file.js"):
        del files[f"browser/page/{name}"]
    files["scripts/from_file.js"] = files.pop("browser/page/from_file.js")
    files |= {f"libraries/{name}": content for name, content in libraries.files.items()}
    files |= {f"licences/{name}": content for name, content in libraries.licences.items()}
    files |= {f"scripts/{name}.js": (PANELS / f"{name}.js").read_bytes() for name in SHARED_SCRIPTS}
    files |= {f"icons/{path.name}": path.read_bytes() for path in sorted(ICONS.iterdir())}
    files |= {path: example.path.read_bytes() for path, example in examples.items()}
    for name, bundle in loaded.bundles.items():
        for file in (CARD, "model.onnx"):
            files[f"models/{name}/{file}"] = (bundle.folder / file).read_bytes()
    for split, names in films_objects(loaded).items():
        files[f"texts/films-{split}.json"] = _json(names)
    files["texts/page.json"] = _json(page_object(loaded, track_record, examples))
    for language in LANGUAGES:
        words = wording(language)
        files[f"texts/{language}.json"] = _json(language_object(loaded, track_record, examples, words, version))
        for split, drawn in evaluation_objects(loaded, words).items():
            files[f"texts/evaluation-{language}-{split}.json"] = _json(drawn)
    return files | {"styles.css": _styles(), "manifest.json": _json(MANIFEST)}


def folder_files(loaded: LoadedModels, libraries: Libraries) -> dict[str, bytes]:
    """All files of the folder: path → content."""
    files = build_files(loaded, libraries)
    tags = (
        '<link rel="icon" href="icons/icon.svg" type="image/svg+xml">',
        '<link rel="manifest" href="manifest.json">',
        '<link rel="stylesheet" href="styles.css">',
        '<link rel="modulepreload" href="browser/worker.js">',
        *(f'<script defer src="scripts/{name}.js"></script>' for name in ("from_file", *SHARED_SCRIPTS)),
        f'<script type="module" src="{MAIN}"></script>',
    )
    files[INDEX] = page_html(POLICY, tags)
    sums = {path: hashlib.sha256(content).hexdigest() for path, content in sorted(files.items())}
    worker = (SOURCES / "page" / SERVICE_WORKER).read_bytes()
    files[SERVICE_WORKER] = b"globalThis.pneumoscopeProgram = %b;\n%b" % (json.dumps(sums, indent=1).encode(), worker)
    return files


def page_html(policy: Mapping[str, tuple[str, ...]], head: tuple[str, ...]) -> bytes:
    """The page, in English until its script has words in another language.

    Args:
        policy: its content security policy: directive → sources.
        head: further tags.
    """
    words = wording("en")
    template = Template((SOURCES / "page" / "frame.html").read_text(encoding="utf-8"))
    html = template.substitute(
        policy="; ".join(" ".join((directive, *sources)) for directive, sources in policy.items()),
        description=escape(f"{words('app.tagline')}. {words('disclaimer.short')}", quote=True),
        failed=escape(words("browser.not_loaded"), quote=True),
        from_file=escape(words("browser.from_file"), quote=True),
        head="\n".join(head),
    )
    filled = re.sub(r'data-text="([\w.]+)"([^>]*)>', lambda tag: f"{tag[0]}{escape(words.texts[tag[1]])}", html)
    return filled.encode()


def write_folder(to: Path, files: Files) -> None:
    """Write files into a folder that is empty or holds an earlier page, whose files go.

    Raises:
        UsageError: it holds other files.
    """
    if to.exists() and not to.is_dir():
        raise UsageError(f"{to}: expected a folder; choose another")
    there = {path.relative_to(to).as_posix() for path in to.rglob("*") if path.is_file()} if to.exists() else set()
    named = _named_by(to / SERVICE_WORKER)
    if there and not named:  # others have a file of that name too
        raise UsageError(f"{to}: expected an empty folder, a new one, or one of deploy static's own; choose another")
    # Only what an earlier page had and named: who has added files of their own keeps them.
    for path in there & named - files.keys():
        (to / path).unlink()
    for path, content in files.items():
        (to / path).parent.mkdir(parents=True, exist_ok=True)
        write_bytes(to / path, content)


def _named_by(worker: Path) -> set[str]:
    """The files that an earlier page's service worker keeps; none where there is no such page."""
    text = worker.read_text(encoding="utf-8", errors="replace") if worker.is_file() else ""
    found = re.match(r"globalThis\.pneumoscopeProgram = (\{.*?\});\n", text, re.DOTALL)
    try:
        return set(json.loads(found[1])) if found else set()
    except ValueError:
        return set()


def _styles() -> bytes:
    colours = "".join(f"--network-{name}:{colour};" for name, colour in NETWORK_COLOURS.items())
    own = (SOURCES / "page" / "page_of_files.css").read_text(encoding="utf-8")
    return "\n".join((THEME._get_theme_css(), f":root{{{colours}}}", css(), own)).encode()


def _json(content: Any) -> bytes:  # noqa: ANN401
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
