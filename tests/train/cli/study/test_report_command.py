import json
from dataclasses import dataclass

import pytest
from typer.testing import CliRunner

from demo.cli import app
from train.common.errors import PneumoscopeError
from train.runs.run_folder import RunFolder
from train.studies import measure
from train.studies.record import read_record
from train.studies.running import storage


@dataclass(frozen=True)
class Done:
    run: RunFolder
    rows: tuple[tuple[str, str], ...]
    scale: str = "full"
    seed: int = 0
    diverged: bool = False


@pytest.fixture
def report(tmp_path, monkeypatch, make_study_training):
    """Run the command on trainings made up: (options, accuracy by row) → result; "gone" is a row without its folder."""
    monkeypatch.chdir(tmp_path)

    def run(*options, **accuracies):
        found = [Done(RunFolder(tmp_path / key), (("a-dropout", key),)) for key in accuracies]

        def lacks(done, *, test):
            if not accuracies[done.run.name]:
                raise PneumoscopeError(f"{done.run.folder} is gone")
            return ()

        def measured(done, films, *, test):
            assert films is None
            return make_study_training(done.rows, {"train": accuracies[done.run.name]}, test=test)

        monkeypatch.setattr(storage, "finished", lambda url: tuple(found))
        monkeypatch.setattr(measure, "lacks", lacks)
        monkeypatch.setattr(measure, "measure", measured)
        return CliRunner().invoke(app, ["study", "report", *options])

    return run


def test_the_report_is_written_into_the_assets_and_summed_up(report, tmp_path):
    result = report(**{"0.1": 0.92, "0.5": 0.8})
    assert result.exit_code == 0, result.output
    record = read_record(tmp_path / "assets" / "studies" / "studies.json")
    assert len(record.trainings) == 2
    assert (tmp_path / "assets" / "studies" / "index.html").is_file()
    assert "rows measured: 2 of 107" in result.stderr
    assert "Not a medical device" in result.stderr


def test_json_is_the_record_itself(report, tmp_path):
    result = report("--json", "--output", "elsewhere", **{"0.1": 0.92})
    assert json.loads(result.stdout) == json.loads((tmp_path / "elsewhere" / "studies.json").read_text())


def test_without_test_films_there_are_no_figures_of_them(report, tmp_path):
    report("--no-test", **{"0.1": 0.92})
    (training,) = read_record(tmp_path / "assets" / "studies" / "studies.json").trainings
    assert training.stages["train"].test is None


def test_a_training_whose_folder_is_gone_is_left_out_and_named(report, tmp_path):
    result = report(**{"0.1": 0.92, "0.5": None})
    assert result.exit_code == 0
    assert f"left out: {tmp_path / '0.5'} is gone" in result.stderr
    assert len(read_record(tmp_path / "assets" / "studies" / "studies.json").trainings) == 1


def test_a_damaged_earlier_report_is_not_overwritten(report, tmp_path):
    path = tmp_path / "assets" / "studies" / "studies.json"
    path.parent.mkdir(parents=True)
    path.write_text("{}")
    result = report(**{"0.1": 0.92})
    assert result.exit_code == 1
    assert "is no record of the studies" in result.stderr
    assert path.read_text() == "{}"


def test_a_storage_that_is_not_there_is_one_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["study", "report", "--storage", f"sqlite:///{tmp_path}/none.db"])
    assert result.exit_code == 2
    assert "there is no storage" in result.stderr
