"""What the server keeps for its visitors, in place of Gradio's own holder.

Gradio's makes a state for every id that is named to it, of whoever names it, and pushes the oldest out. This one makes
none for a call, none before there is something to keep, and pushes nobody out who is still looking at the page.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from gradio.components import State
from gradio.state_holder import SessionState, StateHolder

from demo.page.sessions.ids import is_of_page
from demo.page.sessions.kept_bytes import kept_bytes
from demo.page.sessions.unread import UnreadAnswers

if TYPE_CHECKING:
    import gradio as gr

MOST_SESSIONS = 2_000
MOST_BYTES = 600_000_000  # of all visitors together; one who looks at a film takes about 4 MB
SECONDS_KEPT = 3600.0  # after the last thing a visitor did, and again as long as the page stays open
COMPONENT_BYTES = 5_000  # a component that was changed for one visitor, as by the language
FILM_BYTES = 1_000_000  # whoever keeps more has a film already, which the next one replaces


@runtime_checkable
class LeftBehind(Protocol):
    """A value that has something to clear away when its visitor leaves."""

    def discard(self) -> None:
        """Clear it away; once is as good as twice."""


class VisitorState(SessionState):
    """One visitor's values. Gradio's own keeps all that is on screen once more, for links that this page has not."""

    def __init__(self, blocks: "gr.Blocks") -> None:
        # Not Gradio's: it takes 12 ms, all of it for those links.
        self.blocks_config = copy(blocks.default_config)
        self.config_values = {}
        self.state_data = {}
        self.bytes_of: dict[int, int] = {}

    @property
    def kept_bytes(self) -> int:
        """Bytes of memory that it takes."""
        return sum(self.bytes_of.values())

    def __setitem__(self, key: int, value: Any) -> None:  # noqa: ANN401  # whatever a panel keeps
        block = self.blocks_config.blocks.get(key)
        if isinstance(block, State):
            self.state_data[key] = value
            self.bytes_of[key] = kept_bytes(value)
        else:
            self.blocks_config.blocks[key] = value
            if value is not block:
                self.bytes_of[key] = COMPONENT_BYTES

    def _update_config(self, key: int) -> None:
        pass

    def _update_value_in_config(self, key: int, value: Any) -> None:  # noqa: ANN401  # Gradio's own signature
        pass

    def leave(self) -> None:
        """Clear away what must not outlast its visitor."""
        for value in self.state_data.values():
            if isinstance(value, LeftBehind):
                value.discard()


@dataclass(eq=False)
class _Session:
    state: VisitorState | None = None
    heartbeats: int = 0
    last_used: float = field(default=0.0)


class SessionStates(StateHolder):
    """All visitors' states by the ids that `SessionIds` makes; used in the server's event loop alone."""

    def __init__(
        self,
        most_sessions: int = MOST_SESSIONS,
        most_bytes: int = MOST_BYTES,
        seconds_kept: float = SECONDS_KEPT,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Keep so many sessions of so many bytes, each so long; `clock` is in seconds and never goes back."""
        super().__init__()
        self._most_sessions, self._most_bytes, self._seconds = most_sessions, most_bytes, seconds_kept
        self._clock = clock
        self._unread = UnreadAnswers(clock=clock)
        self._sessions: OrderedDict[str, _Session] = OrderedDict()  # the one that was used longest ago first

    def __getitem__(self, session_id: str) -> VisitorState:
        if not is_of_page(session_id):
            return VisitorState(self.blocks)
        session = self._used(session_id)
        if session.state is None:
            session.state = VisitorState(self.blocks)
        return session.state

    def __contains__(self, session_id: object) -> bool:
        return session_id in self._sessions

    def __len__(self) -> int:
        return len(self._sessions)

    @property
    def kept_bytes(self) -> int:
        """Bytes of memory that all of them take."""
        return sum(session.state.kept_bytes for session in self._sessions.values() if session.state)

    def has_room_for(self, session_id: str) -> bool:
        """Whether a visitor may have a film kept: one who has one, or where those who left can make way for it."""
        known = self._sessions.get(session_id)
        if known is not None and known.state is not None and known.state.kept_bytes > FILM_BYTES:
            return True
        self._make_room()
        return len(self._sessions) < self._most_sessions and self.kept_bytes < self._most_bytes

    def heartbeats(self, session_id: str) -> int:
        """How many connections say that a visitor still looks at the page."""
        session = self._sessions.get(session_id)
        return session.heartbeats if session else 0

    def arrive(self, session_id: str) -> None:
        """A visitor looks at the page."""
        self._used(session_id).heartbeats += 1

    def leave(self, session_id: str) -> None:
        """A visitor's page is closed, or its connection; what there was on screen is kept a while."""
        session = self._used(session_id)
        session.heartbeats -= 1
        if not session.heartbeats:
            if session.state is None:
                del self._sessions[session_id]
            else:
                session.state.leave()

    def delete_all_expired_state(self) -> None:
        """Forget those who have left for long, and what nobody fetches; Gradio asks for it every second."""
        self._unread.forget(self.blocks._queue)
        latest = self._clock() - self._seconds
        for session_id, session in list(self._sessions.items()):
            if session.last_used >= latest:
                return
            if session.heartbeats:
                self._used(session_id)
            else:
                self._forget(session_id)

    def _used(self, session_id: str) -> _Session:
        session = self._sessions.setdefault(session_id, _Session())
        session.last_used = self._clock()
        self._sessions.move_to_end(session_id)
        return session

    def _make_room(self) -> None:
        held = self.kept_bytes
        for session_id, session in list(self._sessions.items()):
            if len(self._sessions) < self._most_sessions and held < self._most_bytes:
                return
            if not session.heartbeats:
                held -= session.state.kept_bytes if session.state else 0
                self._forget(session_id)

    def _forget(self, session_id: str) -> None:
        session = self._sessions.pop(session_id)
        if session.state is not None:
            session.state.leave()
