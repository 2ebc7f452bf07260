"""A plan counts each training once, knows what is done already, and says on what its times rest."""

import json
import os

import pytest

from train.runs.run_folder import RunFolder, begin, write_environment, write_history
from train.studies.definition import Scale, find_study, settings_of, studies, trainings_of
from train.studies.plan import FilmCounts, make_plan, parameters_of
from train.studies.speeds import GUESS, measured_speeds

FULL = Scale()


@pytest.fixture(autouse=True)
def runs(tmp_path, monkeypatch):
    folder = tmp_path / "runs"
    monkeypatch.setenv("PNEUMOSCOPE_RUNS", str(folder))
    return folder


def rows_of(*names):
    return [(find_study(name), row) for name in names for row in find_study(name).rows]


def plan_of(*names, seeds=(0,), scale=FULL, **more):
    return make_plan(trainings_of(rows_of(*names), seeds, scale), scale.label, **more)


def leave_run(runs, training, stages, seconds, *, finished=True, films=(300, 90), device="CPU (test)"):
    """Write what a training leaves; `stages`: the epochs of each, all of so many seconds, or a list of seconds."""
    run = RunFolder(runs / training.name)
    run.folder.mkdir(parents=True)
    begin(run, training.settings)
    rows = []
    for stage, epochs in stages.items():
        for number in range(epochs):
            took = seconds[number] if isinstance(seconds, list) else seconds
            rows.append({"stage": stage, "epoch": len(rows) + 1, "loss": 0.5, "seconds": took})
    write_history(run, rows)
    if finished:
        write_environment(run, {"device": device, "films": {"train": films[0], "validation": films[1]}})
    return run


def test_rows_that_set_the_same_are_trained_once_a_seed():
    trainings = trainings_of(rows_of("a-width", "a-dropout"), (0, 1), FULL)
    assert len(trainings) == 2 * (6 + 5 - 1)
    shared = [training for training in trainings if len(training.rows) == 2]
    assert [training.rows for training in shared] == [(("a-width", "1.0"), ("a-dropout", "0.1"))] * 2
    assert [training.seed for training in trainings] == [0] * 10 + [1] * 10
    assert len({training.name for training in trainings}) == len(trainings)


def test_a_plan_counts_all_epochs_of_all_stages():
    plan = plan_of("b-dropout")
    assert plan.epochs == 5 * (20 + 10)
    assert {planned.state for planned in plan.trainings} == {"waiting"}
    assert plan_of("b-dropout", scale=Scale(epochs=3)).epochs == 5 * (3 + 3)


def test_finished_trainings_cost_nothing_and_begun_ones_their_rest(runs):
    first, second = trainings_of(rows_of("a-extra-dense"), (0,), FULL)
    before = plan_of("a-extra-dense")
    leave_run(runs, first, {"train": 16}, 20)
    leave_run(runs, second, {"train": 4}, 20, finished=False)
    plan = plan_of("a-extra-dense")
    assert [planned.state for planned in plan.trainings] == ["finished", "begun"]
    assert [planned.epochs for planned in plan.trainings] == [0, 12]
    assert plan.trainings[0].seconds == 0
    assert 0 < plan.trainings[1].seconds < before.trainings[1].seconds
    assert 0 < plan.disk_bytes < before.disk_bytes


def test_a_stage_that_stopped_early_has_no_epochs_left(runs):
    (training,) = trainings_of([(find_study("combined"), find_study("combined").row("b"))], (0,), FULL)
    leave_run(runs, training, {"head": 7, "fine_tune": 2}, 20, finished=False)
    assert make_plan([training], FULL.label).epochs == 8


def test_time_grows_with_epochs_films_size_and_width():
    def seconds(study, key, films=None, **scale):
        training = trainings_of([(find_study(study), find_study(study).row(key))], (0,), Scale(**scale))
        return make_plan(training, "", films).seconds - GUESS.around

    base = seconds("a-width", "1.0")
    assert seconds("a-width", "0.5") == pytest.approx(base / 2)
    assert seconds("a-width", "1.0", image_size=125) == pytest.approx(base / 4)
    assert seconds("a-width", "1.0", epochs=4) == pytest.approx(base / 4)
    assert seconds("a-width", "1.0", FilmCounts(2_292, 6_600, 1_572)) == pytest.approx(2 * base)
    assert seconds("a-width", "1.0", films_per_class=100) < base / 9
    assert seconds("b-dropout", "0.1") > base


def test_features_of_b_are_computed_and_kept_once_a_seed_for_all_rows():
    one, all_rows = plan_of("reference-runs"), plan_of("b-dropout", "b-extra-dense", "b-early-stopping")
    assert one.shared_seconds == all_rows.shared_seconds > 0
    assert one.shared_bytes == all_rows.shared_bytes
    two_seeds = plan_of("b-dropout", seeds=(0, 1))
    assert two_seeds.shared_seconds == 2 * one.shared_seconds
    assert one.shared_bytes < plan_of("b-dropout", seeds=range(9)).shared_bytes == 10_000_000_000  # the cache's limit
    assert plan_of("a-width").shared_bytes == 0


def test_times_are_guessed_until_runs_have_been_measured(runs):
    assert measured_speeds(runs) == GUESS
    width, dropout = (trainings_of(rows_of(name), (0,), FULL) for name in ("a-width", "a-dropout"))
    # 330 films count as seen, of 0.0625 megapixels; of the second run, of width 1, an epoch is taken for an exception.
    leave_run(runs, width[1], {"train": 3}, 330 * 0.0625 * 0.5 * 2.0)
    leave_run(runs, dropout[0], {"train": 3}, [330 * 0.0625 * 4.0, 330 * 0.0625 * 4.0, 9_000])
    leave_run(runs, dropout[1], {"train": 3}, 0.1, finished=False)
    speeds = measured_speeds(runs)
    assert speeds.a_train == pytest.approx(3.0, rel=1e-4)
    assert (speeds.runs, speeds.device) == ({"a_train": 2}, "CPU (test)")
    assert speeds.b_features == GUESS.b_features
    plan = plan_of("a-dropout", speeds=speeds)
    assert plan.trainings[-1].seconds == pytest.approx(16 * 3.0 * 0.0625 * (4_446 + 786 / 3) + GUESS.around, rel=1e-4)


def test_bs_speeds_are_told_apart_by_what_was_cached(runs):
    first, second, *_ = trainings_of(rows_of("b-dropout"), (0,), FULL)
    leave_run(runs, first, {"head": 6, "fine_tune": 6}, [600, 600, 600, 600, 600, 3])
    leave_run(runs, second, {"head": 6}, 5)
    speeds = measured_speeds(runs)
    assert speeds.b_head == pytest.approx(4 / 330)
    assert speeds.b_features == pytest.approx(600 / (300 * 0.0625))
    assert speeds.b_fine_tune == pytest.approx(3 / (330 * 0.0625))
    assert speeds.runs == {"b_head": 2, "b_features": 1, "b_fine_tune": 1}


def test_runs_of_another_device_and_damaged_runs_tell_nothing(runs):
    trainings = trainings_of(rows_of("a-width"), (0,), FULL)
    old = leave_run(runs, trainings[0], {"train": 2}, 1, device="GPU")
    os.utime(old.environment, (1, 1))
    leave_run(runs, trainings[1], {"train": 2}, 50)
    leave_run(runs, trainings[2], {"train": 2}, 70).history.write_text("nothing")
    leave_run(runs, trainings[3], {"train": 2}, 70).environment.write_text("{")
    speeds = measured_speeds(runs)
    assert (speeds.runs, speeds.device) == ({"a_train": 1}, "CPU (test)")


def test_the_parameters_reckoned_are_the_networks():
    printed = {0.25: 167_953, 0.5: 407_073, 0.75: 717_617, 1.0: 1_099_585, 1.25: 1_552_977, 1.5: 2_077_793}
    for row in find_study("a-width").rows:
        assert parameters_of(settings_of(row, 0, FULL))[0] == printed[row.changes["width"]]
    assert parameters_of(settings_of(find_study("a-extra-dense").row("1"), 0, FULL))[0] == 1_116_097
    assert parameters_of(settings_of(find_study("b-extra-dense").row("5"), 0, FULL)) == (23_909_761, 15_579_009)


def test_a_reduced_network_is_reckoned_too():
    from train.fitting.fit import build_network

    settings = settings_of(find_study("a-width").row("0.5"), 0, Scale(image_size=96))
    assert parameters_of(settings)[0] == build_network(settings).count_params()


def test_a_plan_as_json_is_plain():
    rows = [(study, row) for study in studies() for row in study.rows]
    plan = make_plan(trainings_of(rows, (0,), FULL), FULL.label)
    values = json.loads(json.dumps(plan.as_json(), allow_nan=False))
    assert len(values["trainings"]) == 104
    assert sum(len(training["rows"]) for training in values["trainings"]) == 109
    assert values["epochs"] == plan.epochs
    assert values["scale"] == "full"
    assert values["speeds"]["runs"] == {}
