"""Passwords as the file of accounts stores them: hashed by scrypt (RFC 7914), or as they are.

A hash is written `$scrypt$ln=15,r=8,p=3$SALT$KEY`, in the manner of the Password Hashing Competition: the logarithm of
N, r and p, then both in base64 without padding.
"""

import hashlib
import hmac
import re
import secrets
from base64 import b64decode, b64encode
from dataclasses import dataclass

# One of the settings that OWASP's Password Storage Cheat Sheet holds to be equally strong: 32 MB and a quarter second.
LOG_N, R, P = 15, 8, 3
SALT_BYTES, KEY_BYTES = 16, 32
MARK = "$scrypt$"
_HASH = re.compile(
    r"\$scrypt\$ln=(?P<ln>\d{1,2}),r=(?P<r>\d{1,2}),p=(?P<p>\d{1,2})\$(?P<salt>[A-Za-z0-9+/]{4,86})\$(?P<key>[A-Za-z0-9+/]{43,86})"
)
_MOST_LOG_N, _MOST_R, _MOST_P = 20, 16, 16


@dataclass(frozen=True)
class _Hash:
    log_n: int
    r: int
    p: int
    salt: bytes
    key: bytes


def hash_password(password: str) -> str:
    """What to store in place of a password: another text each time."""
    salt = secrets.token_bytes(SALT_BYTES)
    key = _scrypt(password, LOG_N, R, P, salt, KEY_BYTES)
    return f"{MARK}ln={LOG_N},r={R},p={P}${_text(salt)}${_text(key)}"


def is_hash(stored: str) -> bool:
    """Whether a stored password is a hash that `is_password` can read."""
    return _parsed(stored) is not None


def is_password(password: str, stored: str) -> bool:
    """Whether this is the password that was stored, as a hash or as it is; of an empty one none is."""
    found = _parsed(stored)
    if found is None:
        return bool(stored) and hmac.compare_digest(_told(password), _told(stored))
    key = _scrypt(password, found.log_n, found.r, found.p, found.salt, len(found.key))
    return hmac.compare_digest(key, found.key)


def _parsed(stored: str) -> _Hash | None:
    found = _HASH.fullmatch(stored)
    if found is None:
        return None
    log_n, r, p = (int(found[name]) for name in ("ln", "r", "p"))
    if not (1 <= log_n <= _MOST_LOG_N and 1 <= r <= _MOST_R and 1 <= p <= _MOST_P):
        return None
    try:
        return _Hash(log_n, r, p, _bytes(found["salt"]), _bytes(found["key"]))
    except ValueError:
        return None


def _scrypt(password: str, log_n: int, r: int, p: int, salt: bytes, length: int) -> bytes:
    memory = 128 * r * (2**log_n + p + 2) + 1_000_000  # what it takes, and OpenSSL's own
    return hashlib.scrypt(_told(password), salt=salt, n=2**log_n, r=r, p=p, maxmem=memory, dklen=length)


def _told(password: str) -> bytes:
    return password.encode("utf-8", "surrogatepass")  # what a client sends need not be text that can be encoded


def _text(data: bytes) -> str:
    return b64encode(data).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return b64decode(text + "=" * (-len(text) % 4), validate=True)
