"""Text that somebody typed, made harmless for a page of paper: no control characters, no tricks with direction."""

import re
import unicodedata
from typing import Literal

Direction = Literal["ltr", "rtl"]

MARKS_IN_A_ROW = 4  # more on one letter would run over the lines around it; pointed Hebrew has up to 4
EMPTY_LINES_IN_A_ROW = 1
UNBROKEN_LENGTH = 20

_KEPT_FORMATS = frozenset("\u200c\u200d\u200e\u200f\u00ad")  # joiners, marks of direction, soft hyphen
_SPACES = frozenset({"Cc", "Zl", "Zp"})
_REPLACED = frozenset({"Cs", "Co"})  # half a character, a character of nobody's
_NEW_LINE = re.compile("\r\n|[\n\r\x0b\x0c\x85\u2028\u2029]")


def tidy(text: str, lines: bool = False) -> str:
    """Take out of a text what has no place on paper.

    Control characters become spaces; overrides and embeddings of the direction and other invisible characters
    go, because they would reach beyond the text; what is no character becomes U+FFFD. Letters, Hebrew points,
    emoji, brackets and all else stay as they were typed.

    Args:
        text: anything, even lone surrogates.
        lines: keep the line breaks, never more than one empty line at a time; else everything is one line.
    """
    pieces = _NEW_LINE.split(text) if lines else [text]
    kept: list[str] = []
    empty = 0
    for piece in (_tidy_line(piece) for piece in pieces):
        empty = 0 if piece else empty + 1
        if empty <= EMPTY_LINES_IN_A_ROW:
            kept.append(piece)
    return "\n".join(kept).strip("\n")


def bounded(text: str, length: int) -> str:
    """The text, or its beginning with an ellipsis where it is longer than `length` characters."""
    return text if len(text) <= length else text[: length - 1] + "…"


def direction_of(text: str, otherwise: Direction) -> Direction:
    """The direction of the first letter that has one (Unicode Bidirectional Algorithm, rule P2)."""
    for character in text:
        match unicodedata.bidirectional(character):
            case "L":
                return "ltr"
            case "R" | "AL":
                return "rtl"
    return otherwise


def breakable(text: str) -> str:
    """Allow a line break (U+200B) before each letter of a word that is past UNBROKEN_LENGTH, never before its marks."""
    pieces: list[str] = []
    run = 0
    for index, character in enumerate(text):
        run = 0 if character.isspace() else run + 1
        joined = unicodedata.category(character).startswith("M") or "\u200d" in (character, text[index - 1])
        if run > UNBROKEN_LENGTH and not joined:
            pieces.append("\u200b")
        pieces.append(character)
    return "".join(pieces)


def _tidy_line(text: str) -> str:
    pieces: list[str] = []
    marks = 0
    for character in text:
        category = unicodedata.category(character)
        marks = marks + 1 if category in ("Mn", "Me") else 0
        if marks > MARKS_IN_A_ROW:
            continue
        if category in _SPACES:
            pieces.append(" ")
        elif category in _REPLACED or _is_no_character(character):
            pieces.append("\ufffd")
        elif category != "Cf" or character in _KEPT_FORMATS:
            pieces.append(character)
    return " ".join("".join(pieces).split())


def _is_no_character(character: str) -> bool:
    point = ord(character)
    return 0xFDD0 <= point <= 0xFDEF or point & 0xFFFE == 0xFFFE
