"""Whose turn it is in Gradio's queue: whoever asks for one film waits one round, however much another has asked for.

Gradio hands out events as they came, so that a program that asks for fifty films makes all others wait for fifty. Here
each client has a place in every round (start-time fair queueing, Goyal et al. 1996, with events for packets), and what
one client asks for is ordered in the same way among its pages: a program beside them at the same address is one more.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from demo.page.guard.clients import client_of
from demo.page.sessions.ids import is_of_page

if TYPE_CHECKING:
    from fastapi import Request
    from gradio.queueing import Event


@dataclass
class Rounds:
    """Which round each party is in."""

    _latest: dict[Hashable, int] = field(default_factory=dict)

    def next_of(self, party: Hashable, waiting: Sequence[int]) -> int:
        """The round of what a party asks for next; `waiting` are the rounds of all that waits, of any party."""
        now = min(waiting, default=0)
        # Who is behind joins the round at hand; when nobody waits, all begin anew.
        self._latest = {known: latest for known, latest in self._latest.items() if latest >= now} if waiting else {}
        found = self._latest[party] = max(now, self._latest.get(party, now - 1) + 1)
        return found


@dataclass
class FairTurns:
    """The order of one queue; belongs to the server's event loop."""

    _clients: Rounds = field(default_factory=Rounds)
    _pages: dict[Hashable, Rounds] = field(default_factory=dict)  # client → the rounds of its pages
    _rounds: dict[str, tuple[int, int]] = field(default_factory=dict)  # event → its client's round, its page's there

    def place(self, queue: "list[Event]") -> None:
        """Give the last event of a queue its place; the others stand as this has left them, and only leave in front."""
        *waiting, new = queue
        self._rounds = {event._id: self._rounds[event._id] for event in waiting}
        client, clients = client_of_event(new), [client_of_event(event) for event in waiting]
        own = [event for event, whose in zip(waiting, clients, strict=True) if whose == client]
        self._pages = {known: rounds for known, rounds in self._pages.items() if known in clients}
        outer = self._clients.next_of(client, [of_client for of_client, _ in self._rounds.values()])
        pages = self._pages.setdefault(client, Rounds())
        inner = pages.next_of(_page_of(new), [self._rounds[event._id][1] for event in own])
        # The client has one place more in the rounds; which of its events stands there is between its pages.
        places = [*(self._rounds[event._id][0] for event in own), outer]
        of_pages = [*(self._rounds[event._id][1] for event in own)]
        at = bisect_right(of_pages, inner)
        own.insert(at, new)
        of_pages.insert(at, inner)
        for event, place, of_page in zip(own, sorted(places), of_pages, strict=True):
            self._rounds[event._id] = (place, of_page)
        # In one round those first who ask for least: a single film goes before the next of many.
        asked_for = Counter([*clients, client])
        queue.sort(key=lambda event: (self._rounds[event._id][0], asked_for[client_of_event(event)]))


def client_of_event(event: "Event") -> str:
    """Whom a waiting event counts for."""
    return asking(event.username, event.request)


def asking(user: str | None, request: "Request") -> str:
    """Whom a request counts for in the queue: a user, or without passwords the address."""
    return user if user is not None else client_of(request.scope)


def _page_of(event: "Event") -> str | None:
    """The page that asks; None for all programs together."""
    return event.session_hash if is_of_page(event.session_hash) else None
