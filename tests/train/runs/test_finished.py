"""What training wrote last is read whole, or is one line with the command that truly writes it anew."""

import json

import pytest

from tests.train.cli.test_evaluate_command import error_line
from train.common.errors import PneumoscopeError
from train.runs.finished import read_environment, read_history, resume_command
from train.runs.run_folder import RunFolder, settings_of


def test_history_is_read_as_rows(tmp_path):
    run = RunFolder(tmp_path)
    run.history.write_text("stage,epoch,loss,val_loss\nhead,1,0.5,0.6\nhead,2,0.4,\n")
    assert read_history(run)[1] == {"stage": "head", "epoch": "2", "loss": "0.4", "val_loss": ""}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "expected rows with stage and loss"),
        ("stage,loss\n", "expected rows with stage and loss"),
        ("film,label\na,1\n", "expected rows with stage and loss"),
        ("stage,loss\nhead,0.5\nhe", "line 3: expected a stage and numbers"),
        ("stage,loss\nhead,0.5\nhead,0.4,1\n", "line 3: expected a stage and numbers"),
        ("stage,loss\nhead,low\n", "line 2: expected a stage and numbers"),
        (None, "cannot be read"),
    ],
)
def test_what_is_no_history_is_refused(tmp_path, text, words):
    run = RunFolder(tmp_path)
    if text is not None:
        run.history.write_text(text)
    with pytest.raises(PneumoscopeError, match=words) as error:
        read_history(run)
    assert "history.csv" in str(error.value)
    assert "train the run again" in str(error.value)  # there are no settings to make a command of


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 100_000])
def test_a_damaged_environment_is_one_line(copied_run, text):
    copied_run.environment.write_text(text)
    with pytest.raises(PneumoscopeError, match=r"environment\.json: .*pneumoscope train a --name tiny") as error:
        read_environment(copied_run)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["history", "environment"])
def test_the_command_that_a_damaged_file_names_makes_it_anew(copied_run, phantom_root, run_command, name):
    path = getattr(copied_run, name)
    whole = path.read_text()
    path.write_text(whole[:20])
    line = error_line(run_command("export", "tiny", "--to", "models", "--data", phantom_root))
    assert f"{path.name}" in line
    command = line.split("made anew, without further training, by: pneumoscope ")[1].split()
    best = copied_run.best_network.read_bytes()
    result = run_command(*command, "--data", phantom_root)
    assert result.exit_code == 0, result.output
    if name == "history":
        assert path.read_text() == whole
    else:
        assert json.loads(path.read_text()).keys() == json.loads(whole).keys()
        assert json.loads(path.read_text())["films"] == json.loads(whole)["films"]
    read_history(copied_run)
    assert copied_run.best_network.read_bytes() == best


def test_a_finished_run_without_its_last_network_is_not_trained_over(copied_run, phantom_root, run_command):
    copied_run.environment.write_text("{")
    command = resume_command(copied_run, settings_of(copied_run)).split()[1:]
    copied_run.last_network.unlink()
    best = copied_run.best_network.read_bytes()
    line = error_line(run_command(*command, "--data", phantom_root))
    assert "environment.json" in line
    assert "last.keras, which it is made from, is gone: train again with --new" in line
    assert copied_run.best_network.read_bytes() == best
