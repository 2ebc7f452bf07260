import json
import re
import zipfile

import pytest
from typer.testing import CliRunner

from train.cli.data_commands import app
from train.data import fetch
from train.data.check import PUBLISHED_COUNTS
from train.data.cohort import index_cohort
from train.data.kaggle import KaggleError

runner = CliRunner()


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "my films"
    result = runner.invoke(app, ["phantoms", str(folder), "--count", "4", "--image-size", "128", "--seed", "5"])
    assert result.exit_code == 0
    assert "8 synthetic films" in result.stderr
    assert f"next: pneumoscope train a --settings first --data '{folder}'" in result.stderr
    assert result.stdout == ""
    return folder


def test_check_prints_a_table_and_the_next_command(phantoms):
    result = runner.invoke(app, ["check", str(phantoms)])
    assert result.exit_code == 0
    assert "validation" in result.stdout
    assert "128×128" in result.stdout
    assert "nothing unusual" in result.stderr
    assert f"next: pneumoscope train a --data '{phantoms}'" in result.stderr
    assert "warning" not in result.stderr


def test_check_takes_the_folder_from_the_environment(phantoms):
    result = runner.invoke(app, ["check", "--json"], env={"PNEUMOSCOPE_DATA": str(phantoms)})
    assert result.exit_code == 0
    report = json.loads(result.stdout)
    assert report["films"]["train"] == {"normal": 2, "pneumonia": 2}
    assert report["sizes"] == [[128, 128, 8]]
    assert report["unreadable"] == report["duplicates"] == report["published_differences"] == []
    assert report["unusual"] == {}
    assert report["fingerprint"] == index_cohort(phantoms).fingerprint


def test_check_without_a_folder():
    result = runner.invoke(app, ["check"], env={"PNEUMOSCOPE_DATA": None})
    assert result.exit_code == 2
    assert "PNEUMOSCOPE_DATA" in result.stderr


def test_check_of_a_missing_folder(tmp_path):
    result = runner.invoke(app, ["check", str(tmp_path / "nowhere")])
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert "not a folder" in result.stderr


def test_check_names_unreadable_films_and_copies(tmp_path):
    runner.invoke(app, ["phantoms", str(tmp_path), "--count", "4", "--image-size", "32"])
    paths = [tmp_path / film.path for film in index_cohort(tmp_path).films]
    paths[0].write_bytes(b"")
    paths[1].write_bytes(paths[2].read_bytes())
    result = runner.invoke(app, ["check", str(tmp_path)])
    assert result.exit_code == 1
    assert "1 films cannot be read" in result.stderr
    assert f"{paths[0].relative_to(tmp_path).as_posix()}: the file is empty" in result.stderr
    assert re.search(r"cannot be read\W+1\W", result.stdout)
    assert re.search(r"exact copies of other films\W+1\W", result.stdout)
    assert re.search(r"small\W+7\W.*32×32 pixels", result.stdout)
    assert "nothing unusual" not in result.stderr
    assert "next:" not in result.stderr
    report = json.loads(runner.invoke(app, ["check", str(tmp_path), "--json"]).stdout)
    assert [path for path, _ in report["unreadable"]] == [paths[0].relative_to(tmp_path).as_posix()]


def test_phantoms_as_json(tmp_path):
    arguments = ["phantoms", str(tmp_path), "--count", "5", "--image-size", "32", "--json"]
    result = runner.invoke(app, arguments)
    assert result.exit_code == 0
    told = json.loads(result.stdout)
    cohort = index_cohort(tmp_path)
    assert told["films"] == len(cohort.films) == 10
    assert told["patients"] == len({film.patient for film in cohort.films})
    assert told["fingerprint"] == cohort.fingerprint


@pytest.mark.parametrize("arguments", [["--count", "-3"], ["--image-size", "4"], ["--seed", "-1"]])
def test_phantoms_with_values_out_of_range(tmp_path, arguments):
    result = runner.invoke(app, ["phantoms", str(tmp_path / "films"), *arguments])
    assert result.exit_code == 2
    assert "Received" in result.stderr


def test_phantoms_never_replace_other_files(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    result = runner.invoke(app, ["phantoms", str(tmp_path), "--count", "4"])
    assert result.exit_code == 2
    assert "other files" in result.stderr
    assert (tmp_path / "mine.txt").read_text() == "mine"


@pytest.fixture
def archive(tmp_path, monkeypatch):
    """A public set of two films a split."""
    counts = {split: {"normal": 1, "pneumonia": 1} for split in ("train", "validation", "test")}
    monkeypatch.setitem(PUBLISHED_COUNTS, "Kaggle", counts)
    with zipfile.ZipFile(tmp_path / "archive.zip", "w") as archive:
        for split in ("train", "val", "test"):
            archive.writestr(f"chest_xray/{split}/NORMAL/IM-0001-0001.jpeg", split)
            archive.writestr(f"chest_xray/{split}/PNEUMONIA/person1_virus_1.jpeg", f"ill, {split}")
    return tmp_path / "archive.zip"


def test_fetch_from_kaggle(tmp_path, archive, monkeypatch):
    monkeypatch.setattr(fetch, "download", lambda *_: archive)
    result = runner.invoke(app, ["fetch", str(tmp_path / "my data")])
    assert result.exit_code == 0
    assert "all 6 films are in place, as published by Kaggle" in result.stderr
    assert "licence: CC BY 4.0" in result.stderr
    assert "cite: Kermany" in result.stderr
    assert f"next: export PNEUMOSCOPE_DATA='{tmp_path}/my data' && pneumoscope data check" in result.stderr
    assert re.search(r"validation\W+1\W+1\W", result.stdout)
    assert len(index_cohort(tmp_path / "my data").films) == 6


def test_fetch_again_says_so(tmp_path, archive):
    arguments = ["fetch", str(tmp_path / "data"), "--from", str(archive)]
    assert runner.invoke(app, arguments).exit_code == 0
    result = runner.invoke(app, ["fetch", "--json"], env={"PNEUMOSCOPE_DATA": str(tmp_path / "data")})
    assert result.exit_code == 0
    told = json.loads(result.stdout)
    assert told["already_there"] is True
    assert told["folder"] == str(tmp_path / "data")
    assert told["films"] == PUBLISHED_COUNTS["Kaggle"]
    assert told["licence"] == "CC BY 4.0"
    assert "are there already" in runner.invoke(app, arguments[:2]).stderr


def test_fetch_without_internet_is_one_line(tmp_path, archive, monkeypatch):
    def download(*_):
        raise KaggleError("Kaggle cannot be reached")

    monkeypatch.setattr(fetch, "download", download)
    result = runner.invoke(app, ["fetch", str(tmp_path / "data")])
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert "--from ARCHIVE" in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(("arguments", "words"), [([], "where to"), (["--from", "nothing.zip"], "does not exist")])
def test_fetch_that_cannot_start(tmp_path, arguments, words):
    folder = [str(tmp_path / "data")] if arguments else []
    result = runner.invoke(app, ["fetch", *folder, *arguments], env={"PNEUMOSCOPE_DATA": None})
    assert result.exit_code == 2
    assert words in result.stderr


def test_fetch_never_touches_other_files(tmp_path, archive):
    result = runner.invoke(app, ["fetch", str(tmp_path), "--from", str(archive)])
    assert result.exit_code == 0
    (tmp_path / "chest_xray/train/NORMAL/IM-0001-0001.jpeg").unlink()
    result = runner.invoke(app, ["fetch", str(tmp_path), "--from", str(archive)])
    assert result.exit_code == 2
    assert "move it away" in result.stderr


def test_check_names_what_differs_from_the_published_set(tmp_path, archive):
    runner.invoke(app, ["fetch", str(tmp_path / "data"), "--from", str(archive)])
    (tmp_path / "data/chest_xray/test/NORMAL/IM-0002-0001.jpeg").write_text("another")
    (tmp_path / "data/chest_xray/test/NORMAL/IM-0003-0001.jpeg").write_text("another")
    (tmp_path / "data/chest_xray/test/NORMAL/notes.txt").write_text("no film")
    result = runner.invoke(app, ["check", str(tmp_path / "data")])
    assert result.exit_code == 1
    assert re.search(r"test, normal: not as published\W+3\W+1 were published", result.stdout)
    assert re.search(r"test: class imbalance\W+4\W+75 % normal, 25 % pneumonia", result.stdout)
    assert re.search(r"patients in several splits\W+2\W+IM-0001: train, validation, test", result.stdout)
    assert re.search(r"files left out, no films\W+1\W+chest_xray/test/NORMAL/notes\.txt", result.stdout)
    assert "8 films cannot be read" in result.stderr
    assert "as many films as were published" not in result.stderr


def test_commands_are_told_in_one_line(tmp_path):
    listed = runner.invoke(app, ["--help"]).stdout
    for line in (
        "Download the public set of 5,856 chest films.",
        "Read every film of a folder and list anomalies.",
        "Draw synthetic chest films of both classes.",
    ):
        assert line in listed
    told = " ".join(runner.invoke(app, ["fetch", "--help"]).stdout.split())
    for words in (fetch.KAGGLE_PAGE, fetch.MENDELEY_PAGE, "--from ARCHIVE", "CC BY 4.0", "no account", "Kermany"):
        assert words in told
