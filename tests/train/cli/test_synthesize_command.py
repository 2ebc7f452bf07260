import json
import re

import pytest
from typer.testing import CliRunner

from train.cli.data_commands import app
from train.data.cohort import index_cohort, split_cohort
from train.synthetic.phantom_folder import make_phantoms

runner = CliRunner()


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "my films"
    make_phantoms(folder, 20, seed=1, image_size=64)
    return folder


def synthesize(*arguments, **environment):
    environment = {"PNEUMOSCOPE_DATA": None, "COLUMNS": "200", **environment}
    return runner.invoke(app, ["synthesize", *(str(argument) for argument in arguments)], env=environment)


def test_tables_and_the_next_command(root, tmp_path):
    folder = tmp_path / "synthetic films"
    result = synthesize(folder, "--data", root, "--count", 1, "--image-size", 40)
    assert result.exit_code == 0, result.output
    listed = split_cohort(index_cohort(root), 0).of_split("train")
    normal = [film for film in listed if film.label == 0]
    patients = len({film.patient for film in normal})
    assert re.search(rf"normal\W+{len(normal)}\W+{patients}\W", result.stdout)
    told = json.loads((folder / "synthesis.json").read_text())
    for film in told["films"]:
        figures = [
            str(film["nearest"][measure][name]) for measure in told["limits"] for name in ("distance", "percentile")
        ]
        assert re.search(rf"{film['film']}\W+" + r"\W+".join(map(re.escape, figures)), result.stdout)
    for percent, distance in told["between_patients"]["film"].items():
        assert re.search(rf"\W{percent} %\W+{re.escape(str(distance))}", result.stdout)
    thrown_away = sum(film["tries"] - 1 for film in told["films"])
    assert f"2 films; {thrown_away} thrown away as nearer than {told['limits']['film']} (film)" in result.stderr
    assert f"next: pneumoscope predict '{folder}'" in result.stderr


def test_json_is_what_the_folder_says(root, tmp_path):
    arguments = (tmp_path / "films", "--count", 1, "--image-size", 40, "--split-seed", 2, "--seed", 9, "--json")
    result = synthesize(*arguments, PNEUMOSCOPE_DATA=str(root))
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told.pop("folder") == str(tmp_path / "films")
    assert {"format": 1, **told} == json.loads((tmp_path / "films" / "synthesis.json").read_text())
    assert (told["seed"], told["split_seed"], told["image_size"]) == (9, 2, 40)
    assert told["split_fingerprint"] == split_cohort(index_cohort(root), 2).fingerprint


def test_without_films(tmp_path):
    result = synthesize(tmp_path / "films")
    assert result.exit_code == 2
    assert "PNEUMOSCOPE_DATA" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [(["--count", 0], 2, "Received: 0"), (["--data", "nowhere"], 1, "nowhere is not a folder")],
)
def test_an_error_is_one_line(root, tmp_path, arguments, code, words):
    result = synthesize(tmp_path / "films", "--data", root, *arguments)
    assert result.exit_code == code
    assert words in result.stderr
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""
    assert not (tmp_path / "films").exists()


def test_other_files_stay(root, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    result = synthesize(tmp_path, "--data", root)
    assert result.exit_code == 2
    assert "other files" in result.stderr
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_it_is_listed_in_one_line():
    assert "Draw films like yours that show no patient." in runner.invoke(app, ["--help"]).stdout
