"""Who floods the queue waits behind their own films, and nobody else does."""

from types import SimpleNamespace

import pytest

pytest.importorskip("gradio", reason="the page needs Gradio, not installed here")

from demo.page.queue.queue_turns import FairTurns


class Line:
    """A queue as Gradio has it, whose first event is the next to go."""

    def __init__(self):
        self.turns, self.queue, self._made = FairTurns(), [], 0

    def join(self, name, address="192.0.2.1", user=None, page=None):
        request = SimpleNamespace(scope={"client": (address, 1)})
        self._made += 1
        session = page or f"c{self._made}"  # as `SessionIds` makes them: a page's begins with v
        self.queue.append(
            SimpleNamespace(_id=str(self._made), name=name, request=request, username=user, session_hash=session)
        )
        self.turns.place(self.queue)

    def go(self, count=1):
        gone, self.queue[:count] = self.queue[:count], []
        return "".join(event.name for event in gone)


@pytest.fixture
def line():
    return Line()


def test_one_film_goes_before_many_of_another(line):
    for _ in range(5):
        line.join("a")
    line.join("b", "192.0.2.2")
    line.join("c", "192.0.2.3")
    assert line.go(7) == "bcaaaaa"


def test_many_films_of_two_take_turns(line):
    for name, address in (("a", "192.0.2.1"), ("b", "192.0.2.2")):
        for _ in range(3):
            line.join(name, address)
    assert [set(line.go(2)) for _ in range(3)] == [{"a", "b"}] * 3


def test_who_goes_on_asking_gains_nothing_by_it(line):
    for _ in range(4):
        line.join("a")
    assert line.go(2) == "aa"
    line.join("b", "192.0.2.2")
    assert line.go() == "b"
    for _ in range(3):
        line.join("a")
    line.join("b", "192.0.2.2")
    assert line.go(6) == "abaaaa"


def test_newcomers_do_not_keep_who_waits_from_their_turn(line):
    for _ in range(3):
        line.join("a")
    went = ""
    for _ in range(6):
        line.join("b", "192.0.2.2")
        line.join("c", "192.0.2.3")
        went += line.go(2)
    assert went.count("a") == 3


def test_users_and_networks_are_told_apart(line):
    for _ in range(3):
        line.join("a", user="anna")
    line.join("b", user="ben")
    assert line.go(4) == "baaa"
    for number in range(3):  # one household's, whichever of its addresses it uses
        line.join("x", f"2001:db8::{number}")
    line.join("y", "2001:db8:0:1::1")
    assert line.go(4) == "yxxx"


def test_pages_and_programs_of_one_address_take_turns(line):
    for _ in range(3):
        line.join("a")
    line.join("p", page="v1")
    line.join("q", page="v2")
    line.join("b", "192.0.2.2")
    assert line.go(6) == "bapqaa"


def test_what_was_cancelled_leaves_no_gap(line):
    for name in "abc":
        line.join(name, f"192.0.2.{ord(name)}")
    del line.queue[1]
    line.join("b", "192.0.2.98")
    assert line.go(3) == "acb"
    line.join("d")
    assert line.go() == "d"
