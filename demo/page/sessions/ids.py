"""Ids of sessions, made and signed by the server: nothing is kept for one until there is something to keep."""

import hmac
import re
import secrets
from base64 import urlsafe_b64encode

NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")  # what a program may call its own session
_OF_PAGE, _OF_CALL = "v", "c"
_RANDOM_BYTES, _SIGNATURE_BYTES = 18, 15


class SessionIds:
    """Makes ids, and knows its own again. Those of an earlier start of the server are strangers."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)

    def make(self, user: str | None) -> str:
        """A new id for a page that is sent to a user; None where nobody logs in."""
        return self._signed(_OF_PAGE, secrets.token_hex(_RANDOM_BYTES), user)

    def is_of(self, session: str, user: str | None) -> bool:
        """Whether this server made the id, a page's or a call's, for this very user."""
        length = 1 + _RANDOM_BYTES * 4 // 3
        return hmac.compare_digest(session[length:].encode(), self._signature(session[:length], user).encode())

    def of_call(self, name: str | None, user: str | None) -> str:
        """The id under which a call without a page's is worked on; nothing is kept for it.

        Args:
            name: what the program calls its session, as `NAME`; None gives an id of its own to each call.
            user: another user's session of that name is another one.
        """
        return self._signed(_OF_CALL, name or secrets.token_hex(_RANDOM_BYTES), user)

    def _signed(self, kind: str, name: str, user: str | None) -> str:
        # One length for all, and nothing of the name to be read from it.
        digest = hmac.digest(self._key, name.encode(), "sha256")[:_RANDOM_BYTES]
        body = f"{kind}{urlsafe_b64encode(digest).decode()}"
        return f"{body}{self._signature(body, user)}"

    def _signature(self, text: str, user: str | None) -> str:
        told = text.encode() + (b"\0" if user is None else b"\1" + user.encode())
        digest = hmac.digest(self._key, told, "sha256")[:_SIGNATURE_BYTES]
        return urlsafe_b64encode(digest).decode()


def is_of_page(session: str) -> bool:
    """Whether an id that this server made is a page's, and no call's."""
    return session.startswith(_OF_PAGE)
