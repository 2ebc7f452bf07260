"""No words of the page, its plots or its report stand outside the catalogue: read from the sources."""

import ast
import gc
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest

DEMO = Path(__file__).resolve().parents[3] / "demo"
GIVEN_WORDS = sorted(
    path
    for path in DEMO.rglob("*.py")
    if path.parent.name == "panels"
    or path.name.startswith(("page", "report"))
    or "from demo.language.catalogue import" in path.read_text(encoding="utf-8")
)
TEMPLATES = sorted((DEMO / "report" / "templates").iterdir())
SCRIPTS, STYLES = sorted((DEMO / "page" / "panels").rglob("*.js")), sorted((DEMO / "page" / "panels").rglob("*.css"))

#: Names and abbreviations that are the same in every language, and what a visitor types or addresses.
ALLOWED = {
    *("pneumoscope", "Python", "ONNX", "Runtime", "Gradio", "OpenCV", "NumPy", "Plotly"),
    *("A", "B", "AUROC", "ROC", "F1", "PPV", "NPV", "ECE", "SHA", "UTC", "CSV", "JSON", "HTML", "PDF", "ZIP"),
    *("English", "עברית"),  # each language in its own
}
#: Whole strings that look like sentences and are none.
NO_SENTENCES = {
    "pneumoscope predict FILM…",
    "pneumoscope data fetch films",
    "pneumoscope train a --data films",
    "pneumoscope train b --data films",
    "pneumoscope export a b --data films --to ▮",
    "cannot be read (unexpected ▮)",  # stands for the reader's own line, which is English
}
VISIBLE = {"label", "placeholder", "info", "value", "title", "description", "caption", "alt", "text", "name"}
SHOWN_FIRST = {"HTML", "Markdown", "Button", "Tab", "Accordion", "Label", "Error", "Warning", "Info", "Radio"}
#: Whose `value` is a code; what it is called stands among the choices.
CHOICES = {"Radio", "Dropdown", "CheckboxGroup", "State", "BrowserState", "Checkbox"}
#: Arguments that no visitor reads: classes, identifiers, fonts, scripts.
UNSEEN = {"elem_classes", "elem_id", "js", "head", "font", "font_mono", "storage_key", "encoding", "errors", "secret"}
VALUE = "▮"  # stands for what an f-string fills in
WORD = re.compile(r"[^\W\d_]{2,}")
TAG = re.compile(r"<[!/a-zA-Z][^<>]*>?")
SPOKEN_ATTRIBUTE = re.compile(
    r"\b(?:alt|title|placeholder|label|aria-(?:label|description))=(?:'([^']*)'|\"([^\"]*)\")"
)


def parse(source: str) -> ast.Module:
    """`ast.parse` with the collector at rest: until Python 3.11.7 garbage with a finaliser can break it (gh-106905)."""
    gc.disable()
    try:
        return ast.parse(source)
    finally:
        gc.enable()


def is_string(node: ast.AST) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def text_of(node: ast.AST) -> str | None:
    """A string expression as one text, ▮ for each value; None where it is none."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else VALUE for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = text_of(node.left), text_of(node.right)
        if left is not None or right is not None:
            return (VALUE if left is None else left) + (VALUE if right is None else right)
    return None


def name_of(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def shown(node: ast.AST, visible: bool = False) -> Iterator[tuple[int, str, bool]]:
    """(line, text, whether a visitor sees it for certain) of each string that a visitor may see."""
    text = text_of(node)
    if text is not None:
        yield node.lineno, text, visible
        for value in ast.walk(node):
            if isinstance(value, ast.FormattedValue):
                yield from shown(value.value)
        if isinstance(node, ast.BinOp):
            yield from (found for side in (node.left, node.right) if text_of(side) is None for found in shown(side))
        return
    match node:
        case ast.Raise() if "Error" in name_of(getattr(node.exc, "func", node)) and "gr" not in ast.dump(node.exc.func):
            return  # the reader's own lines are English
        case ast.AnnAssign():
            children = [(node.value, visible)] if node.value else []
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            children = [(child, False) for child in [*node.args.defaults, *node.args.kw_defaults, *node.body] if child]
        case ast.Call():
            name = name_of(node.func)
            if name in ("words", "wording", "debug", "getLogger", "compile", "version", "TypeVar"):
                children = [(child, False) for child in (*node.args[1:], *(word.value for word in node.keywords))]
            else:
                first = name in SHOWN_FIRST and "gr" in ast.dump(node.func)
                children = [(child, first and place == 0) for place, child in enumerate(node.args)]
                unseen = UNSEEN | ({"value"} if name in CHOICES else set())
                children += [(word.value, word.arg in VISIBLE) for word in node.keywords if word.arg not in unseen]
                children.append((node.func, False))
        case ast.Dict():
            keys = [key.value if isinstance(key, ast.Constant) else None for key in node.keys]
            pairs = zip(keys, node.values, strict=True)
            children = [(value, key in VISIBLE) for key, value in pairs if key not in UNSEEN]
        case ast.Compare() | ast.Subscript():
            children = [(child, False) for child in ast.iter_child_nodes(node) if not is_string(child)]
        case ast.Expr() if is_string(node.value):
            return  # a docstring
        case ast.IfExp():
            children = [(node.test, False), (node.body, visible), (node.orelse, visible)]
        case ast.List() | ast.Tuple():
            children = [(child, visible) for child in node.elts]
        case _:
            children = [(child, False) for child in ast.iter_child_nodes(node)]
    for child, is_visible in children:
        yield from shown(child, is_visible)


def visible_part(html: str) -> str:
    """What a visitor reads of HTML: the text between the tags, and the attributes that are spoken or pop up."""
    html = re.sub(r"<(style|script)\b.*?(</\1>|$)", " ", html, flags=re.DOTALL)
    spoken = [" ".join(groups) for groups in SPOKEN_ATTRIBUTE.findall(html)]
    # What stands before a tag that an earlier piece of the page has opened is its attributes.
    text = TAG.sub(" ", re.sub(r"^[^<>]*>", " ", html))
    return unescape(" ".join((text, *spoken)))


def foreign(text: str) -> list[str]:
    return [word for word in WORD.findall(text) if word not in ALLOWED]


def is_prose(text: str) -> bool:
    words = foreign(text)
    if not words:
        return False
    if any("א" <= character <= "ת" for character in text):
        return True
    sentence = re.search(r"[^\W\d_]{2,}[,;:.]? [^\W\d_]{2,}", text)
    return bool(sentence or re.fullmatch(r"[A-Z][a-z]{2,}[.:!?…]?", text.strip()))


def unlisted(source: str) -> list[str]:
    """`line: words` of each string of a module that a visitor would read."""
    found = []
    for line, text, is_visible in shown(parse(source)):
        text = re.sub(r"%\{[^}]*\}", VALUE, text)  # what Plotly fills in
        if text in NO_SENTENCES:
            continue
        if "=>" in text:
            said = " ".join(unlisted_in_script(text))
        elif TAG.search(text):
            said = " ".join(foreign(visible_part(text)))
        elif is_visible:
            said = " ".join(foreign(text))
        else:
            said = text if is_prose(text) else ""
        if said:
            found.append(f"{line}: {said}")
    return found


def unlisted_in_jinja(source: str) -> list[str]:
    printed = [
        text for block in re.findall(r"\{\{.*?\}\}", source, re.DOTALL) for text in re.findall(r'"(.*?)"', block)
    ]
    html = re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", " ", source, flags=re.DOTALL)
    html = re.sub(r"^\s*[\w-]+=\"[^\"]*\"", " ", html, flags=re.MULTILINE)  # a macro that gives an attribute
    return foreign(visible_part(html)) + [text for text in printed if is_prose(text)]


def unlisted_in_typst(source: str) -> list[str]:
    source = re.sub(r"^\s*//.*$", "", source, flags=re.MULTILINE)
    strings = re.findall(r'"((?:[^"\\]|\\.)*)"', re.sub(r"\bfont: (\([^)]*\)|\"[^\"]*\")", "", source))
    code = re.sub(r'"(?:[^"\\]|\\.)*"', "", source)
    contents = [re.sub(r"#[\w-]+(?:\([^()]*\)|\.[\w-]+)*", " ", text) for text in re.findall(r"\[([^\[\]]*)\]", code)]
    return [text for text in strings if is_prose(text)] + [word for text in contents for word in foreign(text)]


def unlisted_in_script(source: str) -> list[str]:
    source = re.sub(r"^\s*//.*$|/\*[\s\S]*?\*/", "", source, flags=re.MULTILINE)
    strings = re.findall(r'"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'|`(?:[^`\\]|\\.)*`', source)
    sentences = [text for text in strings if is_prose(text[1:-1]) and text[1:-1] != "use strict"]
    said = [text for text in sentences if not re.match(r"[#.\[]", text[1:-1])]  # the rest are selectors
    shown_at_once = r"(?:textContent|innerText|innerHTML|title|ariaLabel|alt|placeholder)\s*=\s*|(?:alert|confirm)\("
    return said + re.findall(rf"(?:{shown_at_once})[\"'`]([^\"'`]*[^\W\d_]{{2}}[^\"'`]*)", source)


def unlisted_in_style(source: str) -> list[str]:
    return [word for text in re.findall(r"\bcontent:\s*[\"'](.*?)[\"']", source) for word in foreign(text)]


CHECKS = {".py": unlisted, ".jinja": unlisted_in_jinja, ".typ": unlisted_in_typst}
CHECKS |= {".js": unlisted_in_script, ".css": unlisted_in_style}


@pytest.mark.parametrize(
    "path", [*GIVEN_WORDS, *TEMPLATES, *SCRIPTS, *STYLES], ids=lambda path: path.relative_to(DEMO).as_posix()
)
def test_all_words_come_from_the_catalogue(path):
    assert CHECKS[path.suffix](path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "source",
    [
        "gr.Button('go')",
        "gr.Slider(0, 1, label='Threshold')",
        "gr.Textbox(placeholder='type here')",
        "gr.update(label='saved')",
        "gr.Radio(['none', 'both'], value=chosen)",
        "gr.HTML(value='gone')",
        "figure = {'hovertemplate': f'<b>{name}</b> films %{x}'}",
        "SCRIPT = '(event) => { event.target.title = \"gone\"; }'",
        "Worded(button, lambda words: {'value': 'go'})",
        "raise gr.Error('no film')",
        "html = f'<p class=\"notice\">broken: {escape(error)}</p>'",
        "html = '<img alt=\"the film\">'",
        "html = f\"<div role='img' aria-label='bar of {name}'>\"",
        "html = \"<p class='big\" + name + \"'>\" + 'and so on</p>'",
        "html = f\"<p>{words('tab.about')} {'or not' if no else ''}</p>\"",
        "def line(words):\n    return 'No film yet'",
        "def line(words):\n    return 'Threshold'",
        "layout = {'title': 'axis', 'x': 1}",
        "figure.add_scatter(x=x, name='guess')",
        "text = 'סף'",
        "html = '<p>סף</p>'",
    ],
)
def test_planted_words_are_found(source):
    assert unlisted(source)


@pytest.mark.parametrize(
    "source",
    [
        "'''A docstring is no word of the page.'''",
        "def f():\n    '''Neither is this one.'''",
        "gr.Button(words('page.theme'), elem_classes='theme big', size='sm')",
        "html = f\"<p class='notice big' dir='ltr'>{escape(words('tab.about'))}</p>\"",
        'html = "<section class=\'network " + name + "\' aria-label=\'" + label + "\'>"',
        "raise UsageError('this line is the English one of the reader')",
        "log.debug('something happened here')",
        "if mode == 'no choice':\n    pass",
        "gr.Radio(choices, value='none')",
        "gr.Button(words('tab.about'), js='(some) => more')",
        "figure = {'hovertemplate': f'{name}<br>%{customdata}'}",
        "row = columns['some name']",
        "html = f'<dt>PPV</dt><dd>{value}</dd>'",
    ],
)
def test_what_nobody_reads_may_stand_anywhere(source):
    assert unlisted(source) == []


def test_planted_words_are_found_in_templates_scripts_and_styles():
    assert unlisted_in_jinja("<p>{{ labels.film }} as read</p>")
    assert unlisted_in_jinja('<img alt="the film" src="{{ film }}">')
    assert unlisted_in_jinja('<p>{{ "no film" if no else labels.film }}</p>')
    assert unlisted_in_typst("#text(size: 8pt)[as read by #report.product]")
    assert unlisted_in_typst('#strong("as read")')
    assert unlisted_in_script('status.textContent = "saved";')
    assert unlisted_in_script("// what follows is seen\nalert('gone');")
    assert not unlisted_in_script('// "what stands here" is not\nrun("use strict", "#drop input[type=file]");')
    assert unlisted_in_script("const line = `saved as ${name}`;")
    assert unlisted_in_style(".empty::after { content: 'nothing here'; }")
