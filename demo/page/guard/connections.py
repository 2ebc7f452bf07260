"""Connections that end: those that never ask, that ask too slowly or that do not take the answer; and not too many.

Whoever opens connections and says nothing would otherwise take all that the system gives one process, and nobody else
could connect. A connection that waits costs its owner nothing, so at the bound the longest-waiting one goes.
"""

import asyncio
import json
from collections import Counter
from typing import cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from demo.page.guard.answer_headers import with_ours
from demo.page.guard.clients import network_of

MOST = 1_000  # connections; a visitor's browser has two for as long as the page is open, and six more at times
HEAD_SECONDS = 15.0  # from a connection, or the first byte of a later request, to the end of that request's headers
IDLE_SECONDS = 75  # from an answer to the next request: longer than programs (httpx: 5) and gateways (nginx: 60) keep
#                    one, for whoever ends it first must be the one who asks, or a request crosses the end and is lost
TAKING_SECONDS = 60.0  # for a client to take what was sent, before more is
BODY_SECONDS = 5.0  # after which a request whose body has not come counts as waiting where there are too many

_BUSY = "the page has too many connections: try again in a moment"


class BoundedProtocol(H11Protocol):
    """uvicorn's HTTP/1.1, with these bounds.

    Attributes:
        most: connections of one server.
        since: when the connection, its request in hand, or its wait for the next one began, on the loop's clock.
    """

    most = MOST

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection: in place of one that waits if there are too many, or not at all."""
        super().connection_made(transport)
        self.timeout_keep_alive = IDLE_SECONDS
        self.since = self.loop.time()
        self._head: asyncio.TimerHandle | None = None
        self._taking: asyncio.TimerHandle | None = None
        if len(self.connections) > self.most:
            self._make_room()
        self._watch_head()

    def data_received(self, data: bytes) -> None:
        """Take some bytes."""
        before = self.cycle
        super().data_received(data)
        if self.cycle is not before:
            self.since = self.loop.time()
        self._watch_head()

    def timeout_keep_alive_handler(self) -> None:
        """End a connection that asks nothing more, unless the next request came while this process stood still."""
        # The loop looks at its sockets before it runs this once more, and data takes it back.
        self.timeout_keep_alive_task = self.loop.call_later(0, super().timeout_keep_alive_handler)

    def on_response_complete(self) -> None:
        """Begin to wait for the next request."""
        self.since = self.loop.time()
        super().on_response_complete()
        self._watch_head()

    def pause_writing(self) -> None:
        """The client does not take what was sent to it."""
        super().pause_writing()
        self._taking = self.loop.call_later(TAKING_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """It does."""
        super().resume_writing()
        self._stop_timing(taking=True)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._stop_timing(head=True, taking=True)
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP as everything else is refused."""
        self._answer_and_close(400, msg)

    def is_waiting(self) -> bool:
        """Whether no request is in hand, or one whose body does not come."""
        if self.cycle is None or self.cycle.response_complete:
            return True
        return self.cycle.more_body and self.loop.time() - self.since > BODY_SECONDS

    def _watch_head(self) -> None:
        # Between two requests it is uvicorn that waits, until a part of the next one is there.
        awaited = self.cycle is None or (self.cycle.response_complete and self.conn.trailing_data[0] != b"")
        if not awaited or self.transport.is_closing():
            self._stop_timing(head=True)
        elif self._head is None:
            self._head = self.loop.call_later(HEAD_SECONDS, self.transport.abort)

    def _stop_timing(self, *, head: bool = False, taking: bool = False) -> None:
        if head and self._head is not None:
            self._head.cancel()
            self._head = None
        if taking and self._taking is not None:
            self._taking.cancel()
            self._taking = None

    def _make_room(self) -> None:
        others = [cast("BoundedProtocol", other) for other in self.connections if other is not self]
        of_client = Counter(_host(other) for other in others)
        # Those that only wait; or where all are in use, as by heartbeats, those of a client who holds most of them.
        may_go = [other for other in others if other.is_waiting()] or [
            other for other in others if of_client[_host(other)] > self.most // 2 and _host(other) != _host(self)
        ]
        if not may_go:
            self._answer_and_close(503, _BUSY)
            return
        leaving = min(may_go, key=lambda other: (-of_client[_host(other)], other.since))
        self.connections.discard(leaving)  # at once: more may come before the loop hears that it has gone
        leaving.transport.abort()

    def _answer_and_close(self, status: int, reason: str) -> None:
        body = json.dumps({"detail": reason}).encode()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
            *([(b"retry-after", b"5")] if status == 503 else []),
        ]
        headers = with_ours({"path": ""}, headers)
        for event in (h11.Response(status_code=status, headers=headers), h11.Data(data=body), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()


def _host(connection: BoundedProtocol) -> str:
    return network_of((connection.client or ("unknown", 0))[0])
