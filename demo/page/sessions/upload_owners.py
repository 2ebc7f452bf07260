"""Whose an upload is: nobody else may have it read, or fetch it, even who knows its path."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from demo.page.guard.asgi import RefusedError, Scope, header_values
from demo.page.guard.clients import client_of
from demo.page.guard.upload_space import Owner, StoredFile
from demo.page.request_filter import Event, files_of
from demo.page.sessions.gate import HEADER, USER, session_of
from demo.page.sessions.ids import SessionIds


@dataclass(frozen=True)
class Owners:
    """Knows whose a request is.

    Attributes:
        ids: the sessions that the server made.
    """

    ids: SessionIds

    def __call__(self, scope: Scope) -> Owner:
        """Whose a request is. Raises RefusedError where it says to be of a page that is another user's."""
        session = session_of(scope, None, self.ids) if header_values(scope, HEADER) else None
        return Owner(session, scope.get(USER), client_of(scope))


@dataclass(frozen=True)
class CheckUploads:
    """A listener of the request filter: an event may name its own visitor's uploads alone.

    Attributes:
        owner_of: whose a request is.
        stored: the uploads by their paths.
    """

    owner_of: Owners
    stored: Mapping[Path, StoredFile]

    def __call__(self, event: Event) -> None:
        """Raise RefusedError where an upload is another's."""
        for file in files_of(event.body):
            known = self.stored.get(Path(str(file.get("path"))))
            if known is not None and not known.owner.is_same(self.owner_of(event.scope)):
                raise RefusedError(HTTPStatus.FORBIDDEN, "this upload is not yours: upload the film again")
