"""Guessing takes longer with each wrong guess."""

from demo.page.login import throttle
from demo.page.login.throttle import FREE, LONGEST_WAIT, SECONDS_REMEMBERED, Throttle


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_some_guesses_are_free_and_then_each_takes_twice_as_long():
    clock = Clock()
    guesses = Throttle(clock=clock)
    waits = []
    for _ in range(FREE + 12):
        guesses.wrong("one")
        waits.append(guesses.seconds_to_wait("one"))
        clock.now += waits[-1]
        assert guesses.seconds_to_wait("one") == 0
    assert waits == [*[0] * (FREE - 1), 2, 4, 8, 16, 32, 64, 128, 256, 512, *[LONGEST_WAIT] * 4]
    assert guesses.seconds_to_wait("another") == 0


def test_a_right_guess_and_a_long_time_make_up_for_wrong_ones():
    clock = Clock()
    guesses = Throttle(clock=clock)
    for who in ("right", "later"):
        for _ in range(FREE):
            guesses.wrong(who)
        assert guesses.seconds_to_wait(who) > 0
    guesses.right("right")
    assert guesses.seconds_to_wait("right") == 0
    clock.now = SECONDS_REMEMBERED
    guesses.wrong("later")
    assert guesses.seconds_to_wait("later") == 0


def test_only_so_many_are_remembered(monkeypatch):
    monkeypatch.setattr(throttle, "MOST_REMEMBERED", 2)
    guesses = Throttle(free=1)
    for who in ("one", "two", "three"):
        guesses.wrong(who)
    assert [guesses.seconds_to_wait(who) > 0 for who in ("one", "two", "three")] == [False, True, True]
