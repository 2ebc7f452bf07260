"""A damaged file of a run's folder is one line, and the command that the line names makes the file anew."""

import json

import pytest

from tests.train.cli.test_evaluate_command import copy_of, error_line
from tests.train.cli.test_evaluate_parts import ok
from train.metrics.augmented_scores import read_augmented
from train.metrics.scores import read_scores

DAMAGES = {
    "cut": lambda text: text[: len(text) // 2],
    "empty": lambda _: "",
    "no_text": lambda _: "\x00\x01",
    "only_format": lambda _: '{"format": 1}',
    "nested": lambda _: "[" * 100_000,
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", ["evaluation", "scores"])
def test_a_damaged_evaluation_or_scores_is_made_anew_by_the_command_it_names(
    copied_run, phantom_root, run_command, name, damage
):
    path = getattr(copied_run, name)
    before = json.loads(copied_run.evaluation.read_text())
    path.write_text(DAMAGES[damage](path.read_text()))
    copy_of(copied_run, "other", epochs=4)
    line = error_line(run_command("evaluate", "tiny", "other"))
    assert path.name in line or "scores of tiny" in line
    assert line.endswith("pneumoscope evaluate tiny")
    assert "Traceback" not in ok(run_command("evaluate", "tiny", "--data", phantom_root)).output
    after = json.loads(copied_run.evaluation.read_text())
    assert after["thresholds"] == pytest.approx(before["thresholds"], abs=1e-5)
    assert len(read_scores(copied_run.scores)) == before["validation"]["metrics"]["n"]


@pytest.mark.parametrize("damage", ["cut", "empty"])
def test_damaged_augmented_readings_are_made_anew_by_the_command_they_name(
    copied_run, phantom_root, run_command, damage
):
    ok(run_command("evaluate", "tiny", "--data", phantom_root, "--augmented"))
    whole = read_augmented(copied_run.augmented_scores)
    text = copied_run.augmented_scores.read_text()
    copied_run.augmented_scores.write_text(DAMAGES[damage](text))
    line = error_line(run_command("evaluate", "tiny", "--compare-operating-points"))
    assert "validation_augmented.csv" in line
    assert line.endswith("pneumoscope evaluate tiny --augmented")
    ok(run_command("evaluate", "tiny", "--data", phantom_root, "--augmented"))
    assert read_augmented(copied_run.augmented_scores).films == whole.films
    # Other labels too.
    film = whole.films[0]
    other = f"{film},{whole.patients[0]},{1 - whole.labels[0]},"
    copied_run.augmented_scores.write_text(text.replace(f"{film},{whole.patients[0]},{whole.labels[0]},", other))
    assert "evaluate RUN --augmented" in error_line(run_command("evaluate", "tiny", "--compare-operating-points"))
    ok(run_command("evaluate", "tiny", "--data", phantom_root, "--augmented"))
    ok(run_command("evaluate", "tiny", "--compare-operating-points"))


def test_damaged_external_scores_are_made_anew_by_the_command_they_name(
    copied_run, phantom_root, elsewhere, run_command
):
    evaluate = ("evaluate", "tiny", "--data", phantom_root)
    ok(run_command(*evaluate, "--external-root", elsewhere))
    copied_run.external_scores.write_text("film,patient\n")
    line = error_line(run_command(*evaluate))
    assert "external.csv" in line
    assert line.endswith("pneumoscope evaluate tiny --external")
    ok(run_command(*evaluate, "--external-root", elsewhere))
    ok(run_command(*evaluate))


@pytest.mark.parametrize(
    "damaged",
    [lambda _: "film", pytest.param(lambda text: text[: text.rindex("\n", 0, -1) + 1], marks=pytest.mark.exhaustive)],
)
def test_damaged_scores_of_a_run_whose_test_films_were_read_free_no_choice(
    copied_run, phantom_root, run_command, damaged
):
    evaluate = ("evaluate", "tiny", "--data", phantom_root)
    ok(run_command(*evaluate, "--default-point", "f1"))
    ok(run_command(*evaluate, "--test"))
    before = json.loads(copied_run.evaluation.read_text())
    copied_run.scores.write_text(damaged(copied_run.scores.read_text()))
    line = error_line(run_command(*evaluate, "--default-point", "youden"))
    assert line.endswith("pneumoscope evaluate tiny --test")
    ok(run_command(*evaluate, "--test"))
    after = json.loads(copied_run.evaluation.read_text())
    assert after["default_operating_point"] == "f1"
    assert after["thresholds"] == pytest.approx(before["thresholds"], abs=1e-5)
    assert after["test"]["metrics"]["auroc"] == before["test"]["metrics"]["auroc"]


def test_a_damaged_history_spoils_no_evaluation(copied_run, phantom_root, run_command):
    copied_run.history.write_text("stage,loss\nhead,low\n")
    result = ok(run_command("evaluate", "tiny", "--data", phantom_root))
    assert "the picture of the training is left out" in result.stderr


@pytest.mark.parametrize("text", ["", "film,patient\n", "film,patient,label,split,kind\na.png,p,normal"])
def test_a_damaged_split_is_one_line_that_says_when_it_is_written(copied_run, phantom_root, run_command, text):
    copied_run.split.write_text(text)
    line = error_line(run_command("evaluate", "tiny", "--data", phantom_root))
    assert "split.csv" in line
    assert "--new" in line
