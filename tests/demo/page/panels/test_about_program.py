"""The code that About offers to copy: the documents' own, which tests run; on a bundle it reads as `predict` does."""

import json
import os
import re
import shutil
import subprocess
import sys
from html import unescape
from pathlib import Path

import pytest

from demo.evaluation.example_films import default_examples_folder
from demo.inference.networks import load_models
from demo.language.catalogue import LANGUAGES, wording
from demo.page.api import PARAMETERS
from demo.page.panels.about_program import ADDRESS, PROGRAMS, program_html
from export.bundle import default_models_folder

DOCS = Path(__file__).resolve().parents[4] / "docs"


@pytest.fixture(scope="module")
def shipped():
    """The networks that come with pneumoscope."""
    return load_models(default_models_folder(), "cpu")


def program(name):
    return (PROGRAMS / f"{name}.txt").read_text(encoding="utf-8")


def test_the_code_is_that_of_the_documents():
    for name in ("curl", "python"):
        assert f"\n{program(name)}```" in (DOCS / "api.md").read_text(encoding="utf-8")
        assert ADDRESS in program(name)
    in_document = program("onnx").replace('"a/model.onnx"', '"assets/models/a/model.onnx"')
    assert in_document != program("onnx")
    assert f"\n{in_document}```" in (DOCS / "bundle.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("language", LANGUAGES)
def test_all_of_it_is_shown_left_to_right(shipped, language):
    html = program_html(shipped, wording(language))
    shown = re.findall(r"<pre dir='ltr'[^>]*><code>(.*?)</code></pre>", html, re.DOTALL)
    assert [unescape(re.sub("<[^>]*>", "", code)) for code in shown] == list(map(program, ("curl", "python", "onnx")))
    assert html.count(f"<span class='page-address'>{ADDRESS}</span>") == 2
    assert all(f"<code>/{name}</code>" in html for name in PARAMETERS)


def test_bundles_are_offered_where_they_may_be_taken(shipped, models):
    words = wording("en")
    html = program_html(shipped, words)
    assert re.findall("href='(.*?)'", html) == ["./bundles/a.zip", "./bundles/b.zip"]
    assert words("about.program.take", network="B", size="49") in html
    own = program_html(load_models(models, "cpu"), words)
    assert "href" not in own
    assert words("about.program.not_handed_out") in unescape(own)


def test_the_code_on_a_bundle_reads_a_film_as_predict_does(tmp_path, run_command):
    shutil.copy(default_examples_folder() / "synthetic-pneumonia-03.png", tmp_path / "film.png")
    shutil.copytree(default_models_folder() / "a", tmp_path / "a")
    printed = json.loads(run_command("predict", tmp_path / "film.png", "--json").stdout)[0]["readings"]["a"]
    alone = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    said = subprocess.run(
        [sys.executable, "-c", program("onnx")], cwd=tmp_path, capture_output=True, text=True, check=True, env=alone
    ).stdout.split(maxsplit=1)
    assert float(said[0]) == pytest.approx(printed["probability"], abs=1e-6)
    assert said[1].strip() == ("pneumonia likely" if printed["positive"] else "no sign of pneumonia")
