"""Runs are found by name or folder, never overwritten, and say what is wrong with them."""

import json
import subprocess
from pathlib import Path

import pytest

from train.common.errors import PneumoscopeError, UsageError
from train.runs.run_folder import (
    RunFolder,
    begin,
    commit_of_checkout,
    create_run,
    find_run,
    require_network,
    run_named,
    settings_of,
    write_environment,
    write_history,
)
from train.runs.settings import make_settings


@pytest.fixture(autouse=True)
def runs(tmp_path, monkeypatch):
    monkeypatch.setenv("PNEUMOSCOPE_RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"


def test_runs_are_numbered_and_keep_their_settings():
    settings = make_settings("b", {"backbone_weights": "random", "epochs": 2})
    first, second = create_run(None, settings), create_run(None, settings)
    assert (first.name, second.name) == ("b", "b-2")
    assert settings_of(second) == settings


def test_a_run_is_never_overwritten():
    create_run("mine", make_settings("a", {}))
    with pytest.raises(UsageError, match="a run named mine exists"):
        create_run("mine", make_settings("a", {}))


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../x", ".hidden"])
def test_a_run_name_is_a_plain_folder_name(name):
    with pytest.raises(UsageError, match="--name"):
        create_run(name, make_settings("a", {}))


@pytest.mark.parametrize("name", [None, "mine"])
def test_a_folder_of_runs_that_is_not_there_any_more_is_one_line(tmp_path, monkeypatch, name):
    (tmp_path / "link").symlink_to(tmp_path / "unmounted" / "runs")
    monkeypatch.setenv("PNEUMOSCOPE_RUNS", str(tmp_path / "link"))
    with pytest.raises(UsageError, match="no run folder can be made in"):
        create_run(name, make_settings("a", {}))


def test_a_new_run_of_a_taken_name_is_numbered():
    settings = make_settings("a", {})
    names = [create_run("mine", settings, numbered=True).name for _ in range(3)]
    assert names == ["mine", "mine-2", "mine-3"]


def test_a_run_killed_before_its_settings_were_written_is_still_one(runs):
    (runs / "mine").mkdir(parents=True)
    (runs / "mine" / ".lock").touch()
    run = run_named("mine")
    assert run == RunFolder(runs / "mine")
    begin(run, make_settings("a", {"epochs": 3}))
    assert settings_of(run).epochs == 3


def test_a_folder_of_other_things_is_no_run_to_go_on_with(runs):
    (runs / "mine").mkdir(parents=True)
    (runs / "mine" / "thesis.docx").touch()
    with pytest.raises(UsageError, match=r"mine is there and is no run"):
        run_named("mine")
    assert run_named("other") is None


def test_a_run_is_found_by_name_and_by_folder(runs):
    run = create_run("mine", make_settings("a", {}))
    assert find_run("mine") == run
    assert find_run(str(runs / "mine")).folder == runs / "mine"


def test_a_missing_run_names_those_there_are():
    create_run("mine", make_settings("a", {}))
    with pytest.raises(UsageError, match=r"no run other.*mine"):
        find_run("other")


def test_a_run_of_another_network_is_refused():
    run = create_run("spine", make_settings("backbone", {}))
    with pytest.raises(UsageError, match="run spine trained backbone"):
        require_network(run, settings_of(run), ("a", "b"))


def test_a_run_stopped_in_its_first_epoch_is_refused():
    run = create_run("short", make_settings("a", {}))
    with pytest.raises(PneumoscopeError, match=r"no best\.keras"):
        require_network(run, settings_of(run), ("a", "b"))


@pytest.mark.parametrize("text", ["network: z\n", "epochs: 3\n", "network: a\nepoch: 3\n", "- a\n"])
def test_a_broken_settings_file_is_refused(text):
    run = create_run("broken", make_settings("a", {}))
    run.settings.write_text(text)
    with pytest.raises(UsageError):
        settings_of(run)


def test_history_leaves_out_what_a_row_has_not(tmp_path):
    run = RunFolder(tmp_path)
    write_history(run, [{"stage": "train", "epoch": 1, "loss": 0.5}])
    header, row = run.history.read_text().splitlines()
    assert header.startswith("stage,epoch,loss,accuracy")
    assert row.startswith("train,1,0.5,,")


def test_the_environment_names_no_place(tmp_path):
    run = RunFolder(tmp_path)
    write_environment(run, {"seed": 1})
    text = run.environment.read_text()
    assert str(tmp_path) not in text
    assert {"seed", "versions"} <= json.loads(text).keys()


def test_the_commit_is_that_of_the_checkout():
    root = Path(__file__).resolve().parents[3]
    if not (root / ".git").exists():
        pytest.skip("no checkout: installed or unpacked from an archive")
    head = subprocess.run(["git", "-C", str(root), "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    commit = commit_of_checkout()
    assert commit is not None
    assert head.stdout.startswith(commit.removesuffix("+"))
