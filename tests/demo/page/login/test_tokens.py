"""Tokens: each stands for a user, for so long."""

from demo.page.login.tokens import MOST_LOGINS, SECONDS_OF_A_LOGIN, LoginTokens, fingerprint, new_api_token


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_a_login_ends():
    clock = Clock()
    tokens = LoginTokens({}, clock=clock)
    tokens["first"] = "anna"
    clock.now = SECONDS_OF_A_LOGIN - 1
    tokens["second"] = "anna"
    assert tokens.get("first") == tokens.get("second") == "anna"
    clock.now += 1
    assert tokens.get("first") is None
    assert tokens.get("second") == "anna"
    assert len(tokens) == 1


def test_logging_out_ends_all_of_a_users_logins_and_nobody_elses():
    tokens = LoginTokens({fingerprint("program"): "anna"})
    tokens["one"], tokens["two"], tokens["other"] = "anna", "anna", "ben"
    tokens.end_logins_of("anna")
    assert [tokens.get(token) for token in ("one", "two", "other", "program")] == [None, None, "ben", "anna"]


def test_a_user_has_only_so_many_logins():
    tokens = LoginTokens({})
    tokens["ben's"] = "ben"
    for number in range(MOST_LOGINS + 1):
        tokens[str(number)] = "anna"
    assert tokens.get("0") is None
    assert tokens.get("1") == "anna"
    assert tokens.get("ben's") == "ben"


def test_a_programs_token_stays_and_nothing_can_be_read_from_what_is_kept():
    token = new_api_token()
    tokens = LoginTokens({fingerprint(token): "anna"}, clock=lambda: 1e9)
    tokens["a login's"] = "ben"
    assert tokens.get(token) == "anna"
    assert tokens.get(fingerprint(token)) is None
    assert tokens.get(None) is None
    assert tokens.get("\ud800") is None
    assert token not in str(vars(tokens))
    assert "a login's" not in str(vars(tokens))
    assert list(tokens) == []
    assert new_api_token() != token
