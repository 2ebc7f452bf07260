"""How far an upload has come, told to the browser that sends it, in the words of Gradio's own route.

Gradio's route keeps what anyone asks about for ever, under names of any length.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

UPLOAD_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
MOST_ASKED_ABOUT = 500  # uploads that someone listens to
SECONDS_TO_BEGIN = 3.0  # a browser listens before it sends, or just after
SECONDS_BETWEEN = 0.1
SECONDS_KEPT = 5.0  # once an upload has come


@dataclass
class _Upload:
    listening: bool = False
    begun: bool = False
    done: bool = False
    news: dict[str, int] = field(default_factory=dict)  # the file's name → bytes since it was last told


class UploadProgress:
    """Uploads on their way by the names that browsers gave them; belongs to the server's event loop."""

    def __init__(self) -> None:
        self._uploads: dict[str, _Upload] = {}

    def begin(self, upload_id: str | None) -> None:
        """An upload comes; one without a name, or with too many beside it, is not told of."""
        if upload_id and UPLOAD_ID.fullmatch(upload_id) and self._has_room(upload_id):
            self._uploads.setdefault(upload_id, _Upload()).begun = True

    def more(self, upload_id: str | None, name: str, size: int) -> None:
        """Some bytes of a file came."""
        if upload := self._uploads.get(upload_id or ""):
            upload.news[name] = upload.news.get(name, 0) + size

    def end(self, upload_id: str | None) -> None:
        """It came, or will not come any more."""
        upload = self._uploads.get(upload_id or "")
        if upload_id and upload:
            upload.done = True
            if not upload.listening:  # of a small film a browser asks when it has come
                asyncio.get_running_loop().call_later(SECONDS_KEPT, self._forget, upload_id, upload)

    async def events(self, upload_id: str) -> AsyncIterator[bytes] | None:
        """Server-sent events until the upload ends; None where nobody sends it."""
        if not UPLOAD_ID.fullmatch(upload_id) or not self._has_room(upload_id):
            return None
        upload = self._uploads.setdefault(upload_id, _Upload())
        if upload.listening:
            return None
        upload.listening = True
        told = self._told(upload_id, upload)
        first = await anext(told, None)
        return _from(first, told) if first is not None else None

    def _forget(self, upload_id: str, upload: _Upload) -> None:
        if self._uploads.get(upload_id) is upload and not upload.listening:
            del self._uploads[upload_id]

    def _has_room(self, upload_id: str) -> bool:
        return upload_id in self._uploads or len(self._uploads) < MOST_ASKED_ABOUT

    async def _told(self, upload_id: str, upload: _Upload) -> AsyncIterator[bytes]:
        loop = asyncio.get_running_loop()
        latest = loop.time() + SECONDS_TO_BEGIN
        try:
            while upload.begun or loop.time() < latest:
                done = upload.done
                news, upload.news = upload.news, {}
                for name, size in news.items():
                    yield _event({"msg": "update", "orig_name": name, "chunk_size": size})
                if done:
                    yield _event({"msg": "done"})
                    return
                await asyncio.sleep(SECONDS_BETWEEN)
        finally:
            self._uploads.pop(upload_id, None)


async def _from(first: bytes, others: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for event in others:
        yield event


def _event(message: dict[str, object]) -> bytes:
    return f"data: {json.dumps(message)}\n\n".encode()
