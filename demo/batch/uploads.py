"""What visitors send: gone from the server once it is not needed any more."""

from contextlib import suppress
from pathlib import Path


def delete_upload(path: Path) -> None:
    """Delete an upload, with the folder that the server made for it alone; once is as good as twice."""
    with suppress(OSError):
        path.unlink()
        path.parent.rmdir()
