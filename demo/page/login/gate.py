"""Nobody gets past the login page without a password or a token, whatever they ask, before a body is read."""

import asyncio
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from http import HTTPStatus

from starlette.requests import Request

from demo.page.accounts import Account
from demo.page.guard.asgi import API, App, Receive, RefusedError, Scope, Send, answer_refused
from demo.page.guard.clients import client_of
from demo.page.login.passwords import hash_password, is_password
from demo.page.login.throttle import Throttle
from demo.page.login.tokens import LoginTokens
from demo.page.sessions.gate import USER

FREE_OF_A_USER = 50  # wrong guesses from anywhere before a name is slowed down: its owner must still get in
MOST_WAITING = 10  # guesses; each takes a quarter of a second, one after the other
MOST_WAITING_OF_ONE = 3  # of one address, right ones too: who has a password must not keep others out
# What the login page is made of; Gradio decides itself what "/" shows.
_OPEN = re.compile(
    r"/|/login/?|/logout/?|/theme\.css|/favicon\.ico|/robots\.txt|/manifest\.json|/(assets|static|svelte|icons)/.+"
    rf"|{API}/(theme\.css|app_id|login_check|startup-events)/?|/login_check/?|/config/?"
)
_asking: ContextVar[str] = ContextVar("asking")  # the address of whoever is logging in


class Logins:
    """Checks passwords, one at a time, and slows down whoever guesses."""

    def __init__(self, accounts: Sequence[Account]) -> None:
        self._stored = {account.user: account.password for account in accounts}
        of_programs = {known: account.user for account in accounts for known in account.tokens}
        self.tokens = LoginTokens(of_programs)
        self.of_clients, self.of_users = Throttle(), Throttle(FREE_OF_A_USER)
        self._nobodys = hash_password("") if self._stored else ""
        self._waiting: Counter[str] = Counter()
        self._one_at_a_time = asyncio.Lock()

    async def check(self, user: str, password: str) -> bool:
        """Whether a password is right; Gradio asks it.

        Raises:
            HTTPException: too many were wrong, or are being checked; its status is 429.
        """
        client = _asking.get("")
        if self._waiting.total() >= MOST_WAITING or self._waiting[client] >= MOST_WAITING_OF_ONE:
            raise _slow_down(2.0)
        self._waiting[client] += 1
        try:
            async with self._one_at_a_time:  # or a thousand guesses at once would all be free
                return await self._check(client, user, password)
        finally:
            self._waiting -= Counter((client,))  # which keeps no client at nothing

    async def _check(self, client: str, user: str, password: str) -> bool:
        wait = max(self.of_clients.seconds_to_wait(client), self.of_users.seconds_to_wait(user))
        if wait:
            raise _slow_down(wait)
        # A name that nobody has takes as long as one that somebody has.
        stored = self._stored.get(user, self._nobodys)
        right = await asyncio.to_thread(is_password, password, stored) and user in self._stored
        for throttle, who in ((self.of_clients, client), (self.of_users, user)):
            (throttle.right if right else throttle.wrong)(who)
        return right


@dataclass(frozen=True)
class LoginGate:
    """ASGI middleware in front of everything that reads a request's body.

    Attributes:
        app: the page.
        logins: who may see it; None for everyone.
    """

    app: App
    logins: Logins | None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request through under its user's name (`USER` of its scope), or refuse it."""
        if self.logins is None or scope["type"] not in ("lifespan", "http"):
            await self.app(scope, receive, send)
            return
        if scope["type"] == "lifespan":
            scope["app"].tokens = self.logins.tokens
            await self.app(scope, receive, send)
            return
        token = _token(scope)
        user = scope[USER] = self.logins.tokens.get(token)
        try:
            self._check(scope, user)
        except RefusedError as refusal:
            await answer_refused(refusal, send)
            return
        if user is not None and token is not None:
            _show_to_gradio(scope, token)
        await self.app(scope, receive, send)

    def _check(self, scope: Scope, user: str | None) -> None:
        logins, path = self.logins, scope["path"]
        if logins is None:
            return
        if path.startswith("/login") and scope["method"] == "POST":
            client = client_of(scope)
            _asking.set(client)
            if wait := logins.of_clients.seconds_to_wait(client):
                raise RefusedError(HTTPStatus.TOO_MANY_REQUESTS, _GUESSED, _retry(wait))
        if user is not None and path.startswith("/logout"):
            logins.tokens.end_logins_of(user)
        if user is None and not _OPEN.fullmatch(path):
            raise RefusedError(HTTPStatus.UNAUTHORIZED, "log in first", {"www-authenticate": "Bearer"})


_GUESSED = "too many wrong passwords: wait before you try again"


def _token(scope: Scope) -> str | None:
    """The token a request carries: a program's in its own header, a browser's in Gradio's cookies."""
    request = Request(scope)
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and given:
        return given.strip()
    names = _cookie_names(scope)
    return next((request.cookies[name] for name in names if name in request.cookies), None)


def _show_to_gradio(scope: Scope, token: str) -> None:
    """Gradio knows a token by its cookie alone."""
    headers = [pair for pair in scope["headers"] if pair[0] != b"cookie"]
    scope["headers"] = [*headers, (b"cookie", f"{_cookie_names(scope)[0]}={token}".encode("latin-1", "replace"))]


def _cookie_names(scope: Scope) -> tuple[str, str]:
    of_page = scope["app"].cookie_id
    return f"access-token-{of_page}", f"access-token-unsecure-{of_page}"


def _slow_down(seconds: float) -> Exception:
    from fastapi import HTTPException

    return HTTPException(int(HTTPStatus.TOO_MANY_REQUESTS), _GUESSED, dict(_retry(seconds)))


def _retry(seconds: float) -> Mapping[str, str]:
    return {"retry-after": str(math.ceil(seconds))}
