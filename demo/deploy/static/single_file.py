"""The page as one HTML file that needs no server: every other file stands in it."""

import base64
import hashlib
import json
import posixpath
import re
from graphlib import TopologicalSorter

from demo.browser.packages import SOURCES
from demo.deploy.static.folder import MAIN, NO_STYLE, POLICY, SHARED_SCRIPTS, Files, page_html

_IMPORT = re.compile(rb'(?:from|import) ?\(?"(\.[^"]+)"')
_WORKER = "browser/worker.js"


def single_file(files: Files) -> bytes:
    """The page of `folder_files` in one file.

    Args:
        files: of `build_files`.
    """
    kept = {
        path: content for path, content in files.items() if not path.startswith(("scripts/", "licences/", "icons/"))
    }
    styles, _ = kept.pop("styles.css"), kept.pop("manifest.json")
    scripts = [files[f"scripts/{name}.js"] for name in SHARED_SCRIPTS]
    scripts.append((SOURCES / "page" / "single_file.js").read_bytes())
    ours = "blob:"
    policy = POLICY | {
        "script-src": (ours, "'wasm-unsafe-eval'", *map(_allowed, scripts)),
        "worker-src": (ours,),
        "connect-src": (ours, "data:"),
        "img-src": (ours, "data:"),
        "style-src": (NO_STYLE, _allowed(styles)),
        "manifest-src": ("'none'",),
    }
    licences = "\n".join(
        f"<!-- {path}\n{content.decode().replace('--', '- -')}\n-->"
        for path, content in files.items()
        if path.startswith("licences/")
    )
    html = page_html(policy, (f"<style>{styles.decode()}</style>", licences))
    body = [_part(path, kept[path], _imports(path, kept)) for path in _in_order(kept)]
    body += [b"<script>%b</script>" % script for script in scripts]
    head, end = html.rsplit(b"</body>", 1)
    return b"%b%b\n</body>%b" % (head, b"\n".join(body), end)


def _allowed(content: bytes) -> str:
    """A script or style that may stand in the page."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(content).digest()).decode()}'"


def _part(path: str, content: bytes, imports: dict[str, str]) -> bytes:
    found = f" data-imports='{json.dumps(imports)}'" if imports else ""
    tag = f'<script type="text/plain" data-path="{path}"{found}>'
    return b"%b%b</script>" % (tag.encode(), base64.b64encode(content))


def _imports(path: str, files: Files) -> dict[str, str]:
    """What a module of ours imports: as it is named there → path."""
    if not (path.startswith("browser/") and path.endswith(".js")):
        return {}
    named = {name.decode() for name in _IMPORT.findall(_code(files[path]))}
    return {name: posixpath.normpath(posixpath.join(posixpath.dirname(path), name)) for name in sorted(named)}


def _code(module: bytes) -> bytes:
    """A module without its comments, in which types are imported."""
    return re.sub(rb"/\*.*?\*/|^\s*//[^\n]*", b"", module, flags=re.DOTALL | re.MULTILINE)


def _in_order(files: Files) -> tuple[str, ...]:
    """Paths, each module behind those it imports; a worker and a page are the ends of it."""
    graph = {path: set(_imports(path, files).values()) for path in files}
    order = tuple(TopologicalSorter(graph).static_order())
    missing = set(order) - set(files) | {MAIN, _WORKER} - set(order)
    assert not missing, missing
    return order
