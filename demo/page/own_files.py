"""What the page hands out beside Gradio: its icon, its web manifest, and the bundles that came with pneumoscope."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import RawIOBase
from pathlib import Path
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from starlette.responses import FileResponse, Response, StreamingResponse

from demo.inference.networks import LoadedModels
from demo.page.guard.asgi import App, Receive, Scope, Send
from export.bundle import Bundle, BundleError, default_models_folder

ICONS = Path(__file__).parent / "icons"
CHUNK = 1_000_000  # bytes of a bundle that are in memory at a time

_BUNDLE = re.compile(r"/bundles/(?P<network>[a-z]+)\.zip")
_ICON = re.compile(r"/icons/(?P<name>icon(-\d+)?\.(svg|png))")
MANIFEST = {
    "name": "pneumoscope",
    "short_name": "pneumoscope",
    "description": "Two networks read the same chest X-ray, side by side",
    "start_url": "./",
    "scope": "./",
    "display": "standalone",
    "background_color": "#14181f",
    "theme_color": "#14181f",
    "icons": [
        {"src": "./icons/icon.svg", "sizes": "any", "type": "image/svg+xml"},
        {"src": "./icons/icon-192.png", "sizes": "192x192", "type": "image/png"},
        {"src": "./icons/icon-512.png", "sizes": "512x512", "type": "image/png"},
    ],
}


@dataclass(frozen=True)
class OwnFiles:
    """ASGI middleware: answers for these files itself and leaves everything else to Gradio's application.

    Attributes:
        app: Gradio's application.
        bundles: network → the bundle that visitors may take with them, as `bundles_to_take` has it.
    """

    app: App
    bundles: Mapping[str, Bundle]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path = scope["path"] if scope["type"] == "http" and scope["method"] in ("GET", "HEAD") else ""
        answer: App | None = None
        if path == "/manifest.json":
            answer = Response(json.dumps(MANIFEST), media_type="application/manifest+json")
        elif path == "/favicon.ico":
            answer = FileResponse(ICONS / "icon-32.png")
        elif (icon := _ICON.fullmatch(path)) and (ICONS / icon["name"]).is_file():
            answer = FileResponse(ICONS / icon["name"])
        elif asked := _BUNDLE.fullmatch(path):
            answer = self._bundle(asked["network"], scope)
        await (answer or self.app)(scope, receive, send)

    def _bundle(self, network: str, scope: Scope) -> App:
        if network not in self.bundles:
            return _line(404, "no bundle of that name is handed out here")
        headers = {"content-disposition": f'attachment; filename="pneumoscope-{network}.zip"'}
        content = zipped(network, self.bundles[network]) if scope["method"] == "GET" else iter(())
        return StreamingResponse(content, media_type="application/zip", headers=headers)


def bundles_to_take(loaded: LoadedModels) -> Mapping[str, Bundle]:
    """Those that came with pneumoscope; of a network of one's own, scores.csv names the films and patients."""
    return loaded.bundles if loaded.models.resolve() == default_models_folder() else {}


def megabytes(bundle: Bundle) -> float:
    """How much there is to download, 10⁶ bytes."""
    return sum(_size(bundle, name) for name in bundle.files) / 1e6


def zipped(network: str, bundle: Bundle) -> Iterator[bytes]:
    """A bundle as a ZIP archive, piece by piece, made as it is sent: never whole in memory, never on disk.

    As it is, without compression: weights have nothing to give.

    Raises:
        BundleError: a file is not what was verified any more; it ends before the archive is whole.
    """
    sent = _Pipe()
    with ZipFile(sent, "w", ZIP_STORED) as archive:
        for name in bundle.files:
            entry = ZipInfo(f"{network}/{name}")
            entry.external_attr, entry.file_size = 0o644 << 16, _size(bundle, name)
            with archive.open(entry, "w") as target:
                for piece in _verified(bundle, name):
                    target.write(piece)
                    yield sent.taken()
    yield sent.taken()


def _size(bundle: Bundle, name: str) -> int:
    return len(bundle.contents[name]) if name in bundle.contents else (bundle.folder / name).stat().st_size


def _verified(bundle: Bundle, name: str) -> Iterator[bytes]:
    """A file's bytes as they were verified; of one that is not kept in memory those of the folder, verified again."""
    if name in bundle.contents:
        yield bundle.contents[name]
        return
    found = hashlib.sha256()
    last = b""
    with (bundle.folder / name).open("rb") as file:
        while piece := file.read(CHUNK):
            found.update(piece)
            yield last
            last = piece
    if found.hexdigest() != bundle.card.checksums[name].lower():
        raise BundleError(f"{bundle.folder / name}: changed while the page runs; start it again")
    yield last


class _Pipe(RawIOBase):
    """Takes what is written until it is taken away; cannot go back, so that ZipFile writes forwards alone."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        piece = bytes(data)  # type: ignore[call-overload]
        self._pieces.append(piece)
        return len(piece)

    def taken(self) -> bytes:
        taken, self._pieces = b"".join(self._pieces), []
        return taken


def _line(status: int, reason: str) -> Response:
    return Response(json.dumps({"detail": reason}), status, media_type="application/json")
