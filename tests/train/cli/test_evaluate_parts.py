"""`evaluate` on another hospital's films, blacked-out ones, augmented ones; and the choice that is frozen."""

import json
import os
import shutil

import keras
import numpy as np
import pytest

from tests.train.cli.test_evaluate_command import contents, copy_of, error_line
from train.metrics.augmented_scores import read_augmented
from train.metrics.scores import read_scores

pytestmark = pytest.mark.usefixtures("blank_pictures")


def ok(result):
    assert result.exit_code == 0, result.output
    return result


def test_another_hospitals_films_are_judged_and_kept_beside(copied_run, phantom_root, elsewhere, run_command):
    before, scores = json.loads(copied_run.evaluation.read_text()), copied_run.scores.read_bytes()
    result = ok(run_command("evaluate", "tiny", "--data", phantom_root, "--external-root", elsewhere, "--json"))
    shown = json.loads(result.stdout)["external"]
    after = json.loads(copied_run.evaluation.read_text())
    assert {name: part for name, part in after.items() if name != "external"} == before
    assert after["external"]["metrics"]["n"] == shown["n"] == 60
    assert {name: point["threshold"] for name, point in shown["operating_points"].items()} == before["thresholds"]
    kept = read_scores(copied_run.external_scores)
    assert set(kept.splits) == {"external"}
    assert copied_run.scores.read_bytes() == scores
    # Evaluated again it is not lost, and no film is read for it.
    ok(run_command("evaluate", "tiny", "--data", phantom_root))
    again = json.loads(copied_run.evaluation.read_text())
    assert again["external"]["metrics"]["auroc"] == after["external"]["metrics"]["auroc"]
    table = ok(run_command("evaluate", "tiny", "--data", phantom_root, "--external-root", elsewhere)).stdout
    assert "tiny, external: 60 films" in table


@pytest.mark.slow
def test_lungs_are_blacked_out_on_validation_and_elsewhere(copied_run, phantom_root, elsewhere, run_command):
    arguments = ("evaluate", "tiny", "--data", phantom_root, "--shortcut")
    shown = json.loads(ok(run_command(*arguments, "--json")).stdout)["shortcut"]
    part = shown["validation"]
    assert part["films"] == json.loads(copied_run.evaluation.read_text())["validation"]["metrics"]["n"]
    assert part["gap"]["value"] == pytest.approx(part["lungs_only"]["value"] - part["lungs_blacked_out"]["value"])
    # What makes a phantom ill is in its lungs.
    assert part["lungs_blacked_out"]["low"] < 0.6
    result = ok(run_command(*arguments, "--external-root", elsewhere))
    assert "lungs blacked out" in result.stdout
    kept = json.loads(copied_run.evaluation.read_text())["shortcut"]
    assert kept["validation"] == part
    assert kept["external"]["films"] == 60


@pytest.mark.slow
def test_the_choice_is_frozen_with_its_readings_until_test_is_read(copied_run, phantom_root, run_command, tmp_path):
    evaluate = ("evaluate", "tiny", "--data", phantom_root)
    choice = ("--seen", "augmented", "--default-point", "half", "--calibration", "none")
    ok(run_command(*evaluate, *choice))
    evaluation = json.loads(copied_run.evaluation.read_text())
    assert evaluation["operating"] == {"seen": "augmented", "default": "half", "calibration": "none"}
    readings = read_augmented(copied_run.augmented_scores)
    assert readings.copies == 4
    assert np.ptp(readings.logits, axis=1).min() > 0  # four pictures of a film, not one
    # Given nothing the choice stands; no reading is made anew.
    os.utime(copied_run.augmented_scores)
    kept = copied_run.augmented_scores.stat().st_mtime_ns
    result = ok(run_command(*evaluate))
    assert "at half" in result.stdout
    assert copied_run.augmented_scores.stat().st_mtime_ns == kept
    assert json.loads(copied_run.evaluation.read_text())["thresholds"] == evaluation["thresholds"]
    ok(run_command(*evaluate, "--test"))
    line = error_line(run_command(*evaluate, "--default-point", "youden"))
    assert "were read with thresholds from augmented validation films, default half, calibration none" in line
    ok(run_command(*evaluate, *choice))
    (logged,) = (tmp_path / "docs" / "test-reads.csv").read_text().splitlines()[1:]
    assert ",half," in logged


def test_lost_times_do_not_free_what_was_frozen_before_test_was_read(copied_run, phantom_root, run_command):
    evaluate = ("evaluate", "tiny", "--data", phantom_root)
    ok(run_command(*evaluate, "--default-point", "half"))
    ok(run_command(*evaluate, "--test"))
    before = json.loads(copied_run.evaluation.read_text())
    os.utime(copied_run.best_network)  # as a copy or an archive leaves it
    assert "these stay as they were frozen" in error_line(run_command(*evaluate, "--default-point", "f1"))
    ok(run_command(*evaluate))
    after = json.loads(copied_run.evaluation.read_text())
    assert (after["thresholds"], after["operating"]) == (before["thresholds"], before["operating"])
    copied_run.evaluation.unlink()
    assert "and with it how the thresholds were chosen" in error_line(run_command(*evaluate, "--default-point", "f1"))


def test_test_scores_of_an_earlier_network_are_left_out(copied_run, phantom_root, run_command):
    evaluate = ("evaluate", "tiny", "--data", phantom_root)
    ok(run_command(*evaluate, "--test"))
    network = keras.saving.load_model(copied_run.best_network, compile=False)
    kernel, bias = network.get_layer("logit").get_weights()
    network.get_layer("logit").set_weights([-kernel, bias + 1])
    network.save(copied_run.best_network)
    result = ok(run_command(*evaluate))
    assert "are of the network it had before, and left out" in result.stderr
    assert json.loads(copied_run.evaluation.read_text())["test"] is None
    assert not len(read_scores(copied_run.scores).of_split("test"))


def test_augmented_films_are_cropped_as_in_training(copied_run, phantom_root, run_command):
    evaluate = ("evaluate", "tiny", "--data", phantom_root, "--augmented")
    ok(run_command(*evaluate))
    whole = read_augmented(copied_run.augmented_scores)
    copied_run.augmented_scores.unlink()
    text = copied_run.settings.read_text()
    assert "  crop: 1.0" in text
    copied_run.settings.write_text(text.replace("  crop: 1.0", "  crop: 0.1"))
    ok(run_command(*evaluate))
    cropped = read_augmented(copied_run.augmented_scores)
    assert cropped.films == whole.films
    # A tenth of a film differs more from the next tenth than whole films, moved, do.
    assert np.std(cropped.logits, axis=1).mean() > 1.2 * np.std(whole.logits, axis=1).mean()


def test_the_settings_say_what_is_frozen_first(copied_run, phantom_root, run_command):
    text = copied_run.settings.read_text()
    assert "  default: youden" in text
    copied_run.settings.write_text(text.replace("  default: youden", "  default: f1"))
    copied_run.evaluation.unlink()
    ok(run_command("evaluate", "tiny", "--data", phantom_root))
    assert json.loads(copied_run.evaluation.read_text())["default_operating_point"] == "f1"


def test_what_carries_over_is_told_without_reading_a_film(copied_run, phantom_root, elsewhere, run_command):
    line = error_line(run_command("evaluate", "tiny", "--compare-operating-points"))
    assert "pneumoscope evaluate tiny --augmented" in line
    for options in (["--augmented"], ["--external-root", elsewhere]):
        ok(run_command("evaluate", "tiny", "--data", phantom_root, *options))
    copy_of(copied_run, "second", seed=5)
    before = contents(copied_run)
    result = json.loads(ok(run_command("evaluate", "tiny", "second", "--compare-operating-points", "--json")).stdout)
    assert result["runs"] == ["tiny", "second"]
    assert result["judged_on"] == ["external"]
    assert contents(copied_run) == before
    table = ok(run_command("evaluate", "tiny", "--compare-operating-points")).stdout
    assert "external: balanced" in table
    assert "platt" in table


def test_stress_of_another_hospitals_films(copied_run, phantom_root, elsewhere, run_command):
    result = run_command("evaluate", "tiny", "--data", phantom_root, "--external-root", elsewhere, "--stress", "--json")
    shown = json.loads(ok(result).stdout)
    assert shown["external"]["films"] == 60
    assert json.loads(copied_run.stress.read_text())["external"] == shown["external"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["tiny", "--external"], ["no external films", "--external-root DIR"]),
        (["tiny", "--test", "--external-root", "."], ["--test and --external do not go together"]),
        (["tiny", "--shortcut", "--augmented"], ["--shortcut and --augmented do not go together"]),
        (["tiny", "other", "--shortcut"], ["take one run", "--shortcut"]),
        (["tiny", "--compare-operating-points", "--test"], ["leave out --test"]),
        (["tiny", "--external-root", "nowhere"], ["nowhere is not a folder"]),
    ],
)
def test_what_does_not_go_together_is_one_line(copied_run, phantom_root, run_command, arguments, words):
    copy_of(copied_run, "other", epochs=4)
    before = contents(copied_run)
    result = run_command("evaluate", *arguments, "--data", phantom_root)
    assert result.exit_code == 2, result.output
    line = error_line(result)
    assert all(word in line for word in words), line
    assert contents(copied_run) == before


def test_the_runs_own_films_are_no_other_hospitals(copied_run, phantom_root, run_command):
    result = run_command("evaluate", "tiny", "--data", phantom_root, "--external-root", phantom_root)
    assert "is a film of the run's own split" in error_line(result)
    assert not copied_run.external_scores.exists()


def test_augmented_readings_of_an_earlier_network_carry_nothing_over(copied_run, phantom_root, elsewhere, run_command):
    ok(run_command("evaluate", "tiny", "--data", phantom_root, "--augmented"))
    compare = ("evaluate", "tiny", "--compare-operating-points")
    ok(run_command(*compare))
    # Trained on: the network is another one, whatever the files' times say.
    readings = read_augmented(copied_run.augmented_scores)
    text = copied_run.augmented_scores.read_text().replace(readings.weights, "0" * 16)
    copied_run.augmented_scores.write_text(text)
    line = error_line(run_command(*compare))
    assert "another network" in line
    assert "pneumoscope evaluate tiny --augmented" in line
    ok(run_command("evaluate", "tiny", "--data", phantom_root, "--augmented"))
    assert read_augmented(copied_run.augmented_scores).weights == readings.weights
    ok(run_command(*compare))


def test_different_external_films_are_never_set_side_by_side(
    copied_run, phantom_root, elsewhere, run_command, tmp_path
):
    other = copy_of(copied_run, "other", epochs=4)
    # The same names, another picture.
    changed = tmp_path / "changed"
    shutil.copytree(elsewhere, changed)
    first, second = sorted((changed / "chest_xray" / "train" / "NORMAL").iterdir())[:2]
    shutil.copy(first, second)
    for name, folder in (("tiny", elsewhere), ("other", changed)):
        ok(run_command("evaluate", name, "--data", phantom_root, "--external-root", folder))
        ok(run_command("evaluate", name, "--data", phantom_root, "--augmented"))
    for options in ([], ["--compare-operating-points"]):
        line = error_line(run_command("evaluate", "tiny", "other", *options))
        assert "different external films" in line
        assert "--external-root DIR" in line
    # Evaluations from before have the films' names alone.
    evaluation = json.loads(other.evaluation.read_text())
    del evaluation["external"]["films_checksum"]
    other.evaluation.write_text(json.dumps(evaluation))
    ok(run_command("evaluate", "tiny", "other", "--compare-operating-points"))
    evaluation["external"]["cohort_fingerprint"] = "0" * 64
    other.evaluation.write_text(json.dumps(evaluation))
    assert "different external films" in error_line(
        run_command("evaluate", "tiny", "other", "--compare-operating-points")
    )


@pytest.mark.parametrize("options", [[], ["--compare-operating-points"]])
@pytest.mark.parametrize("by_folder", [False, True])
def test_a_run_named_twice_is_refused(copied_run, run_command, options, by_folder):
    copy_of(copied_run, "second", seed=5)
    again = copied_run.folder if by_folder else "tiny"
    result = run_command("evaluate", "tiny", "second", again, *options)
    assert result.exit_code == 2
    assert "are the same run" in error_line(result)


def test_the_calibration_goes_back_to_the_films_of_the_thresholds(copied_run, phantom_root, run_command):
    evaluate = ("evaluate", "tiny", "--data", phantom_root)
    ok(run_command(*evaluate, "--calibration-seen", "augmented"))
    assert json.loads(copied_run.evaluation.read_text())["operating"]["calibration_seen"] == "augmented"
    ok(run_command(*evaluate))
    assert json.loads(copied_run.evaluation.read_text())["operating"]["calibration_seen"] == "augmented"
    ok(run_command(*evaluate, "--calibration-seen", "as-seen"))
    assert "calibration_seen" not in json.loads(copied_run.evaluation.read_text())["operating"]


def test_what_comes_next_is_a_command_that_the_network_allows(copied_run):
    from train.cli.evaluate_run import next_command
    from train.runs.settings import make_settings

    assert next_command(copied_run, make_settings("a", {})) == "pneumoscope export tiny"
    assert next_command(copied_run, make_settings("a", {}), test=False) == "pneumoscope evaluate tiny --test"
    teacher = make_settings("teacher", {})
    for how in ({}, {"test": False}, {"after_training": True, "test": False}):
        assert next_command(copied_run, teacher, **how) == "pneumoscope train b --teacher tiny"
