"""Texts that run in their own direction: Qt guesses it from a text's first letter."""

LEFT_TO_RIGHT_MARK, RIGHT_TO_LEFT_MARK = "\u200e", "\u200f"


def line(text: str, direction: str) -> str:
    """A text that runs in its language's direction even where it begins with a Latin letter or a number."""
    return f"{RIGHT_TO_LEFT_MARK}{text}" if direction == "rtl" else text


def figure(text: str) -> str:
    """A number that keeps its sign in front of it in every language."""
    return f"{LEFT_TO_RIGHT_MARK}{text}" if text[:1] in "<>-+" else text


def paragraph(html: str, direction: str = "ltr") -> str:
    """HTML of a line in its own direction; Qt knows a direction of blocks only."""
    return f"<p dir='{direction}' style='margin: 0'>{html}</p>"
