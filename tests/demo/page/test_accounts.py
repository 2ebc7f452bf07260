"""The file of users and passwords."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo.page.accounts import Account, others_may_read, read_accounts
from train.common.errors import UsageError


def written(tmp_path, text):
    path = tmp_path / "accounts"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_a_line_a_person(tmp_path):
    path = written(tmp_path, "\ufeff# who\n\nanna:a:b c\r\n  ben : דג \n")
    assert read_accounts(path) == (Account("anna", "a:b c"), Account("ben", "דג"))


@pytest.mark.parametrize("line", ["secret", ":secret", "secret:", "  :secret", "secret:  "])
def test_a_bad_line_is_named_by_its_number_and_never_shown(tmp_path, line):
    with pytest.raises(UsageError, match=r"line 2: .*user:password") as caught:
        read_accounts(written(tmp_path, f"anna:x\n{line}\n"))
    assert "secret" not in str(caught.value)


@given(st.text())
def test_no_text_does_more_than_raise_a_usage_error(tmp_path_factory, text):
    path = written(tmp_path_factory.mktemp("accounts"), text.encode("utf-8", "surrogatepass"))
    with suppress(UsageError):
        assert all(account.user and account.password for account in read_accounts(path))


def test_a_hash_in_place_of_the_password_and_tokens_beside_it(tmp_path):
    hashed, one, two = "$scrypt$ln=4,r=8,p=1$TmFDbA$" + "A" * 43, "1" * 64, "2" * 64
    path = written(tmp_path, f"anna:$token${one}\nanna:{hashed}\nprogram:$token${two}\nben:as it is\n")
    anna, program, ben = read_accounts(path)
    assert anna == Account("anna", hashed, (one,))
    assert program == Account("program", "", (two,))
    assert [account.is_readable for account in (anna, program, ben)] == [False, False, True]


@pytest.mark.parametrize("cut", ["$scrypt$ln=15,r=8", "$token$12", "$token$" + "G" * 64])
def test_a_hash_that_is_not_whole_is_no_password(tmp_path, cut):
    with pytest.raises(UsageError, match=r"line 1: no whole hash; make it again: pneumoscope demo hash-password"):
        read_accounts(written(tmp_path, f"anna:{cut}\n"))


def test_a_file_that_cannot_be_used(tmp_path):
    for path, reason in (
        (tmp_path / "absent", "cannot be read"),
        (tmp_path, "cannot be read"),
        (written(tmp_path, b"\xff\xfe:\xff"), "UTF-8"),
    ):
        with pytest.raises(UsageError, match=reason):
            read_accounts(path)
    with pytest.raises(UsageError, match="names nobody"):
        read_accounts(written(tmp_path, "# nobody\n\n"))
    with pytest.raises(UsageError, match="line 2: the user of an earlier line"):
        read_accounts(written(tmp_path, "anna:x\nanna:y\n"))


def test_whether_others_may_read_it(tmp_path):
    path = written(tmp_path, "anna:x")
    path.chmod(0o600)
    assert not others_may_read(path)
    path.chmod(0o640)
    assert others_may_read(path)
