"""A JSON file that a command measured, on its way into a bundle or its card: whole, or an error of one line."""

from pathlib import Path
from typing import Any, TypeVar

from export.bundle.metric import Record, json_object
from train.common.errors import PneumoscopeError

R = TypeVar("R", bound=Record)


def read_measured(
    path: Path, record: type[R], version: int, what: str, again: str
) -> tuple[bytes, dict[str, Any], R] | None:
    """Read a file of a `format`.

    Args:
        path: the file.
        record: what it holds.
        version: its `format`.
        what: it is, with its article, such as "an audit".
        again: how to make it again, for the errors.

    Returns:
        The file as it is, as JSON, and as the record; None where there is none.

    Raises:
        PneumoscopeError: it cannot be read, is of another format, or something in it is damaged or out of bounds.
    """
    try:
        data = path.read_bytes()
        found = json_object(data)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise PneumoscopeError(f"{path}: cannot be read as JSON ({error}); {again}") from None
    if found.get("format") != version:
        raise PneumoscopeError(f"{path}: expected {what} of format {version}; {again}")
    try:
        return data, found, record.whole(found)
    except ValueError as error:
        raise PneumoscopeError(f"{path}: is no whole {what.partition(' ')[2]} (at {error}); {again}") from None
