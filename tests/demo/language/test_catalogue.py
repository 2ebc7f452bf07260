"""The catalogue: both languages say the same things, and what the code asks for is there, no more and no less."""

import ast
import gc
import json
import re
import string
import unicodedata
from dataclasses import dataclass
from pathlib import Path

import pytest

from demo.browser.packages import SOURCES, own_modules
from demo.language.catalogue import CATALOGUES, LANGUAGES, wording
from train.studies.conclusions.decide import conclusion_entries
from train.studies.definition import studies

ROOT = Path(__file__).resolve().parents[3]
FRAME = SOURCES / "page" / "frame.html"  # of the page of plain files
ENGLISH, HEBREW = wording("en").texts, wording("he").texts

#: What Hebrew writes in Latin letters: names, abbreviations, and a unit.
NAMES = {"pneumoscope", "AUROC", "ROC", "F1", "PPV", "NPV", "CNN", "DICOM", "ONNX", "SHA-256", "commit", "DeLong", "ms"}
MARKS_OF_DIRECTION = "\u200e\u200f"


@dataclass(frozen=True)
class Call:
    """A place where a key is looked up: the key (or a pattern of keys) and the values that fill it."""

    key: re.Pattern[str]
    values: frozenset[str] | None  # None: not to be seen from here

    def finds(self, texts) -> list[str]:
        return [key for key in texts if self.key.fullmatch(key)]


def parse(source: str) -> ast.Module:
    """`ast.parse` with the collector at rest: until Python 3.11.7 garbage with a finaliser can break it (gh-106905)."""
    gc.disable()
    try:
        return ast.parse(source)
    finally:
        gc.enable()


def pattern_of(node: ast.expr) -> re.Pattern[str] | None:
    """A constant, or an f-string that has a group for each value, as a pattern of keys; None for anything else."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return re.compile(re.escape(node.value))
    if isinstance(node, ast.JoinedStr):
        parts = [re.escape(part.value) if isinstance(part, ast.Constant) else "([a-z0-9_]+)" for part in node.values]
        return re.compile("".join(parts))
    return None


def looks_up(call: ast.Call) -> bool:
    """Is it `words(…)`, `something.words(…)` or `wording(…)(…)`?"""
    match call.func:
        case ast.Name("words") | ast.Attribute(attr="words") | ast.Call(func=ast.Name("wording")):
            return bool(call.args)
    return False


def calls_of(tree: ast.AST) -> list[Call]:
    found = []
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and looks_up(node)):
            continue
        key = node.args[0]
        branches = [key.body, key.orelse] if isinstance(key, ast.IfExp) else [key]
        names = [keyword.arg for keyword in node.keywords]
        values = None if None in names else frozenset(name for name in names if name)
        found += [Call(pattern, values) for branch in branches if (pattern := pattern_of(branch))]
    return found


def strings_of(tree: ast.AST) -> set[str]:
    return {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def templates_of(tree: ast.AST) -> set[re.Pattern[str]]:
    """Every f-string that begins with letters, as a pattern: it may be a key, or a part of one."""
    return {
        pattern
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
        and isinstance(node.values[0], ast.Constant)
        and re.match("[a-z]+[._]", str(node.values[0].value))
        and (pattern := pattern_of(node))
    }


def unused(keys, trees: list[ast.AST], words: set[str]) -> set[str]:
    """Keys that no tree has, neither whole nor as an f-string whose missing parts are words, or f-strings again."""
    whole = set().union(*(strings_of(tree) for tree in trees))
    templates = set().union(*(templates_of(tree) for tree in trees))

    def can_be(text: str) -> bool:
        matches = (pattern.fullmatch(text) for pattern in templates)
        return any(match and all(part in words or can_be(part) for part in match.groups()) for match in matches)

    return {key for key in keys if key not in whole and not can_be(key)}


def trees_of(*packages: str) -> list[ast.AST]:
    return [
        parse(path.read_text(encoding="utf-8"))
        for package in packages
        for path in sorted((ROOT / package).rglob("*.py"))
    ]


def placeholders(text: str) -> set[tuple[str, str, str | None]]:
    """(name, format, conversion) of each {name} in a text."""
    return {
        (name, form or "", conversion)
        for _, name, form, conversion in string.Formatter().parse(text)
        if name is not None
    }


def without_placeholders(text: str) -> str:
    return re.sub(r"\{\w*\}", " ", text)


def is_hebrew(character: str) -> bool:
    return "א" <= character <= "ת"


@pytest.fixture(scope="module")
def page_trees():
    return trees_of("demo")


def test_the_catalogues_are_those_of_the_languages_and_sorted():
    assert {path.stem for path in CATALOGUES.glob("*.json")} == set(LANGUAGES)
    for language in LANGUAGES:
        entries = json.loads((CATALOGUES / f"{language}.json").read_text("utf-8"), object_pairs_hook=list)
        keys = [key for key, _ in entries]
        assert keys == sorted(set(keys)), f"{language}.json is not sorted, or has a key twice"


def test_both_languages_have_the_same_keys():
    assert ENGLISH.keys() == HEBREW.keys()


def test_both_languages_take_the_same_values():
    for key, text in ENGLISH.items():
        expected = placeholders(text)
        assert placeholders(HEBREW[key]) == expected, key
        # Numbers are formatted where they are made: a text takes names and nothing else.
        assert all(name.isidentifier() and not form and not conversion for name, form, conversion in expected), key


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_is_empty_or_padded(language):
    bad = {key for key, text in wording(language).texts.items() if not text or text != text.strip() or "  " in text}
    assert not bad


def test_every_key_that_is_looked_up_is_there(page_trees):
    calls = [call for tree in page_trees for call in calls_of(tree)]
    assert len(calls) > 50  # the collector sees the page
    assert not [call.key.pattern for call in calls if not call.finds(ENGLISH)]


def test_every_lookup_gives_the_values_its_text_takes(page_trees):
    for call in (call for tree in page_trees for call in calls_of(tree)):
        if call.values is None or call.key.groups:  # of a pattern each key may take other values
            continue
        for key in call.finds(ENGLISH):
            missing = {name for name, _, _ in placeholders(ENGLISH[key])} - call.values
            assert not missing, f"{key} also takes {missing}"


def test_every_key_is_used(page_trees):
    words = set().union(*(strings_of(tree) for tree in trees_of("demo", "export", "train")))
    # Files of data name them, not the source.
    words |= {entry.key.replace("-", "_") for entry in conclusion_entries()}
    words |= {study.name.replace("-", "_") for study in studies()}
    sources = (*own_modules().values(), FRAME.read_bytes())
    in_modules = {key for source in sources for key in re.findall(r'"([a-z]+\.[a-z_0-9.]+)"', source.decode())}
    assert not unused(ENGLISH.keys() - in_modules, page_trees, words)


@pytest.mark.parametrize(
    ("source", "kept"),
    [
        ("words('tab.about')", "tab.about"),
        ("Example(path, caption_key='tab.about')", "tab.about"),
        ("[words(f'tab.{name}') for name in ('about', 'batch')]", "tab.about"),
        ("f'tab.{name}', f'ab{rest}', f'a_{rest}', 'bout'", None),
        ("f'{kind}.{name}', 'tab', 'about'", None),  # could be any key: no use of this one
        ("[words(f'tab.{name}') for name in ('batch',)]", None),
    ],
)
def test_a_key_counts_as_used_only_where_it_is(source, kept):
    tree = parse(source)
    assert unused({"tab.about"}, [tree], strings_of(tree)) == ({"tab.about"} - {kept})


@pytest.mark.parametrize("source", ["words('tab.abuot')", "words(f'tabs.{x}')", "wording('en')('no.such')"])
def test_an_unknown_key_is_found(source):
    (call,) = calls_of(parse(source))
    assert not call.finds(ENGLISH)


def test_hebrew_is_in_hebrew():
    for key, text in HEBREW.items():
        left = without_placeholders(text)
        if not any(map(is_hebrew, left)):
            assert set(re.findall(r"[A-Za-z][\w-]*", left)) <= NAMES, key


def test_hebrew_is_written_properly():
    for key, text in HEBREW.items():
        assert not re.search(r"[א-ת]-[A-Za-z{\d]", text), f"{key}: a maqaf (־) joins a prefix, not a hyphen"
        assert not re.search("[\u0591-\u05bd\u05bf-\u05c7]", text), f"{key}: has points"
        for place, character in enumerate(text):
            if character in MARKS_OF_DIRECTION:
                around = text[max(place - 2, 0) : place + 2]
                assert re.search(r"[A-Za-z\d{}\-–%]", around), f"{key}: this mark of direction changes nothing"


def test_english_has_no_hebrew():
    assert not [key for key, text in ENGLISH.items() if any(map(is_hebrew, text))]


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_has_hidden_characters(language):
    allowed = MARKS_OF_DIRECTION if language == "he" else ""
    hidden = {
        key
        for key, text in wording(language).texts.items()
        if any(unicodedata.category(character) in ("Cc", "Cf") and character not in allowed for character in text)
    }
    assert not hidden


def test_a_text_is_filled_and_a_missing_value_is_an_error():
    words = wording("en")
    assert words("compare.of_limit", novelty="3.10", limit="2.00") == "3.10, limit 2.00"
    with pytest.raises(KeyError):
        words("compare.of_limit", novelty="3.10")
    with pytest.raises(KeyError):
        words("no.such.key")
