"""Tokens that stand for a user: one for each login, which expires; and those of programs, which the accounts name.

None is kept as it is: whoever reads the server's memory or the file of accounts cannot log in with what is there.
"""

import hashlib
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass

SECONDS_OF_A_LOGIN = 12 * 3600.0
MOST_LOGINS = 50  # of one user; the oldest ends
API_MARK = "pneumoscope_"  # so that a token which is found somewhere is known for what it is
_API_BYTES = 32


@dataclass(frozen=True)
class _Login:
    user: str
    ends: float


class LoginTokens(MutableMapping[str, str]):
    """Token → user, as Gradio asks for it; in place of its own, whose tokens last as long as the server."""

    def __init__(
        self,
        of_programs: Mapping[str, str],
        seconds: float = SECONDS_OF_A_LOGIN,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Know the tokens of programs (`fingerprint` → user); `clock` is in seconds and never goes back."""
        self._of_programs, self._seconds, self._clock = dict(of_programs), seconds, clock
        self._logins: dict[str, _Login] = {}  # the oldest first

    def __getitem__(self, token: str) -> str:
        known = fingerprint(token)
        if known in self._of_programs:
            return self._of_programs[known]
        self._end_old()
        return self._logins[known].user

    def __setitem__(self, token: str, user: str) -> None:
        self._end_old()
        of_user = [known for known, login in self._logins.items() if login.user == user]
        for known in of_user[: max(0, len(of_user) + 1 - MOST_LOGINS)]:
            del self._logins[known]
        self._logins[fingerprint(token)] = _Login(user, self._clock() + self._seconds)

    def __delitem__(self, token: str) -> None:
        del self._logins[fingerprint(token)]

    def __iter__(self) -> Iterator[str]:
        return iter(())  # what was not kept cannot be listed

    def __len__(self) -> int:
        return len(self._logins)

    def get(self, token: str | None, default: str | None = None) -> str | None:  # type: ignore[override]
        """The user of a token; Gradio asks for None too."""
        if not isinstance(token, str):
            return default
        try:
            return self[token]
        except KeyError:
            return default

    def end_logins_of(self, user: str) -> None:
        """Log a user out everywhere; the tokens of their programs stay."""
        self._logins = {known: login for known, login in self._logins.items() if login.user != user}

    def _end_old(self) -> None:
        now = self._clock()
        self._logins = {known: login for known, login in self._logins.items() if login.ends > now}


def new_api_token() -> str:
    """A token for a program; 256 bits, so that its plain hash is safe to store."""
    return API_MARK + secrets.token_urlsafe(_API_BYTES)


def fingerprint(token: str) -> str:
    """What to store in place of a token: its SHA-256, hexadecimal."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
