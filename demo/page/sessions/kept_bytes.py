"""How much memory a session's values take."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np

SMALL = 100  # bytes, of whatever has no length to speak of


@runtime_checkable
class KnowsItsBytes(Protocol):
    """A value that grows after it was kept, and says how large it may become."""

    @property
    def kept_bytes(self) -> int:
        """Bytes."""


def kept_bytes(value: Any) -> int:  # noqa: ANN401  # whatever a panel keeps
    """Bytes of memory that a value takes: arrays, texts and bytes by their length, what holds others by their sum."""
    if isinstance(value, KnowsItsBytes):
        return value.kept_bytes
    if isinstance(value, np.ndarray):
        return SMALL + value.nbytes
    if isinstance(value, bytes | bytearray | str):
        return SMALL + len(value)
    if is_dataclass(value):
        return SMALL + sum(kept_bytes(getattr(value, each.name)) for each in fields(value))
    if isinstance(value, Mapping):
        return SMALL + sum(kept_bytes(key) + kept_bytes(each) for key, each in value.items())
    if isinstance(value, list | tuple | set | frozenset):
        return SMALL + sum(map(kept_bytes, value))
    return SMALL
