"""Who may see the page: the file that `demo --auth-file` names."""

from dataclasses import dataclass
from pathlib import Path

from train.common.errors import UsageError

EXPECTED = "expected a line user:password for each person"


@dataclass(frozen=True)
class Account:
    """A name and its password."""

    user: str
    password: str


def read_accounts(path: Path) -> tuple[Account, ...]:
    """Read lines of user:password; empty lines and those that begin with # are none. A password may hold colons.

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
        if user in accounts:
            raise UsageError(f"--auth-file {path}, line {number}: the user of an earlier line; leave one of them out")
        accounts[user] = Account(user, password.strip())
    if not accounts:
        raise UsageError(f"--auth-file {path}: names nobody; {EXPECTED}")
    return tuple(accounts.values())


def others_may_read(path: Path) -> bool:
    """Whether other users of this machine can read the file."""
    return bool(path.stat().st_mode & 0o044)
