"""Answers that nobody fetches: Gradio keeps each until its client asks for it, which a client need not do."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gradio.queueing import Queue

SECONDS_KEPT = 120.0  # after an answer is ready
MOST_KEPT = 200  # sessions with answers that are ready; one with heatmaps takes up to some MB


class UnreadAnswers:
    """Forgets what was not fetched in time; used in the server's event loop alone."""

    def __init__(
        self, seconds: float = SECONDS_KEPT, most: int = MOST_KEPT, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Keep so many sessions' answers, each so long; `clock` is in seconds and never goes back."""
        self._seconds, self._most, self._clock = seconds, most, clock
        self._ready: dict[str, float] = {}  # session → when its last answer was first seen to be ready

    def forget(self, queue: "Queue") -> None:
        """Look through Gradio's record of events, and take the old ones out of it."""
        pending = queue.pending_event_ids_session
        for session in [session for session, events in pending.items() if not events]:
            del pending[session]
        now = self._clock()
        ready = {
            session: self._ready.get(session, now)
            for session, events in pending.items()
            if not any(event in queue.event_ids_to_events for event in events)
        }
        oldest_first = sorted(ready, key=ready.__getitem__)
        too_many = oldest_first[: max(0, len(ready) - self._most)]
        for session in {*too_many, *(session for session in ready if now - ready[session] >= self._seconds)}:
            del pending[session], ready[session]
            queue.pending_messages_per_session.pop(session, None)
        for session in [session for session in queue.pending_messages_per_session if session not in pending]:
            del queue.pending_messages_per_session[session]
        self._ready = ready
