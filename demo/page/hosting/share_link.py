"""What is said of a share link: its address as a code for telephones, until when it works, a password for it."""

import io
import secrets
from datetime import datetime, timedelta

import segno

LASTS = timedelta(days=7)  # Gradio's server keeps a link for that long


def qr_code(address: str) -> str:
    """The address as a QR code for a terminal, two rows of it a line; the right way round where the ground is dark."""
    drawn = io.StringIO()
    segno.make(address, error="l", micro=False).terminal(out=drawn, border=2, compact=True)
    return drawn.getvalue().rstrip("\n")


def how_long(now: datetime) -> str:
    """Until when a link that was opened `now` works, in the clock's own time zone."""
    return f"Everyone who has this link can use the page, until Ctrl-C or {now + LASTS:%Y-%m-%d %H:%M}."


def suggested_account() -> str:
    """A line for `--auth-file`, with a password nobody has used before."""
    return f"guest:{secrets.token_urlsafe(9)}"
