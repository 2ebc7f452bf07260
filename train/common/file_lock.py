"""A lock on an open file, which the system frees however its holder ends; some file systems have none."""

import errno
from typing import Literal

#: What `flock` answers where the file system, or the server behind it, has no locks.
WITHOUT_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)


def try_lock(descriptor: int) -> Literal["held", "taken", "impossible"]:
    """Lock a file for this process alone without waiting: it is held now, another has it, or there are no locks here.

    Raises:
        OSError: anything else.
    """
    import fcntl  # here: Windows has none

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EAGAIN, errno.EWOULDBLOCK, errno.EACCES):
            return "taken"
        if error.errno in WITHOUT_LOCKS:
            return "impossible"
        raise
    return "held"
