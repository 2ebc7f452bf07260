"""How much room uploads may take: in all, of one client, and on the disk."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path

from demo.page.guard.asgi import RefusedError

DISK_KEPT_FREE = 200_000_000  # bytes; of a disk smaller than ten times that, a tenth of it
MOST_FILES_PER_CLIENT = 5_000  # even the smallest takes a folder, a file and an entry in memory


@dataclass(frozen=True)
class Quota:
    """Bytes of films that may lie on the server before they are read.

    Attributes:
        per_client: of one address; behind a proxy that does not say whose request it hands on, that is everyone.
        in_all: of everyone.
    """

    per_client: int = 2_000_000_000
    in_all: int = 8_000_000_000


DEFAULT_QUOTA = Quota()


@dataclass(frozen=True)
class Owner:
    """Who has sent an upload.

    Attributes:
        session: the page's; None of a program.
        user: who has logged in; None where nobody does.
        client: as `demo.page.guard.clients` names it.
    """

    session: str | None
    user: str | None
    client: str

    def is_same(self, other: "Owner") -> bool:
        """Whether a request of the other may have the upload read: one of the same page, or of the same program."""
        return self.session == other.session and (self.session is not None or self.may_fetch(other))

    def may_fetch(self, other: "Owner") -> bool:
        """Whether the other may get the upload itself, for which a browser does not say of which page it asks."""
        return self.user == other.user and (self.user is not None or self.client == other.client)


@dataclass(frozen=True)
class StoredFile:
    """A whole upload: whose it is, and its bytes."""

    owner: Owner
    size: int


@dataclass
class UploadSpace:
    """What lies in the folder, and what is on its way there; belongs to the server's event loop.

    Attributes:
        quota: the bounds.
        stored: uploads by their paths; those that were read and deleted are forgotten when room is asked for.
        coming: client → bytes that it has announced.
    """

    quota: Quota = DEFAULT_QUOTA
    stored: dict[Path, StoredFile] = field(default_factory=dict)
    coming: dict[str, int] = field(default_factory=dict)

    @contextmanager
    def room_for(self, client: str, size: int, folder: Path) -> Iterator[None]:
        """Hold room for an upload while it comes.

        Args:
            client: as `demo.page.guard.clients` names it.
            size: bytes, as announced.
            folder: where it will lie.

        Raises:
            RefusedError: there is none.
        """
        self._forget_the_deleted()
        self._check(client, size, folder)
        self.coming[client] = self.coming.get(client, 0) + size
        try:
            yield
        finally:
            self.coming[client] -= size
            if not self.coming[client]:
                del self.coming[client]

    def _check(self, client: str, size: int, folder: Path) -> None:
        own = [file.size for file in self.stored.values() if file.owner.client == client]
        if sum(own) + self.coming.get(client, 0) + size > self.quota.per_client or len(own) >= MOST_FILES_PER_CLIENT:
            raise RefusedError(
                HTTPStatus.TOO_MANY_REQUESTS,
                f"your films here take {sum(own) / 1e6:.0f} MB already, and {self.quota.per_client / 1e6:.0f} MB are "
                "the most: have them read, or clear the batch, and send fewer at once",
                {"retry-after": "60"},
            )
        coming = sum(self.coming.values())
        taken = sum(file.size for file in self.stored.values()) + coming
        disk = shutil.disk_usage(folder)
        kept_free = min(DISK_KEPT_FREE, disk.total // 10)
        if taken + size > self.quota.in_all or coming + size > disk.free - kept_free:
            raise no_room()

    def _forget_the_deleted(self) -> None:
        for path in [path for path in self.stored if not path.exists()]:
            del self.stored[path]


def no_room() -> RefusedError:
    """Nobody's films fit any more."""
    return RefusedError(
        HTTPStatus.INSUFFICIENT_STORAGE, "no room for more films at the moment: try again later", {"retry-after": "60"}
    )
