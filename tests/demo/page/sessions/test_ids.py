"""Ids of sessions: the server's own, of one user, hard to guess and cheap to have."""

from hypothesis import given
from hypothesis import strategies as st

from demo.page.sessions.ids import NAME, SessionIds, is_of_page

USERS = st.none() | st.text()


@given(USERS)
def test_an_id_is_known_again_and_fits_a_header(user):
    ids = SessionIds()
    made, other = ids.make(user), ids.make(user)
    assert made != other
    assert NAME.fullmatch(made)
    assert is_of_page(made)
    assert ids.is_of(made, user)


@given(USERS, USERS)
def test_it_is_of_no_other_user(one, other):
    ids = SessionIds()
    assert ids.is_of(ids.make(one), other) == (one == other)
    assert ids.is_of(ids.of_call(None, one), other) == (one == other)


@given(st.text())
def test_nobody_else_can_make_one(text):
    ids = SessionIds()
    assert not ids.is_of(text, None)
    assert not ids.is_of(SessionIds().make(None), None)  # of an earlier start
    made = ids.make(None)
    assert not ids.is_of("c" + made[1:], None)  # a page's is no call's
    assert not ids.is_of(made[:-1] + ("A" if made[-1] != "A" else "B"), None)


def test_a_call_has_a_session_of_its_own_or_the_one_it_names_for_its_user():
    ids = SessionIds()
    assert ids.of_call("mine", "anna") == ids.of_call("mine", "anna")
    assert ids.of_call("mine", "anna") != ids.of_call("mine", "ben")
    assert ids.of_call(None, "anna") != ids.of_call(None, "anna")
    assert not is_of_page(ids.of_call("v", None))
    assert NAME.fullmatch(ids.of_call("mine", None))
