"""What films are called: paths and URLs as they were given, and how they are shown."""

import os

STANDARD_INPUT = "-"


def is_url(name: str) -> bool:
    """Whether a name is fsspec's to read, as `s3://bucket/key`; a path is not."""
    scheme, separator, _ = name.partition("://")
    return bool(separator) and scheme.replace("+", "").replace("-", "").isalnum()


def file_named(path: str) -> str:
    """The name of a file in a result; only standard input is ever called "-"."""
    return f"./{path}" if path == STANDARD_INPUT else path


def printable(path: str) -> str:
    """A path as one harmless line: control characters and bytes that are not UTF-8 become visible escapes."""
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
