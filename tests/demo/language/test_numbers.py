import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo.language.numbers import against_limit


@pytest.mark.parametrize(
    ("novelty", "limit", "texts"),
    [
        (7.5, 5.0, ("7.50", "5.00")),
        (1.41, 1.41, ("1.41", "1.41")),
        (1.4144, 1.4142, ("1.4144", "1.4142")),
        (float("nan"), 1.4142, ("–", "1.41")),
        (float("inf"), 1.4142, ("–", "1.41")),
    ],
)
def test_the_two_are_told_apart(novelty, limit, texts):
    assert against_limit(novelty, limit) == texts


@given(st.floats(0, 100), st.floats(0.01, 100))
def test_what_is_shown_never_turns_the_decision_round(novelty, limit):
    shown, most = map(float, against_limit(novelty, limit))
    assert (shown > most) <= (novelty > limit)
    assert (shown < most) <= (novelty < limit)
