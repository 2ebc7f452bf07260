"""Gradio's upload route, made anew: films alone, within a quota, and nothing left of one that does not come whole.

Gradio's own keeps the files of an upload that is broken off, writes every field of a form to disk or memory, whatever
its name, and lays equal films of two visitors in one place, where whoever is read first deletes them under the other.
"""

import re
import secrets
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from errno import EDQUOT, ENOSPC
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import parse_qs

from anyio import to_thread
from gradio_client.utils import strip_invalid_filename_characters
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request
from starlette.responses import JSONResponse, StreamingResponse

from demo.page.guard.asgi import API, App, Receive, RefusedError, Scope, Send, answer_refused, header_values
from demo.page.guard.bodies import announced_length, arriving
from demo.page.guard.upload_progress import UploadProgress
from demo.page.guard.upload_space import Owner, StoredFile, UploadSpace, no_room
from train.radiograph.formats import MAX_BYTES

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

MOST_UPLOAD_BYTES = 1_000_000_000  # of all files that are dropped at once
MOST_FILES = 1_000  # of them
WRITTEN_AT_ONCE = 1_000_000  # bytes that are gathered before they go to the disk
FIELD = b"files"
LONGEST_NAME = 200  # of a file on the server's disk; the film's own is kept by whoever uploads it

_UPLOAD = re.compile(rf"{API}/upload/?")
_PROGRESS = re.compile(rf"{API}/upload_progress/?")
_FILE = re.compile(rf"{API}/file=(?P<path>.+)")


@dataclass(frozen=True)
class Uploads:
    """ASGI middleware: takes uploads itself, and leaves everything else to Gradio's application.

    Attributes:
        app: Gradio's application; `upload_file_set` of its page learns what was stored.
        space: what uploads may take.
        owner_of: whose a request is.
        progress: how far they are.
    """

    app: App
    space: UploadSpace
    owner_of: Callable[[Scope], Owner]
    progress: UploadProgress = field(default_factory=UploadProgress)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path = scope["path"] if scope["type"] == "http" else ""
        if scope.get("method") == "POST" and _UPLOAD.fullmatch(path):
            answer: Callable[[Scope, Receive], Awaitable[App]] = self._upload
        elif scope.get("method") == "GET" and _PROGRESS.fullmatch(path):
            answer = self._progress
        elif asked := _FILE.fullmatch(path):
            answer = self._file(asked["path"])
        else:
            await self.app(scope, receive, send)
            return
        try:
            response = await answer(scope, receive)
        except RefusedError as refusal:
            await answer_refused(refusal, send)
            return
        await response(scope, receive, send)

    async def _upload(self, scope: Scope, receive: Receive) -> App:
        gradio = scope["app"]
        folder = Path(gradio.uploaded_file_dir).resolve()
        length = announced_length(scope, MOST_UPLOAD_BYTES)
        owner, upload_id = self.owner_of(scope), _upload_id(scope)
        with self.space.room_for(owner.client, length, folder):
            self.progress.begin(upload_id)
            try:
                form = _Form(folder, lambda name, size: self.progress.more(upload_id, name, size))
                files = await form.store(scope, arriving(scope, receive, MOST_UPLOAD_BYTES))
            finally:
                self.progress.end(upload_id)
        self.space.stored.update({path: StoredFile(owner, size) for path, size in files.items()})
        paths = [str(path) for path in files]
        gradio.get_blocks().upload_file_set.update(paths)
        return JSONResponse(paths)

    def _file(self, path: str) -> Callable[[Scope, Receive], Awaitable[App]]:
        async def answer(scope: Scope, _: Receive) -> App:
            known = self.space.stored.get(Path(path).resolve())  # by whatever way it leads there
            if known is not None and not known.owner.may_fetch(self.owner_of(scope)):
                raise RefusedError(HTTPStatus.NOT_FOUND, "no such file")
            return self.app

        return answer

    async def _progress(self, scope: Scope, _: Receive) -> App:
        events = await self.progress.events(_upload_id(scope) or "")
        if events is None:
            raise RefusedError(HTTPStatus.NOT_FOUND, "nobody sends an upload of that name")
        return StreamingResponse(events, media_type="text/event-stream")


class _Form:
    """One form with films, written to disk as it comes."""

    def __init__(self, folder: Path, on_bytes: Callable[[str, int], None]) -> None:
        """Prepare for a form whose films go to folders of their own below `folder`, on_bytes(own name, bytes) each."""
        self._folder, self._on_bytes = folder, on_bytes
        self._name, self._value, self._disposition = b"", b"", b""
        self._files: dict[Path, int] = {}
        self._own_name = ""
        self._pieces: list[tuple[Path, bytes]] = []
        self._gathered = 0
        self._is_whole = False

    async def store(self, scope: Scope, receive: Receive) -> dict[Path, int]:
        """Store all films of a form: path → bytes.

        Raises:
            RefusedError: it holds anything else, too much of it, or ends too early; nothing is left of it then.
        """
        parser = MultipartParser(_boundary(scope), self._callbacks())
        try:
            async for piece in _pieces(receive):
                parser.write(piece)
                if self._gathered >= WRITTEN_AT_ONCE:
                    await self._write()
            await self._write()
            if not self._is_whole or await Request(scope, receive).is_disconnected():
                raise RefusedError(HTTPStatus.BAD_REQUEST, "the form ended before its last boundary")
        except BaseException as error:
            for path in self._files:
                shutil.rmtree(path.parent, ignore_errors=True)
            if isinstance(error, FormParserError):
                raise RefusedError(HTTPStatus.BAD_REQUEST, "not a form of files (multipart/form-data)") from None
            if isinstance(error, OSError) and error.errno in (ENOSPC, EDQUOT):
                raise no_room() from None
            raise
        return self._files

    def _callbacks(self) -> "MultipartCallbacks":
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._header_name,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_headers_finished": self._begin_file,
            "on_part_data": self._data,
            "on_end": self._end,
        }

    def _begin(self) -> None:
        self._name, self._value, self._disposition = b"", b"", b""

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        if self._name.lower() == b"content-disposition":
            self._disposition = self._value
        self._name, self._value = b"", b""

    def _begin_file(self) -> None:
        _, options = parse_options_header(self._disposition)
        if options.get(b"name") != FIELD or b"filename" not in options:
            raise RefusedError(HTTPStatus.BAD_REQUEST, 'expected a form of files alone, all of them named "files"')
        if len(self._files) == MOST_FILES:
            raise RefusedError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"more than {MOST_FILES:,} files at once: send fewer"
            )
        self._own_name = _decoded(options[b"filename"])
        folder = self._folder / secrets.token_hex(16)
        self._path = folder / _name_on_disk(self._own_name)
        self._files[self._path] = 0  # first of all, so that it goes whatever happens
        folder.mkdir(mode=0o700, parents=True)
        self._path.touch(mode=0o600)

    def _data(self, data: bytes, start: int, end: int) -> None:
        size = end - start
        self._files[self._path] += size
        if self._files[self._path] > MAX_BYTES:
            raise RefusedError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"a file is larger than {MAX_BYTES / 1_000_000:g} MB, the most for a film",
            )
        self._pieces.append((self._path, data[start:end]))
        self._gathered += size
        self._on_bytes(self._own_name, size)

    def _end(self) -> None:
        self._is_whole = True

    async def _write(self) -> None:
        pieces, self._pieces, self._gathered = self._pieces, [], 0
        if pieces:
            await to_thread.run_sync(_append, pieces)


def _append(pieces: list[tuple[Path, bytes]]) -> None:
    with ExitStack() as opened:
        path: Path | None = None
        for name, data in pieces:
            if name != path:
                opened.close()
                file: BinaryIO = opened.enter_context(name.open("ab"))
                path = name
            file.write(data)


async def _pieces(receive: Receive) -> AsyncIterator[bytes]:
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise RefusedError(HTTPStatus.BAD_REQUEST, "the upload was broken off")
        yield message.get("body", b"")
        more = message.get("more_body", False)


def _boundary(scope: Scope) -> bytes:
    kinds = header_values(scope, b"content-type")
    kind, options = parse_options_header(kinds[0]) if len(kinds) == 1 else (b"", {})
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        raise RefusedError(HTTPStatus.BAD_REQUEST, "expected a form of files (multipart/form-data, with its boundary)")
    return options[b"boundary"]


def _name_on_disk(own: str) -> str:
    name = strip_invalid_filename_characters(Path(own).name, LONGEST_NAME)
    return name if name.strip(". ") else "film"


def _decoded(name: bytes) -> str:
    try:
        return name.decode()
    except UnicodeDecodeError:
        return name.decode("latin-1")


def _upload_id(scope: Scope) -> str | None:
    return parse_qs(scope.get("query_string", b"").decode("latin-1")).get("upload_id", [None])[0]
