"""Values as JSON that any terminal may be shown."""

import json
import re


def json_bytes(value: object, indent: int | None = None) -> bytes:
    """A value as JSON and a line's end, UTF-8 whatever the terminal speaks, as JSON is.

    NaN is not JSON, so it is refused here rather than by the reader. Of file names, bytes that are not UTF-8 become
    `\\udcXX`, as Python itself names them, and characters that are no printable ones (a terminal would obey some of
    them) their escapes: another spelling of the very same text.
    """
    text = json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False)
    return re.sub(r"[^\n -~]", _json_escape, text).encode() + b"\n"


def _json_escape(found: "re.Match[str]") -> str:
    return found[0] if found[0].isprintable() else json.dumps(found[0])[1:-1]
