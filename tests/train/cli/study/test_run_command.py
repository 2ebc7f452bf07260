"""The commands `study run` and `study status`: what they refuse, and a study that is killed and goes on."""

import json
import os
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest
from typer.testing import CliRunner

from demo.cli import app
from train.cli.study import session
from train.cli.study.progress import _Work
from train.cli.study.run_command import chosen_rows, seconds_of
from train.common.errors import UsageError
from train.runs.finished import read_history
from train.runs.run_folder import RunFolder
from train.studies.definition import Scale, find_study, trainings_of
from train.studies.plan import FilmCounts
from train.studies.running.storage import opened_storage
from train.studies.status import Standing, statuses
from train.synthetic.phantom_folder import make_phantoms

ROOT = Path(__file__).resolve().parents[4]
PATIENCE_SECONDS = 240
#: A child of this process is the command; workers that die are noticed sooner than in earnest.
COMMAND = """
from train.studies.running.storage import opened_storage
opened_storage.__wrapped__.__kwdefaults__.update(heartbeat_seconds=1, grace_seconds=4)
if __name__ == "__main__":
    from demo.cli import app
    app()
"""


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study_run") / "films"
    make_phantoms(folder, count_per_class=200, seed=0, image_size=32)
    return folder


def run_study(*arguments, runs):
    return CliRunner().invoke(
        app, ["study", *map(str, arguments)], env={"PNEUMOSCOPE_RUNS": str(runs), "COLUMNS": "200"}
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "a-wide"], "no study a-wide: there are"),
        (["run", "all", "a-width"], "give it alone"),
        (["run", "a-width", "--rows", "0.25,9"], "no row 9 in a-width: the rows are 0.25, 0.5"),
        (["run", "backbone-choice"], "reported figures only"),
        (["run", "a-width", "--time-limit", "soon"], "--time-limit must be a time such as 90s, 8m or 2h"),
        (["run", "a-width", "--storage", "mysql://host/db"], "--storage must be sqlite:///FILE or postgresql://"),
        (["run", "b-dropout", "--backbone-weights", "gone.h5"], "--backbone-weights gone.h5: no such file"),
        (["run", "a-width", "--epochs", "0"], "--epochs must be 1 or more"),
        (["run", "a-width", "--image-size", "8"], "image_size"),
        (["run", "a-width", "--heads"], "--heads trains network B's rows alone"),
        (["run", "a-width", "--num-gpus", "0.5"], "--address and --num-gpus are for --engine ray"),
        (["status"], "there is no storage"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_line_before_anything_is_made(films, tmp_path, arguments, said):
    data = ["--data", films] if arguments[0] == "run" else []
    result = run_study(*arguments, *data, runs=tmp_path / "runs")
    assert result.exit_code == 2, result.output
    assert said in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "runs").exists()


def test_a_backend_that_is_not_there_is_refused_before_anything_is_made(films, tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "none")
    result = run_study("run", "a-width", "--data", films, runs=tmp_path / "runs")
    assert result.exit_code == 2
    assert "KERAS_BACKEND" in result.stderr
    assert not (tmp_path / "runs").exists()


@pytest.mark.exhaustive
def test_what_no_worker_can_do_ends_the_command_in_a_line(films, tmp_path):
    stdout, stderr, code = Command(tmp_path, films, "--device", "gpu").end()
    assert (stdout, code) == ("", 1)
    assert stderr.splitlines()[-1].startswith("error: --device gpu: TensorFlow sees no GPU here")
    (row,) = [row for row in statuses(f"sqlite:///{tmp_path / 'runs' / 'studies.db'}") if row["study"] == "a-width"]
    assert (row["waiting"], row["failed"]) == (2, 0)


def test_films_of_too_few_patients_are_refused_before_anything_is_trained(tmp_path):
    make_phantoms(tmp_path / "few", count_per_class=20, seed=0, image_size=32)
    result = run_study("run", "a-width", "--data", tmp_path / "few", runs=tmp_path / "runs")
    assert result.exit_code == 1
    assert "expected at least 20" in result.stderr


def test_a_dry_run_trains_nothing(films, tmp_path):
    result = run_study("run", "all", "--seeds", 2, "--dry-run", "--json", "--data", films, runs=tmp_path / "runs")
    assert result.exit_code == 0, result.output
    plan = json.loads(result.stdout)
    assert plan["scale"] == "full"
    assert len(plan["trainings"]) == 2 * len({tuple(row) for each in plan["trainings"] for row in each["rows"][:1]})
    assert not (tmp_path / "runs").exists()


def test_the_next_command_is_the_one_that_was_given(films, tmp_path, monkeypatch):
    def unfinished(_asked, _scale, trainings, **_):
        return [Standing(training, "waiting", None, None) for training in trainings]

    monkeypatch.setattr(session, "run_studies", unfinished)
    given = ["run", "a-width", "--rows", "0.25", "--rows", "0.5", "--seeds", "2", "--device", "cpu", "--tensorboard"]
    wanted = "next: pneumoscope study run a-width --rows 0.25,0.5 --seeds 2"
    result = run_study(*given, "--json", "--data", films, runs=tmp_path / "runs")
    assert f"{wanted} --device cpu --tensorboard --data {films}\n" in result.stderr
    # A password stays where it was: in the environment, or with whoever typed it.
    storage = "postgresql://me:secret@host/studies"
    result = run_study(*given, "--storage", storage, "--data", films, runs=tmp_path / "runs")
    assert f"{wanted} --storage 'postgresql+pg8000://me:***@host/studies' --device cpu" in result.stderr
    monkeypatch.setenv("PNEUMOSCOPE_STORAGE", storage)
    result = run_study(*given, "--data", films, runs=tmp_path / "runs")
    assert f"{wanted} --device cpu --tensorboard" in result.stderr
    assert "secret" not in result.output


def test_progress_never_runs_backwards(monkeypatch, tmp_path):
    monkeypatch.setenv("PNEUMOSCOPE_RUNS", str(tmp_path / "runs"))
    study = find_study("a-optimizer")
    shorter, longer = trainings_of([(study, study.row(f"adam-0.1-{epochs}")) for epochs in (8, 16)], [0], Scale())
    work = _Work(FilmCounts())
    work.look([Standing(shorter, "running", None, None), Standing(longer, "waiting", None, None)])
    # The shorter one diverges: the longer one shares nothing with it.
    found = [Standing(shorter, "diverged", "nan", None), Standing(longer, "waiting", None, None)]
    work.look(found)
    done, total = work.seconds(found)
    assert 0 < done < total


def test_heads_are_of_network_b_alone_and_a_scale_of_their_own(films, tmp_path):
    result = run_study("run", "combined", "--heads", "--dry-run", "--json", "--data", films, runs=tmp_path / "runs")
    plan = json.loads(result.stdout)
    assert plan["scale"] == "B's head alone"
    assert {row[0] for each in plan["trainings"] for row in each["rows"]} == {"combined"}
    assert len(plan["trainings"]) == sum(row.network == "b" for row in find_study("combined").rows)
    assert max(each["epochs"] for each in plan["trainings"]) <= 24  # none of fine-tuning


def test_rows_are_chosen_by_their_keys_in_all_studies_that_are_named():
    asked = chosen_rows(["a-width", "a-dropout"], ["0.25, 0.5"])
    assert {(study.name, row.key) for study, row in asked} >= {
        ("a-width", "0.25"),
        ("a-width", "0.5"),
        ("a-dropout", "0.5"),
    }
    assert len(chosen_rows(["all"], [])) > 107


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("8m", 480), ("1.5h", 5400), ("30", 30)])
def test_times_are_read(text, seconds):
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "0m", "-1", "8 minutes", "1d"])
def test_other_times_are_refused(text):
    with pytest.raises(UsageError, match="--time-limit"):
        seconds_of(text)


class Command:
    """`study run` in a process group of its own."""

    def __init__(self, folder, films, *options):
        script = folder / "command.py"
        script.write_text(COMMAND)
        arguments = ["run", "a-width", "--rows", "0.25,0.5", "--image-size", "32", "--epochs", "6", "--device", "cpu"]
        self.process = subprocess.Popen(
            [sys.executable, script, "study", *arguments, "--data", films, "--json", *options],
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "PNEUMOSCOPE_RUNS": str(folder / "runs"),
                "CUDA_VISIBLE_DEVICES": "",
            },
            start_new_session=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def wait_for(self, is_there):
        """Wait until something is there; the command must not end before."""
        until = time.monotonic() + PATIENCE_SECONDS
        while not is_there():
            assert time.monotonic() < until
            try:
                self.process.wait(0.02)
            except subprocess.TimeoutExpired:
                continue
            pytest.fail(self.process.stderr.read())

    def wait_for_the_group(self):
        """Wait until the workers are gone too."""
        until = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < until:
            try:
                os.killpg(self.process.pid, 0)
            except ProcessLookupError:
                return
        os.killpg(self.process.pid, signal.SIGKILL)
        pytest.fail("a worker outlives its parent")

    def end(self):
        return *self.process.communicate(timeout=PATIENCE_SECONDS), self.process.returncode


def epochs_kept(runs):
    """Run → its rows of history.csv."""
    return {path.parent.name: read_history(RunFolder(path.parent)) for path in runs.glob("study-*/history.csv")}


@pytest.mark.exhaustive
def test_a_study_that_is_killed_goes_on_and_loses_at_most_the_running_epoch(films, tmp_path):
    runs = tmp_path / "runs"
    first = Command(tmp_path, films)
    first.wait_for(lambda: any(epochs_kept(runs).values()))
    os.killpg(first.process.pid, signal.SIGKILL)  # the worker in mid-training, and its parent
    first.end()
    kept = epochs_kept(runs)
    assert any(kept.values())

    second = Command(tmp_path, films)
    second.wait_for(lambda: sum(map(len, epochs_kept(runs).values())) > sum(map(len, kept.values())))
    os.kill(second.process.pid, signal.SIGKILL)  # the parent alone
    second.end()
    second.wait_for_the_group()
    kept_then = epochs_kept(runs)

    stdout, stderr, code = Command(tmp_path, films).end()
    assert code == 0, stderr
    outcome = json.loads(stdout)
    assert (outcome["complete"], outcome["waiting"], outcome["running"], outcome["failed"]) == (2, 0, 0, 0)
    for name, history in epochs_kept(runs).items():
        assert len(history) == 6
        assert history[: len(kept.get(name, []))] == kept.get(
            name, []
        )  # their seconds too: they were not trained again
        assert history[: len(kept_then.get(name, []))] == kept_then.get(name, [])
    assert "next: pneumoscope study report" in stderr


@pytest.mark.slow
def test_ctrl_c_ends_cleanly(films, tmp_path):
    runs = tmp_path / "runs"
    command = Command(tmp_path, films)
    command.wait_for(lambda: any(epochs_kept(runs).values()))
    os.kill(command.process.pid, signal.SIGINT)
    _, stderr, code = command.end()
    assert code == 1
    assert "stopped by Ctrl-C; what was finished is kept" in stderr
    command.wait_for_the_group()
    status = json.loads(run_study("status", "--json", runs=runs).stdout)
    (row,) = [row for row in status["studies"] if row["study"] == "a-width"]
    assert (row["running"], row["failed"]) == (0, 0)
    assert row["waiting"] >= 1


@pytest.mark.exhaustive
def test_a_time_limit_ends_cleanly_and_the_same_command_goes_on(films, tmp_path):
    stdout, stderr, code = Command(tmp_path, films, "--time-limit", "1s").end()
    assert code == 0, stderr
    assert json.loads(stdout)["running"] == 0
    assert "next: pneumoscope study run a-width --rows 0.25,0.5 --time-limit 1s --image-size 32 --epochs 6" in stderr


def tasks_of_ray(runs):
    """The processes that train, or wait to."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            name, environment = (process / "cmdline").read_bytes(), (process / "environ").read_bytes()
        except OSError:
            continue
        if name.startswith(b"ray::run_task") and f"PNEUMOSCOPE_RUNS={runs}".encode() in environment.split(b"\0"):
            found.append(int(process.name))
    return found


RAY = ("--engine", "ray", "--workers", "2")


@pytest.fixture
def _ray(monkeypatch):
    if find_spec("ray") is None:
        pytest.skip("Ray is not installed here")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)


@pytest.mark.slow
@pytest.mark.usefixtures("_ray")
def test_rows_as_rays_tasks_go_on_in_another_where_one_is_killed_and_none_runs_twice(films, tmp_path):
    runs = tmp_path / "runs"
    command = Command(tmp_path, films, *RAY)
    command.wait_for(lambda: any(epochs_kept(runs).values()))
    killed = tasks_of_ray(runs)
    for task in killed:
        os.kill(task, signal.SIGKILL)
    kept = epochs_kept(runs)
    stdout, stderr, code = command.end()
    assert code == 0, stderr
    assert [line for line in stderr.splitlines() if "raylet" in line or "Traceback" in line] == []
    outcome = json.loads(stdout)
    assert (outcome["complete"], outcome["waiting"], outcome["running"], outcome["failed"]) == (2, 0, 0, 0)
    for name, history in epochs_kept(runs).items():
        assert [int(row["epoch"]) for row in history] == [1, 2, 3, 4, 5, 6]
        assert history[: len(kept.get(name, []))] == kept.get(name, [])  # their seconds too
        assert "epoch 6:" in (runs / name / "study.log").read_text()
    with opened_storage(f"sqlite:///{runs / 'studies.db'}") as storage:
        (study,) = storage.get_all_studies()
        trials = storage.get_all_trials(study._study_id)
    ended = [(trial.state.name, trial.user_attrs["run"]) for trial in trials]
    assert sorted(run for state, run in ended if state == "COMPLETE") == sorted(epochs_kept(runs))
    assert 1 <= sum(state == "FAIL" for state, _ in ended) <= len(killed)
    assert tasks_of_ray(runs) == []


@pytest.mark.exhaustive
@pytest.mark.usefixtures("_ray")
def test_ctrl_c_ends_rays_tasks_and_processes_go_on_with_their_rows(films, tmp_path):
    runs = tmp_path / "runs"
    command = Command(tmp_path, films, *RAY)
    command.wait_for(lambda: any(epochs_kept(runs).values()))
    os.killpg(command.process.pid, signal.SIGINT)  # as a terminal has it: Ray's processes too
    stdout, stderr, code = command.end()
    assert (stdout, code) == ("", 1)
    assert stderr.splitlines()[-1] == "error: stopped by Ctrl-C; what was finished is kept"
    assert tasks_of_ray(runs) == []
    status = json.loads(run_study("status", "--json", runs=runs).stdout)
    (row,) = [row for row in status["studies"] if row["study"] == "a-width"]
    assert (row["running"], row["waiting"] + row["complete"]) == (0, 2)
    kept = epochs_kept(runs)

    stdout, stderr, code = Command(tmp_path, films).end()
    assert code == 0, stderr
    assert json.loads(stdout)["complete"] == 2
    for name, history in epochs_kept(runs).items():
        assert history[: len(kept.get(name, []))] == kept.get(name, [])
