"""The access log: a line for each answer, for people or for machines. No film, file, person or address is in it."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TextIO

from demo.page.hosting.settings import LogFormat
from demo.page.monitoring.answers import Answer


def access_log(form: LogFormat, to: TextIO) -> Callable[[Answer], None]:
    """What writes answers to a stream, one line each. A stream that is gone ends the lines, not the page."""
    line = _json_line if form == "json" else _text_line

    def write(answer: Answer) -> None:
        try:
            to.write(line(datetime.now(UTC).isoformat(timespec="milliseconds"), answer) + "\n")
            to.flush()
        except (OSError, ValueError):  # a closed pipe, a full disk, a closed stream
            return

    return write


def _json_line(now: str, answer: Answer) -> str:
    return json.dumps(
        {
            "time": now,
            "method": answer.method,
            "path": answer.kind,
            "status": answer.status,
            "bytes": answer.sent,
            "milliseconds": round(answer.seconds * 1000, 1),
        }
    )


def _text_line(now: str, answer: Answer) -> str:
    return f"{now} {answer.method} {answer.kind} {answer.status} {answer.sent} bytes {answer.seconds * 1000:.1f} ms"
