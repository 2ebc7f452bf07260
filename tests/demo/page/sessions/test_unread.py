"""Answers that nobody fetches do not stay."""

from types import SimpleNamespace

import pytest

from demo.page.sessions.unread import UnreadAnswers


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def queue():
    return SimpleNamespace(pending_event_ids_session={}, event_ids_to_events={}, pending_messages_per_session={})


def answer(queue, session, is_ready=True):
    event = f"event of {session}"
    queue.pending_event_ids_session[session] = {event}
    queue.pending_messages_per_session[session] = ["answer"]
    if not is_ready:
        queue.event_ids_to_events[event] = "event"


def test_an_answer_waits_so_long_and_one_that_is_still_to_come_for_ever(queue):
    clock = Clock()
    unread = UnreadAnswers(seconds=100, clock=clock)
    answer(queue, "ready")
    answer(queue, "coming", is_ready=False)
    unread.forget(queue)
    clock.now = 99
    unread.forget(queue)
    assert set(queue.pending_event_ids_session) == {"ready", "coming"}
    clock.now = 100
    unread.forget(queue)
    assert set(queue.pending_event_ids_session) == set(queue.pending_messages_per_session) == {"coming"}
    queue.event_ids_to_events.clear()
    unread.forget(queue)
    clock.now = 199
    unread.forget(queue)
    assert set(queue.pending_event_ids_session) == {"coming"}  # its time began when it was ready


def test_of_too_many_the_oldest_go(queue):
    clock = Clock()
    unread = UnreadAnswers(most=3, clock=clock)
    for number in range(6):
        clock.now = number
        answer(queue, str(number))
        unread.forget(queue)
    assert set(queue.pending_event_ids_session) == {"3", "4", "5"}


def test_what_was_fetched_leaves_nothing(queue):
    unread = UnreadAnswers()
    answer(queue, "fetched")
    queue.pending_event_ids_session["fetched"].clear()
    unread.forget(queue)
    assert queue.pending_event_ids_session == queue.pending_messages_per_session == {}
