"""Who may see the page: the file that `demo --auth-file` names."""

import re
from dataclasses import dataclass, replace
from pathlib import Path

from demo.page.login.passwords import MARK, is_hash
from train.common.errors import UsageError

EXPECTED = "expected a line user:password for each person"
HOW_TO_MAKE = "pneumoscope demo hash-password, or pneumoscope demo api-token"
TOKEN_MARK = "$token$"  # noqa: S105  # what stands before a token's fingerprint
_TOKEN = re.compile(re.escape(TOKEN_MARK) + "([0-9a-f]{64})")


@dataclass(frozen=True)
class Account:
    """A name and how its owner proves it.

    Attributes:
        password: as it is, or as `demo.page.login.passwords.hash_password` gives it; "" for a program, which has none.
        tokens: fingerprints of tokens, as `demo.page.login.tokens.fingerprint` gives them.
    """

    user: str
    password: str
    tokens: tuple[str, ...] = ()

    @property
    def is_readable(self) -> bool:
        """Whether whoever reads the file knows the password."""
        return bool(self.password) and not is_hash(self.password)


def read_accounts(path: Path) -> tuple[Account, ...]:
    """Read lines of user:password; empty lines and those that begin with # are none. A password may hold colons.

    In place of the password may stand its hash, and a further line of the same user may be a token's fingerprint.

    Raises:
        UsageError: the file cannot be read or names nobody, or a line is not right. It is named by its number: what
            stands in it is nobody's concern.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UsageError(f"--auth-file {path}: cannot be read ({error.strerror}); {EXPECTED}") from None
    except UnicodeDecodeError:
        raise UsageError(f"--auth-file {path}: not text in UTF-8; {EXPECTED}") from None
    accounts: dict[str, Account] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        user, colon, password = line.partition(":")
        user = user.strip()
        if not (colon and user and password.strip()):
            raise UsageError(f"--auth-file {path}, line {number}: not right; {EXPECTED}")
        before = accounts.get(user, Account(user, ""))
        password = password.strip()
        if token := _TOKEN.fullmatch(password):
            accounts[user] = replace(before, tokens=(*before.tokens, token[1]))
        elif password.startswith((MARK, TOKEN_MARK)) and not is_hash(password):
            raise UsageError(f"--auth-file {path}, line {number}: no whole hash; make it again: {HOW_TO_MAKE}")
        elif before.password:
            raise UsageError(f"--auth-file {path}, line {number}: the user of an earlier line; leave one of them out")
        else:
            accounts[user] = replace(before, password=password)
    if not accounts:
        raise UsageError(f"--auth-file {path}: names nobody; {EXPECTED}")
    return tuple(accounts.values())


def others_may_read(path: Path) -> bool:
    """Whether other users of this machine can read the file."""
    return bool(path.stat().st_mode & 0o044)
