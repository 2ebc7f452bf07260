"""Nothing stays for ever of what lies in the page's folder, whoever put it there, and however the clock is set.

Gradio forgets what it did not write down, and takes a file's age from the wall clock: set forward by a day, it deletes
the film that is being read. Here a file's age is how long the sweep has known it.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from gradio import Blocks

SECONDS_BETWEEN = 600.0
SECONDS_KEPT = 6 * 3600.0  # Compare and the API delete an upload once it was read, Batch with its batch


@dataclass
class Sweep:
    """The files of a folder, and since when they are known.

    Attributes:
        folder: the page's own; all of it is walked.
        clock: seconds, never set back or forward.
    """

    folder: Path
    clock: Callable[[], float] = time.monotonic
    _known: dict[tuple[Path, int], float] = field(default_factory=dict)  # path and inode → when it was first seen

    def once(self, kept: Collection[Path] = ()) -> None:
        """Delete what is known for `SECONDS_KEPT`: files, but for the paths in `kept`, and folders that are empty."""
        now = self.clock()
        found: dict[tuple[Path, int], float] = {}
        for place, folders, files in os.walk(self.folder, topdown=False):  # what lies in a folder before the folder
            for path in (Path(place, name) for name in (*files, *folders)):
                if path not in kept:
                    self._see(path, now, found)
        self._known = found

    def _see(self, path: Path, now: float, found: dict[tuple[Path, int], float]) -> None:
        with suppress(OSError):  # gone meanwhile, or a folder with something in it
            known = (path, path.lstat().st_ino)
            since = found[known] = self._known.get(known, now)
            if now - since >= SECONDS_KEPT:
                path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
                del found[known]


def files_of_the_page(blocks: Blocks) -> frozenset[Path]:
    """Files that Gradio's page itself shows, to every visitor."""
    return frozenset(Path(path) for block in blocks.blocks.values() for path in getattr(block, "keep_in_cache", ()))


def forget_the_deleted(blocks: Blocks) -> None:
    """Take files that are gone out of what Gradio's page remembers of its files: it only ever adds to it."""
    for files in blocks.temp_file_sets:
        files -= {path for path in tuple(files) if not Path(path).exists()}


@asynccontextmanager
async def sweeping(sweep: Sweep, blocks: Blocks) -> AsyncIterator[None]:
    """Sweep while a block lasts, as the server's `lifespan`; `blocks` is Gradio's page."""

    async def forever() -> None:
        while True:
            await asyncio.sleep(SECONDS_BETWEEN)
            await asyncio.to_thread(sweep.once, files_of_the_page(blocks))
            forget_the_deleted(blocks)

    task = asyncio.create_task(forever())
    try:
        yield
    finally:
        task.cancel()
