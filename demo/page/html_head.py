"""The page's HTML on its way out: said to be this page and not Gradio's, and compressed.

Gradio's HTML names Gradio to whoever previews a link (pictures on other hosts among it), and what its `head` adds is
not in the HTML but put there by a script, which a preview does not run.
"""

import re
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path

from starlette.datastructures import MutableHeaders
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request

from demo.language.catalogue import wording
from demo.page.guard.asgi import App, Message, Receive, Scope, Send
from demo.page.own_files import MANIFEST
from demo.page.sessions.gate import SESSION

PAGE = "/"
# Gradio compresses what has an ending (its scripts); these have none. Its streams of events would be held up by it.
COMPRESSED = (PAGE, "/config")
LEVEL = 4  # of 9: 320 kB become 66 kB in 10 ms; the highest saves 3 kB more and takes 30
_GRADIOS_OWN = re.compile(
    rb"<meta\s[^>]*?(property=\"og:|name=\"twitter:)[^>]*>\s*|<link\s[^>]*?rel=\"manifest\"[^>]*>\s*|<title>[^<]*</title>\s*"
)
_CHARSET = re.compile(rb"<meta charset=\"utf-8\"\s*/?>")


@dataclass(frozen=True)
class PageHead:
    """ASGI middleware around Gradio's application, for the page's HTML alone; everything else passes untouched."""

    app: App

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or scope["path"] not in COMPRESSED:
            await self.app(scope, receive, send)
            return
        inner = self._with_own_head if scope["path"] == PAGE else self.app
        await GZipMiddleware(inner, compresslevel=LEVEL)(scope, receive, send)

    async def _with_own_head(self, scope: Scope, receive: Receive, send: Send) -> None:
        start: Message = {}
        body = bytearray()

        async def sending(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message
                return
            body.extend(message.get("body", b""))
            if message.get("more_body", False):
                return
            headers = MutableHeaders(raw=start["headers"])
            is_html = headers.get("content-type", "").startswith("text/html")
            html = with_head(bytes(body), str(Request(scope).base_url), scope[SESSION]) if is_html else bytes(body)
            if "content-length" in headers:
                headers["content-length"] = str(len(html) if scope["method"] != "HEAD" else len(body))
            await send(start)
            await send({"type": "http.response.body", "body": html, "more_body": False})

        await self.app(scope, receive, sending)


def with_head(html: bytes, address: str, session: str) -> bytes:
    """Gradio's HTML under this page's own name and icon.

    Args:
        html: UTF-8.
        address: the page's, as its visitor sees it, with a slash at the end: previews want a picture's whole address.
        session: the id under which the page will ask.
    """
    own = "".join((*_own_tags(address), *_session_tags(session))).encode()
    return _CHARSET.sub(lambda found: found[0] + own, _GRADIOS_OWN.sub(b"", html), count=1)


def _session_tags(session: str) -> tuple[str, str]:
    # A script of its own, ahead of Gradio's: what stands in Gradio's `head` comes after the first requests.
    return f'<meta name="pneumoscope-session" content="{session}">', f"<script>{_session_script()}</script>"


@cache
def _session_script() -> str:
    return (Path(__file__).parent / "sessions" / "session.js").read_text(encoding="utf-8")


def _own_tags(address: str) -> tuple[str, ...]:
    words = wording("en")
    name, what = escape(words("app.name")), escape(f"{words('app.tagline')}. {words('disclaimer.short')}", quote=True)
    picture = escape(f"{address}icons/icon-512.png", quote=True)
    properties = {"title": name, "type": "website", "description": what, "image": picture, "image:alt": name}
    return (
        f"<title>{name}</title>",
        f'<meta name="description" content="{what}">',
        f'<meta name="theme-color" content="{MANIFEST["theme_color"]}">',
        *(f'<meta property="og:{key}" content="{value}">' for key, value in properties.items()),
        '<meta name="twitter:card" content="summary">',
        '<link rel="icon" href="./icons/icon.svg" type="image/svg+xml">',
        '<link rel="icon" href="./icons/icon-32.png" type="image/png" sizes="32x32">',
        '<link rel="apple-touch-icon" href="./icons/icon-180.png">',
        '<link rel="manifest" href="./manifest.json">',
    )
