"""Guessing a password takes longer with each wrong guess."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

FREE = 5  # wrong guesses that cost nothing but themselves
FIRST_WAIT, LONGEST_WAIT = 2.0, 900.0  # seconds; each wrong guess doubles it
SECONDS_REMEMBERED = 3600.0
MOST_REMEMBERED = 10_000  # of whatever guesses; the one that guessed longest ago is forgotten first


@dataclass(frozen=True)
class _Guesses:
    wrong: int
    latest: float


class Throttle:
    """Counts wrong guesses by whoever makes them, or whomever they are made for."""

    def __init__(self, free: int = FREE, clock: Callable[[], float] = time.monotonic) -> None:
        """Allow `free` wrong guesses in a row; `clock` is in seconds and never goes back."""
        self._free, self._clock = free, clock
        self._guesses: OrderedDict[str, _Guesses] = OrderedDict()

    def seconds_to_wait(self, who: str) -> float:
        """How long no guess is heard; 0 where one may be made."""
        found = self._guesses.get(who)
        if found is None or found.wrong < self._free:
            return 0.0
        wait = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(found.wrong - self._free, 20))
        return max(0.0, found.latest + wait - self._clock())

    def wrong(self, who: str) -> None:
        """A guess was wrong."""
        now = self._clock()
        found = self._guesses.pop(who, None)
        before = found.wrong if found and now - found.latest < SECONDS_REMEMBERED else 0
        self._guesses[who] = _Guesses(before + 1, now)
        while len(self._guesses) > MOST_REMEMBERED:
            self._guesses.popitem(last=False)

    def right(self, who: str) -> None:
        """A guess was right: the wrong ones are forgotten."""
        self._guesses.pop(who, None)
