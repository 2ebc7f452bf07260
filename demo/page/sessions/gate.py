"""Which session a request is of: the page's own, made by the server for this user, or a call's, which keeps nothing.

Gradio's script invents a session's name in the browser. Here the page gets its id with its HTML, and a line of script
(session.js) sends it along; whatever Gradio is told then stands under that id. Programs have no page: what they call
their session only tells their answers from others'.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlencode

from demo.page.guard.asgi import API, App, Receive, RefusedError, Scope, Send, answer_refused
from demo.page.request_filter import Event
from demo.page.sessions.ids import NAME, SessionIds, is_of_page
from demo.page.sessions.states import SessionStates

HEADER = b"x-pneumoscope-session"
SESSION, USER = "pneumoscope.session", "pneumoscope.user"  # of a request's scope: made for it, and who asks
SECONDS_BETWEEN_BEATS = 15.0
MOST_HEARTBEATS = 4  # of one page: its own, and those that a proxy has not noticed to be gone
_RETRY = {"retry-after": "10"}  # seconds

_HEARTBEAT = re.compile(rf"{API}/heartbeat/[^/]+")
_FETCH = re.compile(rf"{API}/(queue/data/?|call/(v2/)?[^/]+/(?P<event>[^/]+))")


@dataclass(frozen=True)
class SessionGate:
    """ASGI middleware in front of Gradio's application, behind whatever knows the user (`USER` of the scope).

    Attributes:
        app: Gradio's application.
        ids: those the server makes.
        states: what it keeps under them.
    """

    app: App
    ids: SessionIds
    states: SessionStates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a heartbeat; pass every other request on, under its session."""
        if scope["type"] == "lifespan":
            _hold_states(scope["app"], self.states)
        elif scope["type"] == "http":
            try:
                if _HEARTBEAT.fullmatch(scope["path"]):
                    await self._beat(scope, receive, send)
                    return
                self._place(scope)
            except RefusedError as refusal:
                await answer_refused(refusal, send)
                return
        await self.app(scope, receive, send)

    def _place(self, scope: Scope) -> None:
        if scope["path"] == "/":
            scope[SESSION] = self.ids.make(scope.get(USER))
        elif asked := _FETCH.fullmatch(scope["path"]):
            if event := asked["event"]:
                _check_caller(scope, event, self.ids)
                return
            names = parse_qs(scope["query_string"].decode("latin-1")).get("session_hash", [""])
            session = session_of(scope, names[0], self.ids)
            scope["query_string"] = urlencode({"session_hash": session}).encode()

    async def _beat(self, scope: Scope, receive: Receive, send: Send) -> None:
        session = session_of(scope, None, self.ids)
        if not is_of_page(session):
            raise RefusedError(HTTPStatus.NOT_FOUND, "no session of a page: a program needs no heartbeat")
        if self.states.heartbeats(session) >= MOST_HEARTBEATS:
            raise RefusedError(HTTPStatus.TOO_MANY_REQUESTS, "this page has its heartbeats", _RETRY)
        check_room(session, self.states)
        self.states.arrive(session)
        try:
            headers = [(b"content-type", b"text/event-stream; charset=utf-8")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            async with _gone(receive, scope["app"]) as gone:
                while not gone.done():
                    await send({"type": "http.response.body", "body": b"data: ALIVE\n\n", "more_body": True})
                    await asyncio.wait({gone}, timeout=SECONDS_BETWEEN_BEATS)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            self.states.leave(session)


@dataclass(frozen=True)
class PlaceEvents:
    """A listener of the request filter: puts each event under its session.

    Attributes:
        ids: those the server makes.
        states: what it keeps under them.
    """

    ids: SessionIds
    states: SessionStates

    def __call__(self, event: Event) -> None:
        """Name the event's session. Raises RefusedError where it is another user's, or nothing more can be kept."""
        if event.kind == "call":
            event.body["session_hash"] = self.ids.of_call(None, event.scope.get(USER))
            return
        session = session_of(event.scope, event.body.get("session_hash"), self.ids)
        if event.kind == "cancel":
            _check_own(event, session)
        if is_of_page(session):
            check_room(session, self.states)
        event.body["session_hash"] = session


def session_of(scope: Scope, name: object, ids: SessionIds) -> str:
    """The session that a request is of.

    Args:
        scope: the request.
        name: what it calls its session; of no account for a request of a page.
        ids: those the server makes.

    Raises:
        RefusedError: the page is another user's, or of an earlier start of the server; the name is none.
    """
    user = scope.get(USER)
    of_page = next((value.decode("latin-1") for key, value in scope["headers"] if key == HEADER), None)
    if of_page is not None:
        if not (NAME.fullmatch(of_page) and is_of_page(of_page) and ids.is_of(of_page, user)):
            raise RefusedError(HTTPStatus.FORBIDDEN, "this page is of another visit: load it again")
        return of_page
    if name is not None and not (isinstance(name, str) and NAME.fullmatch(name)):
        raise RefusedError(
            HTTPStatus.UNPROCESSABLE_ENTITY, "session_hash: expected 1 to 64 letters, digits, hyphens and underscores"
        )
    return ids.of_call(name, user)


def check_room(session: str, states: SessionStates) -> None:
    """Raise RefusedError where nothing more can be kept for a visitor."""
    if not states.has_room_for(session):
        raise RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, "busy: too many visitors; try again in a moment", _RETRY)


def _check_caller(scope: Scope, event: str, ids: SessionIds) -> None:
    """An answer goes to the user who asked."""
    pending = scope["app"].get_blocks()._queue.pending_event_ids_session
    session = next((session for session, events in pending.items() if event in events), "")
    if not ids.is_of(session, scope.get(USER)):
        raise RefusedError(HTTPStatus.NOT_FOUND, "no such call, or its answer was fetched or not wanted for long")


def _check_own(event: Event, session: str) -> None:
    waiting = event.scope["app"].get_blocks()._queue.event_ids_to_events
    asked = waiting.get(str(event.body.get("event_id")))
    if asked is not None and asked.session_hash != session:
        raise RefusedError(HTTPStatus.NOT_FOUND, "no such event of this session")


def _hold_states(app: Any, states: SessionStates) -> None:  # noqa: ANN401  # Gradio's application
    """Give Gradio our states in place of its own, before the first request."""
    states.set_blocks(app.get_blocks())
    app.state_holder = states


@asynccontextmanager
async def _gone(receive: Receive, app: Any) -> AsyncIterator[asyncio.Task[None]]:  # noqa: ANN401  # Gradio's
    """A task that is done once the client has left, or the server is being stopped."""

    async def left() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    async def either() -> None:
        both = {asyncio.ensure_future(left()), asyncio.ensure_future(app.stop_event.wait())}
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in both:
                each.cancel()

    task = asyncio.create_task(either())
    try:
        yield task
    finally:
        task.cancel()
