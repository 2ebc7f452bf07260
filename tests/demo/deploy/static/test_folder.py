"""What `deploy static` writes, and what it says where it cannot."""

import hashlib
import json
import re

import pytest
import yaml

from demo.browser.packages import LIBRARY_FILES, LICENCE_FILES, Libraries, get_libraries
from demo.deploy.published_scores import warn_of_own_scores
from demo.deploy.static.folder import build_files, folder_files, write_folder
from demo.deploy.static.single_file import single_file
from demo.deploy.static.space import space_readme
from demo.deploy.static.texts import films_objects
from demo.inference.networks import load_models
from train.common.errors import PneumoscopeError, UsageError

pytest.importorskip("gradio", reason="the page is drawn with Gradio's, not installed here")

NO_LIBRARIES = Libraries(dict.fromkeys(LIBRARY_FILES, b"library"), dict.fromkeys(LICENCE_FILES, b"licence"))


@pytest.fixture
def loaded(models):
    return load_models(models, "cpu")


def test_the_folder_names_every_file_by_its_checksum_and_no_film(loaded):
    files = folder_files(loaded, NO_LIBRARIES)
    worker = files["service-worker.js"].decode()
    sums = json.loads(worker[worker.index("{") : worker.index("};") + 1])
    assert sums.keys() == files.keys() - {"service-worker.js"}
    assert all(hashlib.sha256(files[path]).hexdigest() == found for path, found in sums.items())
    assert not [path for path in files if path.endswith("scores.csv")]
    page = files["index.html"].decode()
    assert "default-src 'none'" in page
    assert "unsafe-inline" not in page
    # A style in HTML would be left out by that policy: a script sets it.
    assert not [path for path, content in files.items() if path.startswith("texts/") and b" style=" in content]
    assert "Choose films" in page  # first words without a script
    named = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert named
    assert all(path in files for path in named)


def test_films_of_ones_own_are_warned_of_and_get_no_name(tmp_path, tiny_bundle, capsys):
    scores = b"film,patient,split,label,logit\nward/anna.png,p1,test,1,2.0\nward/ben.png,p2,validation,0,-1.0\n"
    tiny_bundle(tmp_path, "a", scores=scores)
    loaded = load_models(tmp_path, "cpu")
    warn_of_own_scores(loaded.bundles, named=False)
    assert "2 scored films of yours" in capsys.readouterr().err
    files = folder_files(loaded, NO_LIBRARIES)
    assert json.loads(files["texts/films-test.json"]) == {}
    assert not [path for path, content in files.items() if b"anna" in content]


def test_films_that_came_with_pneumoscope_are_named_and_not_warned_of(capsys):
    loaded = load_models(device="cpu")
    warn_of_own_scores(loaded.bundles, named=True)
    assert capsys.readouterr().err == ""
    names = films_objects(loaded)["test"]
    assert {name: len(films) for name, films in names.items()} == {"a": 624, "b": 624}


def test_a_folder_of_other_files_is_left_alone(tmp_path):
    (tmp_path / "letter.txt").write_text("mine")
    with pytest.raises(UsageError, match="expected an empty folder"):
        write_folder(tmp_path, {"index.html": b""})
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]
    worker = b'globalThis.pneumoscopeProgram = {"index.html": "0"};\n'
    write_folder(tmp_path / "new", {"service-worker.js": worker, "index.html": b"old"})
    write_folder(tmp_path / "new", {"service-worker.js": worker, "index.html": b"new"})
    assert (tmp_path / "new" / "index.html").read_bytes() == b"new"


@pytest.mark.parametrize("worker", [b"", b"self.onfetch = () => {};\xff", b"globalThis.pneumoscopeProgram = {no};\n"])
def test_another_site_is_left_alone_though_it_has_a_service_worker(tmp_path, worker):
    (tmp_path / "index.html").write_text("mine")
    (tmp_path / "service-worker.js").write_bytes(worker)
    with pytest.raises(UsageError, match="one of deploy static's own"):
        write_folder(tmp_path, {"index.html": b"", "service-worker.js": b""})
    assert (tmp_path / "index.html").read_text() == "mine"


def test_files_of_an_earlier_page_go_and_added_ones_stay(loaded, tmp_path):
    folder = tmp_path / "site"
    write_folder(folder, folder_files(loaded, NO_LIBRARIES))
    (folder / "CNAME").write_text("films.example.org")
    files = folder_files(loaded, NO_LIBRARIES)
    del files["licences/plotly.txt"]
    write_folder(folder, files)
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert there == files.keys() | {"CNAME"}


def test_one_file_holds_all_and_allows_only_its_own_scripts(loaded):
    page = single_file(build_files(loaded, NO_LIBRARIES)).decode()
    parts = re.findall(r'data-path="([^"]+)"', page)
    assert parts.index("browser/prepare.js") < parts.index("browser/classify.js") < parts.index("browser/worker.js")
    assert {"models/a/model.onnx", "texts/he.json", "libraries/plotly.js"} <= set(parts)
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)[1]
    assert "'unsafe-eval'" not in policy
    assert "'unsafe-inline'" not in policy
    assert not re.search(r'(?:src|href)="(?!data:)', page)


def test_without_npm_one_line_says_what_to_do(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda _: None)
    with pytest.raises(UsageError, match=r"npm is not installed here.*npm install .*web@1\.30\.0.*--libraries"):
        get_libraries(None)


def test_what_npm_says_is_passed_on_in_one_line(monkeypatch, tmp_path):
    npm = tmp_path / "npm"
    npm.write_text("#!/bin/sh\necho 'npm error no network' >&2\nexit 1\n")
    npm.chmod(0o755)
    monkeypatch.setattr("shutil.which", lambda _: str(npm))
    with pytest.raises(PneumoscopeError, match=r"npm failed \(npm error no network\); check the network"):
        get_libraries(None)


def test_another_file_than_was_tested_is_refused(tmp_path):
    for file in LIBRARY_FILES.values():
        (tmp_path / file.path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file.path).write_bytes(b"another")
    with pytest.raises(UsageError, match="is not the file that was tested"):
        get_libraries(tmp_path)


def test_a_static_space_asks_for_threads():
    settings = yaml.safe_load(space_readme("films").decode().split("---\n")[1])
    assert (settings["sdk"], settings["app_file"]) == ("static", "index.html")
    assert settings["custom_headers"]["cross-origin-embedder-policy"] == "require-corp"
    assert len(settings["short_description"]) <= 60


@pytest.mark.slow
def test_a_push_carries_the_page_to_the_hub(hub, push, models, node_modules):
    result = push("static-space", "ada/films", "--models", models, "--libraries", node_modules)
    assert result.returncode == 0, result.stderr
    assert (hub.made[0]["type"], hub.made[0]["sdk"]) == ("space", "static")
    assert hub.repositories["ada/films"]["index.html"].startswith(b"<!doctype html>")
    assert hub.repositories["ada/films"]["README.md"] == space_readme("films")
