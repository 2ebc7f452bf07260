"""`study list` and `study show` say what there is, and `--dry-run`'s table on what its figures rest."""

import json

import pytest

from train.cli.study.plan_table import duration, print_plan, size
from train.studies.definition import Scale, find_study, trainings_of
from train.studies.plan import make_plan


def test_list_names_every_study_and_counts_the_rows(run_command):
    result = run_command("study", "list")
    assert result.exit_code == 0
    for name in ("a-optimizer", "b-early-stopping", "combined", "reference-runs", "backbone-choice"):
        assert name in result.stdout
    assert "107 rows of 10 studies" in result.stderr
    assert "next: pneumoscope study show" in result.stderr


def test_list_as_json(run_command):
    listed = json.loads(run_command("study", "list", "--json").stdout)
    assert listed["rows"] == 107
    assert len(listed["studies"]) == 11
    assert [table["name"] for table in listed["reported_only"]] == ["backbone-choice"]


def test_show_prints_settings_figures_and_notes(run_command):
    result = run_command("study", "show", "a-optimizer")
    assert result.exit_code == 0
    line = next(line for line in result.stdout.splitlines() if "momentum-0.1-24" in line)
    assert "0.6250, loss 1.235" in line
    assert "note on momentum-0.1-24: the report's summary table prints an accuracy of 6.5 %" in result.stderr


def test_show_says_which_rows_are_one_training(run_command):
    stdout = run_command("study", "show", "b-dropout").stdout
    assert "reference-runs b" in next(line for line in stdout.splitlines() if "0.9295" in line)


def test_show_prints_the_settings_of_a_study_in_which_none_varies(run_command):
    lines = run_command("study", "show", "reference-runs").stdout.splitlines()
    cells = [cell.strip() for cell in next(line for line in lines if line.startswith("│ b")).split("│")]
    assert cells[1:6] == ["b", "b", "adam", "0.001", "20"]


def test_show_as_json_holds_both_stages(run_command):
    study = json.loads(run_command("study", "show", "combined", "--json").stdout)
    a, b = study["rows"]
    assert a["reported"] == {"train": {"accuracy": 0.91186, "loss": 0.286, "f1": 0.93467, "threshold": 0.45}}
    assert b["changes"]["early_stopping_patience"] == 3
    assert set(b["reported"]) == {"head", "fine_tune"}


def test_show_prints_the_choice_of_the_backbone(run_command):
    result = run_command("study", "show", "backbone-choice")
    assert "ResNet50V2" in result.stdout
    assert "note: the report takes the false negatives" in result.stderr
    assert json.loads(run_command("study", "show", "backbone-choice", "--json").stdout)["rows"][1][0] == "ResNet50V2"


def test_an_unknown_study_is_one_line_that_names_those_there_are(run_command):
    result = run_command("study", "show", "a-depth")
    assert result.exit_code == 2
    assert result.stderr.startswith("error: no study a-depth: there are reference-runs, a-extra-dense,")
    assert len(result.stderr.splitlines()) == 1


@pytest.fixture
def plan(tmp_path, monkeypatch):
    monkeypatch.setenv("PNEUMOSCOPE_RUNS", str(tmp_path / "runs"))
    scale = Scale(image_size=96)
    rows = [(find_study(name), row) for name in ("a-width", "a-dropout", "b-dropout") for row in find_study(name).rows]
    return make_plan(trainings_of(rows, (0, 1), scale), scale.label)


def test_a_plan_is_a_line_a_study_and_one_of_all(plan, capsys):
    print_plan(plan, as_json=False)
    printed = capsys.readouterr()
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in printed.out.splitlines() if "│" in line]
    assert [row[:6] for row in cells] == [
        ["a-width", "12", "12", "0", "0", "192"],
        ["a-dropout", "10", "8", "0", "0", "128"],
        ["b-dropout", "10", "10", "0", "0", "300"],
        ["all", "32", "30", "0", "0", "620"],
    ]
    assert "96 px" in printed.out
    assert "network B's features, which its rows share" in printed.err
    assert "a guess, from two CPU cores elsewhere: A, B's features, B's head, B's fine-tuning" in printed.err


def test_a_plan_as_json_is_the_result_alone(plan, capsys):
    print_plan(plan, as_json=True)
    printed = capsys.readouterr()
    assert json.loads(printed.out)["epochs"] == 620
    assert printed.err == ""


def test_times_and_sizes_are_in_units_one_plans_by():
    assert [duration(seconds) for seconds in (40, 720, 12_600, 345_600)] == ["40 s", "12 min", "3.5 h", "4.0 days"]
    assert [size(count) for count in (27_000_000, 1_600_000_000)] == ["27 MB", "1.6 GB"]
