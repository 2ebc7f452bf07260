"""What holds for all of the browser's modules, read from their source."""

import posixpath
import re

import pytest

from demo.browser.packages import as_module, library_files, own_modules
from demo.language.catalogue import LANGUAGES, wording
from train.common.errors import UsageError

MODULES = {name: source.decode() for name, source in own_modules().items()}
KEY = re.compile(r'"((?:browser|reader)\.[a-z_0-9.]+)"')


def test_what_the_modules_say_is_in_the_catalogue():
    keys = {key for source in MODULES.values() for key in KEY.findall(source)}
    assert len(keys) > 30
    for language in LANGUAGES:
        assert keys <= wording(language).texts.keys()


@pytest.mark.parametrize("name", MODULES)
def test_a_module_is_short_and_imports_what_is_there(name):
    source = MODULES[name]
    assert source.count("\n") < 350
    for imported in re.findall(r'(?:from|import\() ?"(\.[^"]+)"', source):
        assert posixpath.normpath(posixpath.join(posixpath.dirname(name), imported)) in MODULES


def test_libraries_that_are_not_there_are_named_with_the_command_that_gets_them(tmp_path):
    with pytest.raises(UsageError, match=r"npm install .*onnxruntime-web@"):
        library_files(tmp_path)


def test_a_script_becomes_a_module_that_exports_what_it_hangs_on_this(tmp_path, node):
    script = b"!function(root, make) { root.library = make(); }(this, function () { return { answer: 42 }; });"
    (tmp_path / "library.mjs").write_bytes(as_module(script, "library"))
    (tmp_path / "main.mjs").write_text('import library from "./library.mjs"; console.log(library.answer);')
    assert node(tmp_path / "main.mjs").strip() == "42"
