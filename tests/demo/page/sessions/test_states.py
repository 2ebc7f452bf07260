"""What is kept for visitors: nothing for calls, so many bytes, never at the cost of one who looks on."""

import asyncio
from types import SimpleNamespace

import pytest

gr = pytest.importorskip("gradio", reason="the page needs Gradio, not installed here")

from demo.page.sessions.states import SECONDS_KEPT, SessionStates  # noqa: E402

FILM = b"x" * 2_000_000


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


class Kept:
    """A value that has uploads to delete."""

    is_gone = False

    def discard(self):
        self.is_gone = True


@pytest.fixture
def clock():
    return Clock()


async def _page():
    with gr.Blocks(analytics_enabled=False) as page:
        gr.State(None)
        gr.HTML("")
    return page


@pytest.fixture
def holder(clock):
    """(limits) → states of a page with one value to keep, its key 1."""
    page = asyncio.run(_page())  # without a running loop Gradio makes loops that nobody closes
    (key,) = [number for number, block in page.blocks.items() if isinstance(block, gr.State)]

    def make(**limits):
        states = SessionStates(clock=clock, **limits)
        states.set_blocks(page)
        states.key = key
        return states

    return make


def see(states, session, value=FILM):
    """What happens when a visitor opens a film."""
    assert states.has_room_for(session)
    states[session][states.key] = value


def test_what_is_kept_comes_back_and_only_under_its_id(holder):
    states = holder()
    see(states, "v1")
    assert states["v1"][states.key] == FILM
    assert states["v2"][states.key] is None
    assert states.kept_bytes == pytest.approx(2_000_000, rel=0.01)


def test_nothing_is_kept_for_a_call(holder):
    states = holder()
    for number in range(100):
        states[f"c{number}"][states.key] = FILM
        assert states["4af3" * 8].kept_bytes == 0
    assert len(states) == states.kept_bytes == 0


def test_a_state_is_cheap_until_there_is_something_in_it(holder):
    states = holder()
    for number in range(500):
        states[f"v{number}"]
    assert (len(states), states.kept_bytes) == (500, 0)


def test_those_who_left_make_room_the_oldest_first(holder):
    states = holder(most_bytes=6_500_000)
    for session in ("v1", "v2", "v3"):
        see(states, session)
        states.arrive(session)
        states.leave(session)
    states["v1"][states.key]  # somebody came back
    see(states, "v4")
    see(states, "v5")
    assert "v2" not in states
    assert states["v1"][states.key] == FILM


def test_one_who_looks_on_is_never_pushed_out(holder):
    states = holder(most_bytes=5_000_000)
    for session in ("v1", "v2", "v3"):
        states.arrive(session)
        see(states, session)
    assert not states.has_room_for("v4")
    assert states.has_room_for("v1")  # another film takes this one's place
    states.leave("v2")
    assert states.has_room_for("v4")
    assert "v2" not in states
    assert states["v1"][states.key] == states["v3"][states.key] == FILM


def test_there_are_only_so_many(holder):
    states = holder(most_sessions=3)
    for session in ("v1", "v2", "v3"):
        states.arrive(session)
        states[session]
    assert not states.has_room_for("v4")
    states.leave("v1")
    assert states.has_room_for("v4")


def test_a_film_is_kept_a_while_after_its_visitor_left_and_uploads_are_not(holder, clock):
    states, batch = holder(), Kept()
    for _ in range(2):  # two connections of one page
        states.arrive("v1")
    see(states, "v1", batch)
    states.leave("v1")
    assert not batch.is_gone
    states.leave("v1")
    assert batch.is_gone
    states.delete_all_expired_state()
    clock.now += SECONDS_KEPT - 1
    assert "v1" in states
    states.delete_all_expired_state()
    assert "v1" in states
    clock.now += 2
    states.delete_all_expired_state()
    assert "v1" not in states


def test_a_page_that_stays_open_keeps_its_film(holder, clock):
    states = holder()
    states.arrive("v1")
    see(states, "v1")
    for _ in range(30):
        clock.now += SECONDS_KEPT
        states.delete_all_expired_state()
    assert states["v1"][states.key] == FILM


def test_a_visitor_who_did_nothing_leaves_nothing(holder):
    states = holder()
    states.arrive("v1")
    states.leave("v1")
    assert len(states) == 0


def test_what_pushed_out_has_uploads_deletes_them(holder):
    states, batch = holder(most_sessions=1), Kept()
    see(states, "v1", batch)
    assert states.has_room_for("v2")
    assert batch.is_gone


@pytest.fixture(autouse=True)
def a_queue_of_nothing(monkeypatch):
    queue = SimpleNamespace(pending_event_ids_session={}, event_ids_to_events={}, pending_messages_per_session={})
    monkeypatch.setattr(gr.Blocks, "_queue", queue, raising=False)
