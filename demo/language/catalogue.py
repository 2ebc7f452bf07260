"""What the page, the report and the desktop say, in each language: one catalogue a language, `language/<code>.json`."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

Language = Literal["en", "he"]
LANGUAGES: dict[Language, str] = {"en": "English", "he": "עברית"}  # as their readers call them
RIGHT_TO_LEFT: frozenset[Language] = frozenset({"he"})
CATALOGUES = Path(__file__).parent


@dataclass(frozen=True)
class Wording:
    """One language's texts by key; `words("compare.agree")` looks one up and fills its {names}."""

    language: Language
    texts: Mapping[str, str]

    @property
    def direction(self) -> Literal["ltr", "rtl"]:
        """Which way the language is written."""
        return "rtl" if self.language in RIGHT_TO_LEFT else "ltr"

    def __call__(self, key: str, **values: object) -> str:
        """The text of a key, plain and not HTML, with `{name}` filled from the values.

        Raises:
            KeyError: there is no such key, or a value is missing.
        """
        return self.texts[key].format(**values)


@cache
def wording(language: Language) -> Wording:
    """The catalogue of a language."""
    return Wording(language, json.loads((CATALOGUES / f"{language}.json").read_text(encoding="utf-8")))
