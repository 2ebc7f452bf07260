"""Reading back what a training has saved."""

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager

from train.common.errors import PneumoscopeError


@contextmanager
def loading(what: str) -> Iterator[None]:
    """Say in one line that a saved network cannot be loaded; Keras raises another type for each way a file is wrong.

    Raises:
        PneumoscopeError: the file is missing, broken, or another network's.
    """
    try:
        yield
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        reason = " ".join(str(error).split())[:200]
        raise PneumoscopeError(f"{what} cannot be loaded ({reason}): train it again") from error
