"""Passwords as they are stored."""

from base64 import b64encode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from demo.page.login.passwords import hash_password, is_hash, is_password


@settings(max_examples=3, deadline=None)
@given(st.text(st.characters(), min_size=1))
def test_a_hash_knows_its_password_and_no_other(password):
    stored = hash_password(password)
    assert is_hash(stored)
    assert password not in stored or len(password) < 5
    assert is_password(password, stored)
    assert not is_password(password + "x", stored)
    assert stored != hash_password(password)


def test_it_is_scrypt_as_others_know_it():
    # RFC 7914, section 12, the second test vector: N = 1024, r = 8, p = 16.
    key = bytes.fromhex(
        "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b3731622eaf30d92e22a3886ff109279d9830da"
        "c727afb94a83ee6d8360cbdfa2cc0640"
    )
    salt, text = (b64encode(data).decode().rstrip("=") for data in (b"NaCl", key))
    assert is_password("password", f"$scrypt$ln=10,r=8,p=16${salt}${text}")
    assert not is_password("Password", f"$scrypt$ln=10,r=8,p=16${salt}${text}")


def test_a_password_may_stand_there_as_it_is():
    assert is_password("a:b c דג", "a:b c דג")
    assert not is_password("a", "b")
    assert not is_password("", "")  # of an account without a password


@pytest.mark.parametrize(
    "stored",
    [
        "$scrypt$",
        "$scrypt$ln=15,r=8,p=3$$",
        "$scrypt$ln=30,r=8,p=1$AAAAAAAAAAA$" + "A" * 43,  # 128 GB
        "$scrypt$ln=15,r=99,p=1$AAAAAAAAAAA$" + "A" * 43,
        "$scrypt$ln=15,r=8,p=0$AAAAAAAAAAA$" + "A" * 43,
        "$scrypt$ln=15,r=8,p=3$AAAAAAAAAAA$" + "A" * 45,  # no base64
        "scrypt$ln=15",
    ],
)
def test_what_is_no_hash_is_none(stored):
    assert not is_hash(stored)
