"""`train` and `evaluate` from the command line: results, exit codes, and one clear line for what is wrong."""

import csv
import json
import shutil
from pathlib import Path

import pytest

from train.cli.train_command import _settings
from train.common.errors import PneumoscopeError

pytestmark = pytest.mark.usefixtures("blank_pictures")


def splits_scored(run):
    with run.scores.open() as file:
        return {row["split"] for row in csv.DictReader(file)}


def error_line(result):
    lines = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, result.stderr
    assert "Traceback" not in result.output
    return lines[0]


def test_evaluate_reads_validation_and_leaves_test_alone(copied_run, phantom_root, run_command, tmp_path):
    result = run_command("evaluate", "tiny", "--data", phantom_root, "--json")
    assert result.exit_code == 0, result.output
    metrics = json.loads(result.stdout)
    assert metrics["run"] == "tiny"
    assert set(metrics) == {"run", "validation"}
    assert {"value", "low", "high", "independent_low", "independent_high"} == set(metrics["validation"]["auroc"])
    assert splits_scored(copied_run) == {"validation"}
    assert not (tmp_path / "docs").exists()


def test_evaluate_test_uses_frozen_thresholds_and_is_logged(copied_run, phantom_root, run_command, tmp_path):
    frozen = json.loads(copied_run.evaluation.read_text())["thresholds"]
    for reading in (1, 2):
        result = run_command("evaluate", "tiny", "--data", phantom_root, "--test")
        assert result.exit_code == 0, result.output
        assert "chosen on test itself" in result.stdout
        with (tmp_path / "docs" / "test-reads.csv").open() as file:
            assert [row["run"] for row in csv.DictReader(file)] == ["tiny"] * reading
    evaluation = json.loads(copied_run.evaluation.read_text())
    assert evaluation["thresholds"] == frozen
    points = evaluation["test"]["metrics"]["operating_points"]
    assert {name: point["threshold"] for name, point in points.items()} == frozen
    assert splits_scored(copied_run) == {"validation", "test"}


@pytest.mark.parametrize("blocked", ["other columns", "a folder"])
@pytest.mark.parametrize("stress", [[], ["--stress"]])
def test_test_films_are_not_read_where_the_reading_cannot_be_logged(
    copied_run, phantom_root, run_command, tmp_path, monkeypatch, blocked, stress
):
    log = tmp_path / "docs" / "test-reads.csv"
    if stress:
        assert run_command("evaluate", "tiny", "--data", phantom_root, "--test").exit_code == 0
        log.unlink()
    if blocked == "a folder":
        log.mkdir(parents=True)
    else:
        log.parent.mkdir(exist_ok=True)
        log.write_text("run,commit\n")
    before = copied_run.scores.read_bytes(), copied_run.evaluation.read_bytes()
    for scoring in ("score_run", "score_corrupted"):
        monkeypatch.setattr(f"train.fitting.scoring.{scoring}", lambda *_: pytest.fail("films were read"))
    result = run_command("evaluate", "tiny", "--data", phantom_root, "--test", *stress)
    assert result.exit_code == 1
    assert str(log.relative_to(tmp_path)) in error_line(result)
    assert (copied_run.scores.read_bytes(), copied_run.evaluation.read_bytes()) == before
    assert not copied_run.stress.exists()


def test_a_reading_that_could_not_be_logged_leaves_no_figures(copied_run, phantom_root, run_command, monkeypatch):
    def full(*_):
        raise PneumoscopeError("docs/test-reads.csv cannot be written: no space left on device")

    before = copied_run.scores.read_bytes(), copied_run.evaluation.read_bytes()
    monkeypatch.setattr("train.cli.evaluate_run.log_test_read", full)
    assert "no space left" in error_line(run_command("evaluate", "tiny", "--data", phantom_root, "--test"))
    assert (copied_run.scores.read_bytes(), copied_run.evaluation.read_bytes()) == before


def test_evaluating_validation_again_does_not_lose_test(copied_run, phantom_root, run_command):
    run_command("evaluate", "tiny", "--data", phantom_root, "--test")
    before = json.loads(copied_run.evaluation.read_text())
    run_command("evaluate", "tiny", "--data", phantom_root)
    after = json.loads(copied_run.evaluation.read_text())
    assert after["test"]["metrics"]["auroc"] == before["test"]["metrics"]["auroc"]


def test_the_next_command_is_named(copied_run, phantom_root, run_command):
    result = run_command("evaluate", "tiny", "--data", phantom_root)
    assert "next: pneumoscope evaluate tiny --test" in result.stderr
    assert "Not a medical device" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train", "a"], ["no films given", "PNEUMOSCOPE_DATA", "phantoms"]),
        (["train", "a", "--data", "nowhere"], ["nowhere is not a folder"]),
        (["train", "a", "--data", "{data}", "--epochs", "0"], ["epochs", "0"]),
        (["train", "a", "--data", "{data}", "--learning-rate", "-1"], ["learning_rate", "-1"]),
        (["train", "a", "--data", "{data}", "--set", "speed=9"], ["unknown setting speed"]),
        (["train", "a", "--data", "{data}", "--settings", "none.yaml"], ["none.yaml"]),
        (["train", "a", "--data", "{data}", "--device", "gpu"], ["--device gpu", "no GPU", "--device cpu"]),
        (["train", "a", "--data", "{data}", "--set", "mixed_precision=true"], ["mixed_precision needs a GPU"]),
        (["train", "b", "--data", "{data}", "--backbone-weights", "no.h5"], ["no backbone weights", "no.h5"]),
        (["train", "a", "--data", "{data}", "--name", "../x"], ["--name"]),
        (["evaluate", "none", "--data", "{data}"], ["no run none"]),
    ],
)
def test_wrong_use_is_one_line_and_exit_2(run_command, phantom_root, tmp_path, arguments, words):
    result = run_command(*(argument.format(data=phantom_root) for argument in arguments))
    assert result.exit_code == 2
    line = error_line(result)
    assert all(word in line for word in words), line
    assert not list(tmp_path.glob("runs/*/*.keras"))


def test_wrong_use_leaves_no_run_folder(run_command, phantom_root, tmp_path):
    run_command("train", "b", "--data", phantom_root, "--backbone-weights", "no.h5", "--image-size", "32")
    assert not list(tmp_path.glob("runs/*"))


def test_missing_films_are_one_line_and_exit_1(run_command, tmp_path):
    (tmp_path / "data" / "chest_xray" / "train" / "NORMAL").mkdir(parents=True)
    result = run_command("train", "a", "--data", tmp_path / "data")
    assert result.exit_code == 1
    assert "chest_xray/train/NORMAL holds no films" in error_line(result)


def test_evaluating_without_the_films_is_one_line_and_exit_1(copied_run, run_command, tmp_path):
    (tmp_path / "empty").mkdir()
    result = run_command("evaluate", "tiny", "--data", tmp_path / "empty")
    assert result.exit_code == 1
    assert "cannot be read under the data root" in error_line(result)


@pytest.mark.parametrize("kind", ["foreign", "one byte"])
def test_a_broken_network_file_is_one_line_and_exit_1(copied_run, phantom_root, run_command, kind):
    whole = bytearray(copied_run.best_network.read_bytes())
    whole[len(whole) // 2] ^= 0xFF
    copied_run.best_network.write_bytes(b"no network" if kind == "foreign" else whole)
    result = run_command("evaluate", "tiny", "--data", phantom_root)
    assert result.exit_code == 1
    assert "cannot be loaded" in error_line(result)


def test_each_value_of_set_wins_over_options_and_file_by_itself():
    options = {"prepare.image_size": 96, "augmentation.crop": None}
    settings = _settings("a", Path("a"), options, ["augmentation={rotation: 5}", "prepare={image_size: 128}"])
    assert (settings.prepare.image_size, settings.prepare.contrast) == (128, "equalise")
    assert (settings.augmentation.rotation, settings.augmentation.crop, settings.augmentation.noise) == (5, 0.08, 4)


def test_what_is_no_film_is_counted(run_command, phantom_root, tmp_path):
    shutil.copytree(phantom_root, tmp_path / "films")
    normal = tmp_path / "films/chest_xray/train/NORMAL"
    (normal / "notes.txt").write_text("no film")
    (normal / "LOCKFILE").touch()
    (normal / "1.2.840.113619.2.5.1").write_bytes(next(normal.glob("*.p*")).read_bytes())
    result = run_command("train", "b", "--data", tmp_path / "films", "--teacher", "nowhere")
    assert "warning: 2 files are no films and are left out; pneumoscope data check names them" in result.stderr


def test_debug_shows_the_traceback(run_command):
    result = run_command("evaluate", "none", "--data", ".", "--debug")
    assert type(result.exception).__name__ == "UsageError"
