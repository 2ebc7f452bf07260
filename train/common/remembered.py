"""What follows from an array, worked out once."""

import functools
import weakref
from collections.abc import Callable, Hashable
from typing import Concatenate, ParamSpec, TypeVar

import numpy as np

P = ParamSpec("P")
T = TypeVar("T")


def once_per_array(function: Callable[Concatenate[np.ndarray, P], T]) -> Callable[Concatenate[np.ndarray, P], T]:
    """Have a function's answers remembered for as long as the array lives, where that cannot be written to.

    Args:
        function: of an array and of values that can be hashed.
    """
    known: dict[int, dict[Hashable, T]] = {}

    @functools.wraps(function)
    def answer(array: np.ndarray, /, *args: P.args, **kwargs: P.kwargs) -> T:
        if array.flags.writeable:
            return function(array, *args, **kwargs)
        if id(array) not in known:
            known[id(array)] = {}
            weakref.finalize(array, known.pop, id(array), None)
        answers, others = known[id(array)], (args, tuple(sorted(kwargs.items())))
        if others not in answers:
            answers[others] = function(array, *args, **kwargs)
        return answers[others]

    return answer
