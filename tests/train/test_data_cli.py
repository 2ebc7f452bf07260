import json

import pytest
from typer.testing import CliRunner

from train.cohort import index_cohort
from train.data_cli import app

runner = CliRunner()


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "my films"
    result = runner.invoke(app, ["phantoms", str(folder), "--count", "4", "--image-size", "32", "--seed", "5"])
    assert result.exit_code == 0
    assert "8 synthetic films" in result.stderr
    assert f"next: pneumoscope train a --data '{folder}'" in result.stderr
    assert result.stdout == ""
    return folder


def test_check_prints_a_table_and_the_next_command(phantoms):
    result = runner.invoke(app, ["check", str(phantoms)])
    assert result.exit_code == 0
    assert "validation" in result.stdout
    assert "32×32" in result.stdout
    assert f"next: pneumoscope train a --data '{phantoms}'" in result.stderr
    assert "warning" not in result.stderr


def test_check_takes_the_folder_from_the_environment(phantoms):
    result = runner.invoke(app, ["check", "--json"], env={"PNEUMOSCOPE_DATA": str(phantoms)})
    assert result.exit_code == 0
    report = json.loads(result.stdout)
    assert report["films"]["train"] == {"normal": 2, "pneumonia": 2}
    assert report["sizes"] == [[32, 32, 8]]
    assert report["unreadable"] == report["duplicates"] == []
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
    assert "1 films are exact copies" in result.stderr
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
