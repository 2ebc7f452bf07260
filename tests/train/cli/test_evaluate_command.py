"""`evaluate` from the command line: three ways of counting, two runs, several seeds, stress; and what is refused."""

import csv
import json
import shutil

import cv2
import pytest

from train.data.corruptions import CORRUPTIONS
from train.metrics.scores import Scores, read_scores, write_scores
from train.runs.run_folder import RunFolder

pytestmark = pytest.mark.usefixtures("blank_pictures")


def error_line(result):
    lines = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, result.stderr
    assert "Traceback" not in result.output
    return lines[0]


def copy_of(run, name, **settings):
    folder = run.folder.with_name(name)
    shutil.copytree(run.folder, folder)
    copy = RunFolder(folder)
    for key, value in settings.items():
        lines = copy.settings.read_text().splitlines()
        copy.settings.write_text("\n".join(f"{key}: {value}" if line.startswith(f"{key}:") else line for line in lines))
    return copy


def contents(run):
    return {path.name: path.read_bytes() for path in run.folder.rglob("*") if path.is_file()}


def with_logits(run, change):
    scores = read_scores(run.scores)
    write_scores(run.scores, Scores(scores.films, scores.patients, scores.splits, scores.labels, change(scores.logits)))


def test_films_are_counted_three_ways(copied_run, phantom_root, run_command, tmp_path):
    root = tmp_path / "data"
    shutil.copytree(phantom_root, root)
    scores = read_scores(copied_run.scores)
    shutil.copy(root / scores.films[0], root / scores.films[1])  # the second film repeats the first
    result = run_command("evaluate", "tiny", "--data", root, "--json")
    assert result.exit_code == 0, result.output
    metrics = json.loads(result.stdout)["validation"]
    once = metrics["cohorts"]["deduplicated"]
    assert (once["repeats"], once["films_left_out"]) == ([scores.films[1]], 1)
    assert once["metrics"]["n"] == metrics["n"] - 1
    strangers = metrics["cohorts"]["without_training_patients"]
    assert (strangers["films_left_out"], strangers["metrics"]["n"]) == (0, metrics["n"])
    assert {"low", "high", "independent_low", "independent_high"} < set(metrics["auroc"])


def test_patients_seen_in_training_are_left_out_of_one_count(copied_run, phantom_root, run_command):
    rows = copied_run.split.read_text().splitlines()
    trained = next(row.split(",")[1] for row in rows if ",train," in row)
    place = next(index for index, row in enumerate(rows) if ",test," in row)
    film, _, *rest = rows[place].split(",")
    rows[place] = ",".join([film, trained, *rest])
    copied_run.split.write_text("\n".join(rows) + "\n")
    copied_run.evaluation.unlink()
    result = run_command("evaluate", "tiny", "--data", phantom_root, "--test", "--json")
    assert result.exit_code == 0, result.output
    test = json.loads(result.stdout)["test"]
    strangers = test["cohorts"]["without_training_patients"]
    assert strangers["films_left_out"] >= 1
    assert strangers["metrics"]["n"] == test["n"] - strangers["films_left_out"]
    # What was found of the test films is not lost when validation is evaluated again.
    run_command("evaluate", "tiny", "--data", phantom_root)
    again = json.loads(copied_run.evaluation.read_text())["test"]["cohorts"]
    assert again["deduplicated"]["repeats"] == test["cohorts"]["deduplicated"]["repeats"]
    assert again["without_training_patients"]["films_left_out"] == strangers["films_left_out"]


def test_tables_name_the_three_ways_and_the_prevalences(copied_run, phantom_root, run_command):
    result = run_command("evaluate", "tiny", "--data", phantom_root)
    for words in ("intervals over patients", "without repeated films", "seen in training", "prevalence", "Brier"):
        assert words in result.stdout


def test_two_runs_are_compared_without_reading_a_film(copied_run, run_command):
    copy_of(copied_run, "other", epochs=4)
    before = contents(copied_run)
    result = run_command("evaluate", "tiny", "other", "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["runs"] == ["tiny", "other"]
    assert found["validation"]["operating_points"]["youden"]["mcnemar"]["p"] == 1
    assert found["test"] is None
    assert contents(copied_run) == before
    shown = run_command("evaluate", "tiny", "other")
    assert "McNemar p" in shown.stdout
    assert "DeLong" in shown.stdout
    assert "test: not compared" in shown.stderr


def test_two_bundles_are_compared_too(exported_models, run_command, tmp_path):
    shutil.copytree(exported_models / "a", tmp_path / "second")
    result = run_command("evaluate", exported_models / "a", tmp_path / "second", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["runs"] == ["a", "second"]


def test_runs_that_differ_by_seed_are_summed_up(copied_run, run_command):
    for seed in (5, 6):
        copy_of(copied_run, f"seed-{seed}", seed=seed)
    result = run_command("evaluate", "tiny", "seed-5", "seed-6", "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["seeds"] == [0, 5, 6]
    figure = found["validation"]["auroc"]
    assert figure["mean"] == pytest.approx(figure["low"]) == pytest.approx(figure["high"])
    assert "smallest" in run_command("evaluate", "tiny", "seed-5").stdout


def test_stress_keeps_a_table_and_a_picture(copied_run, phantom_root, run_command, tmp_path):
    before = copied_run.scores.read_bytes(), copied_run.evaluation.read_bytes()
    result = run_command("evaluate", "tiny", "--data", phantom_root, "--stress", "--json")
    assert result.exit_code == 0, result.output
    shown = json.loads(result.stdout)
    assert list(shown["validation"]["changes"]) == list(CORRUPTIONS)
    kept = json.loads(copied_run.stress.read_text())
    assert kept["validation"] == shown["validation"]
    assert kept["test"] is None
    assert (copied_run.scores.read_bytes(), copied_run.evaluation.read_bytes()) == before
    assert cv2.imread(str(copied_run.curves / "stress.png")) is not None
    as_it_is = kept["validation"]["changes"]["as_it_is"]
    evaluation = json.loads(copied_run.evaluation.read_text())["validation"]["metrics"]
    assert as_it_is["auroc"]["value"] == pytest.approx(evaluation["auroc"]["value"], abs=1e-6)
    assert not (tmp_path / "docs").exists()
    assert str(tmp_path) not in copied_run.stress.read_text()


def test_stress_on_test_is_a_reading_and_is_logged(copied_run, phantom_root, run_command, tmp_path):
    refused = run_command("evaluate", "tiny", "--data", phantom_root, "--stress", "--test")
    assert refused.exit_code == 1
    assert "pneumoscope evaluate tiny --test" in error_line(refused)
    assert not (tmp_path / "docs").exists()
    run_command("evaluate", "tiny", "--data", phantom_root, "--test")
    result = run_command("evaluate", "tiny", "--data", phantom_root, "--stress", "--test")
    assert result.exit_code == 0, result.output
    with (tmp_path / "docs" / "test-reads.csv").open() as file:
        assert [row["run"] for row in csv.DictReader(file)] == ["tiny", "tiny (stress)"]
    kept = json.loads(copied_run.stress.read_text())
    assert kept["validation"] is None
    assert kept["test"]["films"] > 0


@pytest.mark.parametrize(
    ("arguments", "exit_code", "words"),
    [
        (["tiny", "other", "--test"], 2, ["--test and --stress take one run"]),
        (["tiny", "other", "--stress"], 2, ["--test and --stress take one run"]),
        (["tiny", "none"], 2, ["no run none", "tiny"]),
        (["tiny", "other", "third"], 2, ["differ by nothing but their seed", "tiny, other, third"]),
        (["tiny", "elsewhere"], 2, ["different splits"]),
        (["tiny", "unscored"], 1, ["scores.csv: no such file", "pneumoscope evaluate"]),
        (["tiny", "diverged"], 1, ["logit is nan", "diverged"]),
        (["tiny", "retrained"], 1, ["not those its thresholds were chosen on"]),
    ],
)
def test_what_cannot_be_compared_is_one_line(copied_run, run_command, arguments, exit_code, words):
    copy_of(copied_run, "other", epochs=4)
    copy_of(copied_run, "third", epochs=5)
    elsewhere = copy_of(copied_run, "elsewhere", epochs=4)
    evaluation = json.loads(elsewhere.evaluation.read_text()) | {"split_fingerprint": "cd" * 32}
    elsewhere.evaluation.write_text(json.dumps(evaluation))
    copy_of(copied_run, "unscored", epochs=4).scores.unlink()
    diverged = copy_of(copied_run, "diverged", epochs=4)
    lines = diverged.scores.read_text().splitlines()
    lines[3] = lines[3].rsplit(",", 1)[0] + ",nan"
    diverged.scores.write_text("\n".join(lines) + "\n")
    with_logits(copy_of(copied_run, "retrained", epochs=4), lambda logits: logits + 2)
    before = contents(copied_run)
    result = run_command("evaluate", *arguments)
    assert result.exit_code == exit_code, result.output
    line = error_line(result)
    assert all(word in line for word in words), line
    assert result.stdout == ""
    assert contents(copied_run) == before


def split_without(run, unwanted):
    rows = run.split.read_text().splitlines()
    run.split.write_text("\n".join(row for row in rows if not unwanted(row)) + "\n")


@pytest.mark.parametrize(
    ("unwanted", "options", "words"),
    [
        (lambda row: ",test," in row, ["--test"], ["no test films"]),
        (lambda row: ",validation,0" in row, [], ["films are pneumonia", "both classes"]),
        (lambda row: ",validation," in row and hash_of(row) > 10, [], ["expected at least 20"]),
        (lambda row: ",validation,0" in row, ["--stress"], ["of another split"]),
    ],
)
def test_films_that_give_no_figures_overwrite_nothing(
    copied_run, phantom_root, run_command, unwanted, options, words, tmp_path
):
    before = contents(copied_run)
    split_without(copied_run, unwanted)
    result = run_command("evaluate", "tiny", "--data", phantom_root, *options)
    assert result.exit_code == 1, result.output
    line = error_line(result)
    assert all(word in line for word in words), line
    after = contents(copied_run)
    assert {name: data for name, data in after.items() if name != "split.csv"} == {
        name: data for name, data in before.items() if name != "split.csv"
    }
    assert not (tmp_path / "docs").exists()


def hash_of(row):
    return int("".join(sign for sign in row.split(",")[1] if sign.isdigit())) % 100


@pytest.mark.slow
def test_training_with_too_few_patients_says_before_that_it_will_not_be_evaluated(run_command, phantom_root, tmp_path):
    arguments = ["train", "a", "--data", phantom_root, "--name", "few", "--image-size", "32", "--epochs", "1", "--json"]
    result = run_command(*arguments, "--set", "width=0.25", "--set", "validation_fraction=0.05")
    assert result.exit_code == 0, result.output
    lines = result.stderr.splitlines()
    warned = next(row for row, line in enumerate(lines) if "expected at least 20" in line)
    assert warned < lines.index(f"run: {tmp_path / 'runs' / 'few'}")
    assert json.loads(result.stdout) == {"run": "few", "validation": None}
    run = RunFolder(tmp_path / "runs" / "few")
    assert run.best_network.is_file()
    assert not run.evaluation.exists()
